"""Control of what leaves and enters: withdrawals, networks, deposit addresses, payments from outside."""

from __future__ import annotations

from emulator.venues.control.fields import FieldError, Fields
from emulator.venues.engine.accounts import DepositPlace
from emulator.venues.engine.coins import CoinNetwork
from emulator.venues.engine.exact import to_base_units
from emulator.venues.engine.paper_chain import PaperChain
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import REFUSED_STATUSES, WAY, ClientIds, FeeMode, Status

WITHDRAWAL_COUNTS = (
    "reject_next",
    "travel_rule_next",
    "confirmations_to_complete",
    "history_lag_ms",
    "history_lag_ticks",
    "spacing_ms",
)
WITHDRAWAL_FIELDS = frozenset(
    {"fee_mode", "client_ids", "hold_at", "run_free", "suspended", *WITHDRAWAL_COUNTS}
)
REFUSE_FIELDS = frozenset({"id", "status", "reason"})
NETWORK_FLAGS = ("withdraw_enabled", "deposit_enabled")
NETWORK_NUMBERS = ("withdraw_fee", "withdraw_min", "withdraw_max", "withdraw_step", "deposit_dust")
NETWORK_COUNTS = ("min_confirm", "unlock_confirm")
NETWORK_FIELDS = frozenset({"coin", "network", *NETWORK_FLAGS, *NETWORK_NUMBERS, *NETWORK_COUNTS})
ADDRESS_FIELDS = frozenset({"account", "coin", "network", "show", "show_tag", "renew", "restore"})
RECEIVE_FIELDS = frozenset({"coin", "network", "address", "tag", "amount", "confirmations"})


def set_withdrawals(venue: Venue, fields: Fields) -> None:
    """How withdrawals behave from now on."""
    settings = venue.withdrawals.settings
    if "fee_mode" in fields:
        settings.fee_mode = fields.choice("fee_mode", FeeMode)
    if "client_ids" in fields:
        settings.client_ids = fields.choice("client_ids", ClientIds)
    if "hold_at" in fields:
        hold = fields.choice("hold_at", Status)
        if hold not in WAY:
            raise ValueError(f"expected one of {[str(status) for status in WAY]}, found {hold}")
        settings.hold_at = hold
    if fields.flag_or("run_free", False):
        settings.hold_at = None
    for name in WITHDRAWAL_COUNTS:
        setattr(settings, name, fields.integer_or(name, getattr(settings, name)))
    venue.withdrawals_suspended = fields.flag_or("suspended", venue.withdrawals_suspended)


def refuse_withdrawal(venue: Venue, fields: Fields) -> None:
    """Cancel, reject or fail one open, unpaid withdrawal by id; the money goes back."""
    wanted = fields.text("id")
    status = fields.choice("status", Status) if "status" in fields else Status.REJECTED
    if status not in REFUSED_STATUSES:
        raise ValueError(f"expected cancelled, rejected or failed, found {status}")
    for record in venue.withdrawals.records:
        if record.id == wanted:
            account = venue.accounts[record.uid]
            reason = fields.text_or("reason", "refused by the venue") or ""
            venue.withdrawals.refuse(record, account, status, reason, venue.clock.now_ms())
            return
    raise ValueError(f"no withdrawal {wanted!r}")


def set_network(venue: Venue, fields: Fields) -> CoinNetwork:
    """Fees, limits, flags and confirmations of one network."""
    network = venue.network(fields.text("coin"), fields.text_or("network"))
    for name in NETWORK_FLAGS:
        setattr(network, name, fields.flag_or(name, getattr(network, name)))
    for name in NETWORK_NUMBERS:
        if name in fields:
            setattr(network, name, fields.number(name))
    for name in NETWORK_COUNTS:
        setattr(network, name, fields.integer_or(name, getattr(network, name)))
    return network


def change_deposit_address(venue: Venue, fields: Fields) -> DepositPlace:
    """Renew the address, show a foreign one instead (`show`, `show_tag`), or stop showing it (`restore`)."""
    account, coin = venue.account(fields.text("account")), fields.text("coin")
    rules = venue.network(coin, fields.text_or("network"))
    key = (coin, rules.network)
    if "show" in fields:
        account.shown_addresses[key] = DepositPlace(fields.text("show"), fields.text_or("show_tag") or "")
    if fields.flag_or("restore", False):
        account.shown_addresses.pop(key, None)
    if fields.flag_or("renew", False):
        return venue.deposits.renew(account, coin, rules, venue.chains[key])
    return venue.deposit_address(account, *key)


def receive(venue: Venue, fields: Fields) -> str:
    """Somebody pays an address on a paper chain; returns the txid. A real chain is paid on that chain."""
    coin = fields.text("coin")
    rules = venue.network(coin, fields.text_or("network"))
    chain = venue.chains.get((coin, rules.network))
    if not isinstance(chain, PaperChain):
        raise FieldError(f"expected a paper chain behind {coin} on {rules.network}, found {chain!r}")
    return chain.receive(
        fields.text("address"),
        to_base_units(fields.number("amount"), rules.decimals),
        fields.text_or("tag") or "",
        confirmations=fields.integer_or("confirmations", 0),
    )
