"""Hyperliquid wallet answers: the one way in and out, the ledger, and a withdrawal that was signed. Pure.

Refuses to post an action that is not, field by field, the withdrawal that was asked for, and a ledger line
without its amount or time. The venue names no minimum and no fee in an answer: they are those of its
documentation, and a ledger line with another fee is told as a difference. Sources: Hyperliquid "Bridge2",
"Exchange endpoint", "Info endpoint" (userNonFundingLedgerUpdates).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from vault.canonical import read_json
from vault.errors import VaultError, VenueError
from vault.money import USDC, Amount
from vault.venues.base import DepositStatus, SpotBalance, WithdrawalStatus, WithdrawNetwork, WithdrawRequest
from vault.venues.common.amounts import exact_text
from vault.venues.common.reading import DepositPlace
from vault.venues.line.raw import Fields, rows
from vault.venues.registry import same_txid

COIN: Final = "USDC"
NETWORK: Final = "Arbitrum"
WALLET: Final = "margin"
BRIDGE: Final = "0x2Df1c51E09aECF9cacB7bc98cB1742757f163dF7"
MAINNET: Final = "Mainnet"
FEE: Final = Amount(USDC, 1_000_000)
MINIMUM: Final = Amount(USDC, 2_000_000)  # ours: less than twice the fee is no withdrawal anybody means
DEPOSIT_MINIMUM: Final = Amount(USDC, 5_000_000)
STEP: Final = Amount(USDC, 1)
PAGE: Final = 500  # lines of one answer of a history, the most there are
# The ledger has been seen to write a nonce with three more digits than it was signed with.
_FINER: Final = 1000


def withdraw_network(at: datetime) -> WithdrawNetwork:
    """USDC on Arbitrum, whose withdrawals the venue never calls closed beforehand."""
    return WithdrawNetwork(
        asset=COIN,
        network=NETWORK,
        enabled=True,
        deposit_enabled=True,
        fee=FEE,
        minimum=MINIMUM,
        maximum=None,
        step=STEP,
        confirmations=1,
        observed_at=at,
        deposit_minimum=DEPOSIT_MINIMUM,
    )


def deposit_place() -> DepositPlace:
    """The bridge: one address for everybody, the sender is credited."""
    return DepositPlace(BRIDGE, wallet=WALLET)


def balance(state: Any, at: datetime) -> SpotBalance:
    """What of the margin can be withdrawn, from clearinghouseState."""
    fields = Fields.of(state, "state")
    whole = Fields.of(fields.data.get("marginSummary"), "state.marginSummary").decimal("accountValue")
    free = max(fields.decimal("withdrawable"), whole * 0)
    locked = max(whole - free, whole * 0)
    return SpotBalance(COIN, Amount.floor(free, USDC), Amount.floor(locked, USDC), at)


def signed_body(request: WithdrawRequest) -> Mapping[str, Any]:
    """The body of the signed action, when it is exactly this request.

    Raises `VenueError`: ``not_signed``, ``other_action``.
    """
    if not request.signed_action:
        raise VenueError(
            "not_signed",
            "hyperliquid: expected a withdrawal that its device has signed; nothing was sent",
            hint="Run `vault sign PLAN` first.",
        )
    try:
        said = read_json(request.signed_action, what="signed action")
        action, nonce = said["action"], said["nonce"]
        found = (
            set(said),
            action["type"],
            action["hyperliquidChain"],
            action["destination"],
            action["amount"],
            action["time"],
            len(action),
        )
    except (VaultError, KeyError, TypeError):
        raise _other("a body of action, nonce and signature") from None
    wanted = (
        {"action", "nonce", "signature"},
        "withdraw3",
        MAINNET,
        request.address.lower(),
        exact_text(request.amount),
        nonce,
        6,
    )
    if type(nonce) is not int or found != wanted:
        raise _other(f"{request.amount} to {request.address}, with one nonce")
    return dict(said)


def _other(expected: str) -> VenueError:
    return VenueError(
        "other_action",
        f"hyperliquid: expected a signed withdrawal of {expected}, found another; nothing was sent",
        hint="Do not send this plan: the signed action is not the planned one.",
    )


def nonce_of(request: WithdrawRequest) -> str:
    """The nonce of the signed action, which is what the venue knows the withdrawal by."""
    return str(signed_body(request)["nonce"])


def receipt(answer: Fields, nonce: str) -> str:
    """The nonce, once the venue said ok; any other answer makes the outcome unknown."""
    told = Fields.of(answer.data.get("response"), "exchange.response")
    if answer.text("status") != "ok" or told.text("type") != "default":
        raise VenueError("bad_answer", "exchange: expected status ok of type default")
    return nonce


def every_line(answer: Any) -> tuple[Fields, ...]:
    """All lines of an answer of the ledger."""
    return rows(answer, "ledger")


def lines(answer: Any, kind: str) -> tuple[Fields, ...]:
    """The ledger's lines of one kind; lines of other kinds are not read."""
    return tuple(
        line
        for line in every_line(answer)
        if Fields.of(line.data.get("delta"), f"{line.where}.delta").data.get("type") == kind
    )


def withdrawals(found: Iterable[Fields], request: WithdrawRequest) -> tuple[WithdrawalStatus, ...]:
    """The lines with our nonce. The amount is net of the fee, or gross where only that is what we asked for.

    The venue names neither address nor transaction: the address is that of the action the nonce belongs to.
    """
    return tuple(
        _withdrawal(line, delta, request)
        for line in found
        if _same_nonce(delta := Fields.of(line.data["delta"], f"{line.where}.delta"), request.client_id)
    )


def _same_nonce(delta: Fields, ours: str) -> bool:
    theirs = delta.integer("nonce")
    return ours in {str(theirs), str(theirs // _FINER)}


def _withdrawal(line: Fields, delta: Fields, request: WithdrawRequest) -> WithdrawalStatus:
    amount, fee = delta.amount("usdc", USDC), delta.amount("fee", USDC)
    if amount == request.amount and fee < amount:
        amount -= fee
    return WithdrawalStatus(
        state="processing",
        venue_id=request.client_id,
        client_id=request.client_id,
        txid=None,
        asset=COIN,
        amount=amount,
        fee=fee,
        address=request.address,
        network=NETWORK,
        applied_at=line.instant("time"),
        raw_status=f"withdraw {line.text('hash')}",
    )


def deposits(found: Iterable[Fields], txid: str) -> tuple[DepositStatus, ...]:
    """The lines that carry the hash of that transaction on Arbitrum; the ledger has only what is credited."""
    return tuple(
        DepositStatus(
            state="credited",
            unlocked=True,
            txid=txid,
            asset=COIN,
            network=NETWORK,
            amount=Fields.of(line.data["delta"], f"{line.where}.delta").amount("usdc", USDC),
            address=BRIDGE,
            confirmations=1,
            required_confirmations=1,
            raw_status="deposit",
            credited_at=line.instant("time"),
        )
        for line in found
        if same_txid(line.text("hash"), txid)
    )
