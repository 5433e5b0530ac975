"""Kraken's spot wallet answers: networks, addresses by name, deposits, withdrawals. Pure.

A withdrawal names an address that was registered before: nothing else can be withdrawn to. Refuses a status
it does not know, and a record whose name and address disagree. Sources: Kraken "Spot REST: Funding", "Get
Extended Balance", "Get Asset Info".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.money import Amount, asset_of
from vault.venues import matching
from vault.venues.base import (
    DepositStatus,
    SpotBalance,
    WhitelistEntry,
    WithdrawalState,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.common.reading import DepositPlace
from vault.venues.kraken import names
from vault.venues.kraken.answers import seconds, spot_object, spot_rows
from vault.venues.line.raw import Fields
from vault.venues.registry import same_address, same_txid

# Fees and amounts are written with eight digits: what is finer it might cut without a word.
DIGITS: Final = 8
# How deposits of an asset on a network are called; where nothing stands here the method names its network.
_DEPOSIT_METHODS: Final = {
    ("BTC", "Bitcoin"): "Bitcoin",
    ("ETH", "Ethereum"): "Ether (Hex)",
    ("SOL", "Solana"): "Solana",
    ("USDC", "Ethereum"): "USDC",
    ("USDT", "Ethereum"): "Tether USD (ERC20)",
    ("USDT", "Tron"): "Tether USD (TRC20)",
    ("XRP", "Ripple"): "Ripple XRP",
}
# An asset's ``status``: which of its two ways are open.
_WITHDRAWS: Final = {
    "enabled": True,
    "withdrawal_only": True,
    "deposit_only": False,
    "funding_temporarily_disabled": False,
}
_DEPOSITS: Final = {**_WITHDRAWS, "withdrawal_only": False, "deposit_only": True}

_WITHDRAWAL_STATES: Final[dict[str, WithdrawalState]] = {
    "Initial": "processing",
    "Pending": "processing",
    "Settled": "sent",
    "Success": "completed",
    "Failure": "refused",
}
# ``status-prop``: a cancellation that was asked for, made or denied; a return; a hold.
_CANCELLED: Final = frozenset({"canceled"})
_OPEN_PROPS: Final = frozenset({"", "cancel-pending", "cancel-denied", "onhold", "on-hold"})
_RETURNED: Final = frozenset({"return"})
_DEPOSIT_STATES: Final[dict[str, Literal["pending", "credited", "refused"]]] = {
    "Initial": "pending",
    "Pending": "pending",
    "Settled": "pending",
    "Success": "credited",
    "Failure": "refused",
}
_HELD: Final = frozenset({"onhold", "on-hold"})


@dataclass(frozen=True, slots=True)
class KrakenNetwork(WithdrawNetwork):
    """A network with the addresses that are registered for it: what a withdrawal chooses its name from."""

    keys: tuple[WhitelistEntry, ...] = ()

    def public(self) -> WithdrawNetwork:
        """Without the names, and without the limit: that counts what is in the wallet now."""
        said = {each.name: getattr(self, each.name) for each in fields(WithdrawNetwork)}
        return WithdrawNetwork(**{**said, "maximum": None})


@dataclass(frozen=True, slots=True)
class NetworkAnswers:
    """`info` is of any registered address of the network; None where there is none yet."""

    assets: Any
    methods: Any
    deposit_methods: Any
    addresses: Any
    info: Any = None


def methods(answer: Any, asset: str) -> Mapping[str, Fields]:
    """An asset's ways out, by the name of the method."""
    found: dict[str, Fields] = {}
    for line in spot_rows(answer, "withdrawMethods"):
        name = line.text("method")
        if names.ours(line.text("asset")) != asset:
            continue
        if found.setdefault(name, line).data != line.data:
            raise VenueError("bad_answer", f"{line.where}: expected {name} once, found two that differ")
    return found


def method_of(answer: Any, asset: str, network: str) -> Fields:
    """The one way out on a network. Raises `VenueError` (``venue.unknown_network``)."""
    found = [line for line in methods(answer, asset).values() if line.optional_text("network") == network]
    if len(found) != 1:
        raise VenueError(
            "unknown_network",
            f"expected one way to withdraw {asset} on {network}, the venue lists {len(found)}",
        )
    return found[0]


def deposit_method(answer: Any, asset: str, network: str) -> Fields | None:
    """The way in on a network, None where the venue lists none now. Raises ``venue.unknown_network``."""
    listed = {line.text("method"): line for line in spot_rows(answer, "depositMethods")}
    if (known := _DEPOSIT_METHODS.get((asset, network))) is not None:
        return listed.get(known)
    found = [name for name in listed if network in name]
    if len(found) > 1:
        raise VenueError(
            "unknown_network", f"expected one way to deposit {asset} on {network}, found {found}"
        )
    return listed[found[0]] if found else None


def usable(keys: tuple[WhitelistEntry, ...]) -> WhitelistEntry | None:
    """Any address that a withdrawal may name."""
    return next((each for each in keys if each.verified), None)


def withdraw_network(answers: NetworkAnswers, asset: str, network: str, at: datetime) -> KrakenNetwork:
    """One network of one asset; the fee is said with a registered address only.

    Raises `VenueError` (``venue.unknown_network``, ``venue.no_withdrawal_key``).
    """
    kind, line = asset_of(asset), method_of(answers.methods, asset, network)
    status, decimals = _asset(answers.assets, asset)
    if answers.info is None:
        raise VenueError(
            "no_withdrawal_key",
            f"expected a verified withdrawal address for {asset} on {network}: the venue says its fee only "
            "together with one, and withdraws nowhere else",
            hint="Register the address at the venue and confirm it there.",
        )
    info = spot_object(answers.info, "withdrawInfo")
    if info.text("method") != line.text("method"):
        raise VenueError(
            "bad_answer",
            f"withdrawInfo: expected {line.text('method')}, found the fee of {info.text('method')[:40]}",
        )
    way_in = deposit_method(answers.deposit_methods, asset, network)
    fee = info.amount("fee", kind)
    return KrakenNetwork(
        asset=asset,
        network=network,
        enabled=_WITHDRAWS[status],
        deposit_enabled=_DEPOSITS[status] and way_in is not None,
        fee=fee,
        # Both limits are said of what the address receives; the fee is taken out of what is asked for.
        minimum=Amount.floor(line.decimal("minimum"), kind) + fee,
        maximum=Amount.floor(info.decimal("limit"), kind),
        step=Amount(kind, 10 ** max(0, kind.decimals - min(DIGITS, decimals))),
        # Said nowhere: a deposit is deep enough when the venue calls it a success.
        confirmations=0,
        observed_at=at,
        deposit_minimum=None if way_in is None else _least(way_in, asset),
        keys=keys_of(answers.addresses, answers.methods, asset, network),
    )


def _asset(answer: Any, asset: str) -> tuple[str, int]:
    """(status, digits) of an asset."""
    listed = spot_object(answer, "assets")
    for name in listed.data:
        if names.ours(name) == asset:
            line = Fields.of(listed.data[name], f"assets.{name}")
            status = line.text("status")
            if status not in _WITHDRAWS:
                raise VenueError(
                    "unknown_status", f"{line.where}: expected a known status, found {status[:40]!r}"
                )
            return status, line.integer("decimals")
    raise VenueError("unknown_network", f"expected {asset} at the venue, it lists no such asset")


def _least(line: Fields, asset: str) -> Amount | None:
    """Never below what the venue says: rounded up to our base unit."""
    number = line.optional_decimal("minimum")
    if number is None or number <= 0:
        return None
    least = Amount.floor(number, asset_of(asset))
    return least if least.to_decimal() == number else least + Amount(asset_of(asset), 1)


def whitelist(addresses: Any, ways: Any) -> tuple[WhitelistEntry, ...]:
    """The registered addresses; a method that is listed no more stands for its network itself."""
    of_method = {
        (names.ours(line.text("asset")), line.text("method")): line.optional_text("network")
        for line in spot_rows(ways, "withdrawMethods")
    }
    found = []
    for line in spot_rows(addresses, "withdrawAddresses"):
        asset, method = names.ours(line.text("asset")), line.text("method")
        found.append(
            WhitelistEntry(
                asset=asset,
                network=of_method.get((asset, method)) or method,
                address=line.text("address"),
                tag=_tag(line),
                name=line.text("key"),
                verified=line.boolean("verified"),
            )
        )
    return tuple(dict.fromkeys(found))


def keys_of(addresses: Any, ways: Any, asset: str, network: str) -> tuple[WhitelistEntry, ...]:
    """The registered addresses of one network."""
    return tuple(
        each for each in whitelist(addresses, ways) if (each.asset, each.network) == (asset, network)
    )


def _tag(line: Fields) -> str:
    """A destination tag or memo, a text or a number."""
    for name in ("tag", "memo"):
        if line.has(name):
            value = line.data[name]
            return str(value) if isinstance(value, int) and not isinstance(value, bool) else line.text(name)
    return ""


def chosen_key(keys: tuple[WhitelistEntry, ...], request: WithdrawRequest) -> str:
    """The name of the registered address. Raises `VenueError` (``venue.no_withdrawal_key``)."""
    mine = sorted(
        each.name
        for each in keys
        if each.verified and same_address(each.address, request.address) and each.tag == request.tag
    )
    if not mine:
        raise VenueError(
            "no_withdrawal_key",
            f"expected {request.address} among the verified withdrawal addresses for {request.asset} on "
            f"{request.network}, the venue lists {len(keys)} others; nothing was sent",
            hint="Register the address at the venue and confirm it there.",
        )
    return mine[0]


def spot_balance(answer: Any, asset: str, at: datetime) -> SpotBalance:
    """An asset's balance; one that the venue does not list was never held there, and is zero."""
    kind, listed = asset_of(asset), spot_object(answer, "balances")
    found = [name for name in listed.data if names.ours(name) == asset]
    if len(found) > 1:
        raise VenueError("bad_answer", f"balances: expected {asset} once, found {', '.join(found)}")
    if not found:
        return SpotBalance(asset, Amount.zero(kind), Amount.zero(kind), at)
    line = Fields.of(listed.data[found[0]], f"balances.{found[0]}")
    total, held = line.decimal("balance"), line.decimal("hold_trade")
    free = max(total - held, total * 0)
    return SpotBalance(asset, Amount.floor(free, kind), Amount.floor(held, kind), at)


def deposit_place(answer: Any, asset: str) -> DepositPlace:
    """The current address: the newest that does not expire. Raises ``venue.no_deposit_address``."""
    lines = spot_rows(answer, "depositAddresses")
    lasting = [line for line in lines if not line.decimal("expiretm")]
    if not lasting:
        raise VenueError(
            "no_deposit_address",
            f"expected a deposit address of {asset} that does not expire, the venue lists none",
            hint="Make one at the venue, and attest it.",
        )
    # The venue lists the newest first; the one in use stays there until a newer one is made.
    return DepositPlace(lasting[0].text("address"), _tag(lasting[0]))


def deposits(lines: tuple[Fields, ...], asset: str, network: str, txid: str) -> tuple[DepositStatus, ...]:
    """The deposits of one transaction; the caller asked for one method only."""
    return tuple(
        dict.fromkeys(
            _deposit(line, asset, network)
            for line in lines
            if names.ours(line.text("asset")) == asset
            and line.has("txid")
            and same_txid(line.text("txid"), txid)
        )
    )


def _deposit(line: Fields, asset: str, network: str) -> DepositStatus:
    status, prop = line.text("status"), line.optional_text("status-prop")
    if status not in _DEPOSIT_STATES or prop not in _OPEN_PROPS | _RETURNED:
        raise VenueError(
            "unknown_status",
            f"{line.where}: expected a known deposit status, found {status[:40]!r} {prop[:40]!r}",
        )
    state = _DEPOSIT_STATES[status]
    return DepositStatus(
        state=state,
        unlocked=state == "credited" and prop not in _HELD,
        txid=line.text("txid"),
        asset=asset,
        network=network,
        amount=line.amount("amount", asset_of(asset)),
        address=line.text("info"),
        confirmations=0,
        required_confirmations=0,
        raw_status=f"{status} {prop}".strip(),
        tag=_tag(line),
        applied_at=seconds(line, "time"),
    )


def withdrawals(
    lines: tuple[Fields, ...], ways: Any, keys: tuple[WhitelistEntry, ...], request: WithdrawRequest
) -> tuple[WithdrawalStatus, ...]:
    """The records that can be `request`, with the network and tag that their method and name stand for."""
    of_method, ours = methods(ways, request.asset), _names(keys, request)
    found = []
    for line in lines:
        # Under our name it is ours to look at, whatever address it shows.
        shown = "" if line.optional_text("key") in ours else "info"
        mine = names.ours(line.text("asset")) == request.asset
        if mine and matching.may_be(line, request, address=shown):
            found.append(_withdrawal(line, of_method, keys, request))
    return tuple(dict.fromkeys(found))


def _names(keys: tuple[WhitelistEntry, ...], request: WithdrawRequest) -> set[str]:
    """Under which our address is registered."""
    return {
        each.name for each in keys if same_address(each.address, request.address) and each.tag == request.tag
    }


def _withdrawal(
    line: Fields, ways: Mapping[str, Fields], keys: tuple[WhitelistEntry, ...], request: WithdrawRequest
) -> WithdrawalStatus:
    kind = asset_of(request.asset)
    status, prop = line.text("status"), line.optional_text("status-prop")
    if status not in _WITHDRAWAL_STATES or prop not in _OPEN_PROPS | _CANCELLED | _RETURNED:
        raise VenueError(
            "unknown_status",
            f"{line.where}: expected a known withdrawal status, found {status[:40]!r} {prop[:40]!r}",
        )
    method = line.text("method")
    network = line.optional_text("network") or (
        ways[method].optional_text("network") if method in ways else method
    )
    txid = line.optional_text("txid") or None
    state = _WITHDRAWAL_STATES[status]
    if state == "processing" and txid is not None:
        state = "sent"
    found = WithdrawalStatus(
        state="cancelled" if state == "refused" and prop in _CANCELLED else state,
        venue_id=line.text("refid"),
        client_id="",
        txid=txid,
        asset=request.asset,
        amount=line.amount("amount", kind),
        fee=line.amount("fee", kind),
        address=line.text("info"),
        network=network,
        applied_at=seconds(line, "time"),
        raw_status=f"{status} {prop}".strip(),
        tag=_tag(line) or _registered_tag(line, keys, request),
    )
    _check_place(line, found, keys, request)
    return found


def _registered_tag(line: Fields, keys: tuple[WhitelistEntry, ...], request: WithdrawRequest) -> str:
    """A record that shows no tag has that of its registered address."""
    if not request.tag:
        return ""
    mine = {each.tag for each in keys if each.name == line.optional_text("key")}
    return mine.pop() if len(mine) == 1 else ""


def _check_place(
    line: Fields, found: WithdrawalStatus, keys: tuple[WhitelistEntry, ...], request: WithdrawRequest
) -> None:
    """A record of our asset and amount under our name must show our address: nothing is overlooked."""
    amounts = {found.gross, found.amount + (request.fee or Amount.zero(found.amount.asset))}
    if line.optional_text("key") not in _names(keys, request) or request.amount not in amounts:
        return
    place = (found.network, found.tag) == (request.network, request.tag)
    if not place or not same_address(found.address, request.address):
        raise VenueError(
            "bad_answer",
            f"{line.where}: expected {found.venue_id}, made with the name of {request.address}, to show that "
            f"address, found {found.address[:80]}",
            hint="Compare the record with the registered addresses at the venue by hand.",
        )
