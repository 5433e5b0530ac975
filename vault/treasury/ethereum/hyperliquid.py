"""Withdrawals from Hyperliquid: signed on the device that owns the account, followed to the bridge's payment.

The step keeps the one action that was signed: it is posted again as it is, never signed a second time, so
that the venue takes it at most once. Refuses a device that shows only hashes: alone it would decide blindly.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vault.clock import from_milliseconds
from vault.errors import BooksError, ConfigError, EthereumError
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault.config_chains import AccountSettings
    from vault.device.ethereum.request import EthereumAccount
    from vault.device.session import DeviceSession
    from vault.ethereum.hyperliquid.actions import Action, SignedAction
    from vault.ethereum.hyperliquid.verify import PlannedWithdrawal
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

SIGNED_ACTION: Final = "signed_action"
NONCE: Final = "action_nonce"
HEIGHT: Final = "action_height"
# Less than the venue's two days: what is posted in the last moment must still be inside them when it arrives.
POSTED_FOR: Final = timedelta(days=1)
AHEAD: Final = timedelta(minutes=5)  # of our clock, before a nonce is of the future


def needs_device(desk: Desk, transfer: Transfer) -> bool:
    """Whether a withdrawal is signed on a device before it can be sent."""
    if transfer.kind != "venue_withdrawal":
        return False
    return traits_of(desk.treasury.venue(transfer.venue_account).exchange).signed_by == "device"


def owner_of(desk: Desk, transfer: Transfer) -> AccountSettings:
    """The account whose key owns the venue account. Raises `ConfigError` (``config.no_signer``)."""
    venue = desk.treasury.venue(transfer.venue_account)
    for account in desk.treasury.config.account:
        if account.kind == "device" and account.address.lower() == venue.account_uid.lower():
            return account
    raise ConfigError(
        "no_signer",
        f"{venue.name}: expected an [[account]] of a device with the address {venue.account_uid}",
        hint="Only the key that owns a Hyperliquid account withdraws from it: name its device and path.",
    )


def sign_action(session: DeviceSession, account: EthereumAccount, action: Action) -> SignedAction:
    """Have a device sign an action: in full where it can, else its hashes. Raises `DeviceError`, its kin."""
    from vault.device.ethereum.sign import sign_typed_data
    from vault.ethereum.hyperliquid.actions import SignedAction, typed_data

    return SignedAction(action, sign_typed_data(session, typed_data(action), account))


def sign_withdrawal(desk: Desk, transfer: Transfer, session: DeviceSession) -> dict[str, str]:
    """The facts that a withdrawal is sent by, signed now; `session` is that of the owner's device.

    Raises `DeviceError` and its kin, `EthereumError` (``blind_signer``, ``wrong_signer``, …), `ConfigError`.
    """
    from vault.device.ethereum.typed_exchange import signs_in_full
    from vault.ethereum.hyperliquid.actions import Withdraw, typed_data
    from vault.ethereum.hyperliquid.verify import require_withdrawal
    from vault.treasury.ethereum.accounts import chain_named, device_key
    from vault.venues.common.reading import unix_milliseconds

    account = owner_of(desk, transfer)
    nonce = unix_milliseconds(desk.clock.now())
    action = Withdraw(transfer.payment.address, transfer.gross, nonce)
    if not signs_in_full(session.features, typed_data(action)):
        raise EthereumError(
            "blind_signer",
            f"expected a device that shows a withdrawal in full, {account.device} shows only its hash",
            hint="Nobody signs alone what nobody can read: let the account's key be on another model.",
        )
    height = desk.ethereum(chain_named(desk.treasury, transfer.network).name).tip().number
    signed = sign_action(session, device_key(account), action)
    require_withdrawal(signed, _planned(transfer, account, nonce))
    return {SIGNED_ACTION: signed.text(), NONCE: str(nonce), HEIGHT: str(height)}


def signed_withdrawal(desk: Desk, transfer: Transfer, facts: Mapping[str, object]) -> str:
    """What is posted: the signed action, proven again to be the planned one, and young enough.

    Raises `EthereumError` (``not_signed``, ``stale_action``, ``altered_action``, ``wrong_signer``, …).
    """
    from vault.ethereum.hyperliquid.actions import SignedAction
    from vault.ethereum.hyperliquid.verify import require_withdrawal

    text = str(facts.get(SIGNED_ACTION, ""))
    if not text:
        raise EthereumError(
            "not_signed",
            f"transfer {transfer.number}: expected a withdrawal that its device has signed, found none",
            hint="Run `vault sign PLAN` first.",
        )
    nonce = int(str(facts[NONCE]))
    require_withdrawal(SignedAction.parse(text), _planned(transfer, owner_of(desk, transfer), nonce))
    age = desk.clock.now() - from_milliseconds(nonce)
    if not -AHEAD <= age <= POSTED_FOR:
        raise EthereumError(
            "stale_action",
            f"transfer {transfer.number}: expected an action at most {POSTED_FOR} old, found one of {age}",
            hint="Cancel the plan and make a new one, once `vault reconcile` has settled this one.",
        )
    return text


def payout_txid(desk: Desk, transfer: Transfer, facts: Mapping[str, object]) -> str | None:
    """The transaction by which the bridge paid; None while there is none: the venue names no transaction.

    Raises `BooksError` (``books.paid_twice``), `EthereumError` (``bad_payout``, ``no_answer``, …).
    """
    from vault.ethereum.hyperliquid.bridge import BRIDGE, Payout, payout_topics, payouts
    from vault.ethereum.node.base import LogFilter
    from vault.evm.address import evm_checksummed
    from vault.treasury.ethereum.accounts import chain_named

    account = evm_checksummed(desk.treasury.venue(transfer.venue_account).account_uid)
    payout = Payout(account, transfer.payment.address, transfer.gross - transfer.fee, int(str(facts[NONCE])))
    topic, user = payout_topics(account)
    with (node := desk.ethereum(chain_named(desk.treasury, transfer.network).name)).session():
        tip = node.tip().number
        asked = LogFilter(int(str(facts[HEIGHT])), tip, (BRIDGE,), ((topic,), (user,)))
        found = payouts(((log.transaction_hash, log.event) for log in node.logs(asked)), payout)
    if len(found) > 1:
        raise BooksError(
            "paid_twice",
            f"expected the bridge to pay nonce {payout.nonce} once, found {', '.join(found)}",
            hint="Stop, and ask the venue. Nothing was closed.",
        )
    return found[0] if found else None


def _planned(transfer: Transfer, account: AccountSettings, nonce: int) -> PlannedWithdrawal:
    from vault.ethereum.hyperliquid.verify import PlannedWithdrawal

    return PlannedWithdrawal(account.address, transfer.payment.address, transfer.gross, nonce)
