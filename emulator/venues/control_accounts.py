"""Control of accounts, keys, positions, withdrawals, networks and deposit addresses."""

from __future__ import annotations

from emulator.venues.accounts import Account, ApiKey, Wallet
from emulator.venues.coins import CoinNetwork
from emulator.venues.control_fields import Fields
from emulator.venues.margin import Position
from emulator.venues.venue import Venue
from emulator.venues.withdrawals import FeeMode, Status

KEY_FIELDS = frozenset({"key", "secret", "withdraw", "transfer", "trade", "read", "ip_list"})
POSITION_FIELDS = frozenset({"symbol", "quantity", "entry_price", "leverage"})
CREATE_FIELDS = frozenset({"name", "keys", "spot", "futures", "positions", "multi_asset"})
ACCOUNT_POSITION_FIELDS = POSITION_FIELDS | {"account"}
ACCOUNT_KEY_FIELDS = KEY_FIELDS | {"account"}
CREDIT_FIELDS = frozenset({"account", "wallet", "asset", "amount"})
WHITELIST_FIELDS = frozenset({"account", "on", "entries"})
ENTRY_FIELDS = frozenset({"coin", "network", "address"})
WITHDRAWAL_FIELDS = frozenset(
    {
        "fee_mode",
        "refuse_duplicate_client_ids",
        "hold_at",
        "run_free",
        "reject_next",
        "confirmations_to_complete",
        "history_lag_ms",
        "history_lag_ticks",
        "suspended",
    }
)
REFUSE_FIELDS = frozenset({"id", "status", "reason"})
NETWORK_FLAGS = ("withdraw_enabled", "deposit_enabled")
NETWORK_NUMBERS = ("withdraw_fee", "withdraw_min", "withdraw_max", "withdraw_step", "deposit_dust")
NETWORK_COUNTS = ("min_confirm", "unlock_confirm")
NETWORK_FIELDS = frozenset({"coin", "network", *NETWORK_FLAGS, *NETWORK_NUMBERS, *NETWORK_COUNTS})
ADDRESS_FIELDS = frozenset({"account", "coin", "network", "show", "renew", "restore"})


def _key(venue: Venue, fields: Fields) -> ApiKey:
    return ApiKey(
        key=fields.text("key"),
        secret=fields.text("secret"),
        can_read=fields.flag_or("read", True),
        can_withdraw=fields.flag_or("withdraw", False),
        can_transfer=fields.flag_or("transfer", True),
        can_trade=fields.flag_or("trade", False),
        ip_list=fields.texts("ip_list"),
        created_ms=venue.clock.now_ms(),
    )


def _position(fields: Fields) -> Position:
    return Position(
        symbol=fields.text("symbol"),
        quantity=fields.number("quantity"),
        entry_price=fields.number("entry_price"),
        leverage=fields.integer_or("leverage", 20),
    )


def create(venue: Venue, fields: Fields) -> Account:
    """An account with keys, opening balances and positions, all or nothing."""
    keys = tuple(_key(venue, key) for key in fields.objects("keys", KEY_FIELDS))
    positions = [_position(entry) for entry in fields.objects("positions", POSITION_FIELDS)]
    unknown = {position.symbol for position in positions} - set(venue.market.symbols)
    if unknown:
        raise ValueError(f"expected symbols {sorted(venue.market.symbols)}, found {sorted(unknown)}")
    account = venue.create_account(
        fields.text("name"),
        keys=keys,
        spot=fields.amounts("spot"),
        futures=fields.amounts("futures"),
        multi_asset=fields.flag_or("multi_asset", True),
    )
    for position in positions:
        venue.set_position(account, position)
    return account


def set_position(venue: Venue, fields: Fields) -> None:
    venue.set_position(venue.account(fields.text("account")), _position(fields))


def add_key(venue: Venue, fields: Fields) -> None:
    key = _key(venue, fields)
    if venue.find_key(key.key) is not None:
        raise ValueError("expected a new API key, found one in use")
    venue.account(fields.text("account")).keys.append(key)


def credit(venue: Venue, fields: Fields) -> None:
    """Money from nowhere, for setting a scene."""
    account = venue.account(fields.text("account"))
    wallet = Wallet(fields.text("wallet"))
    account.credit(wallet, fields.text("asset"), fields.number("amount"), venue.clock.now_ms())


def set_whitelist(venue: Venue, fields: Fields) -> None:
    """Replace the venue-side withdrawal whitelist and switch it."""
    account = venue.account(fields.text("account"))
    if "entries" in fields:
        account.whitelist = [
            (entry.text("coin"), entry.text("network"), entry.text("address"))
            for entry in fields.objects("entries", ENTRY_FIELDS)
        ]
    account.whitelist_on = fields.flag_or("on", account.whitelist_on)


def set_withdrawals(venue: Venue, fields: Fields) -> None:
    """How withdrawals behave from now on."""
    settings = venue.withdrawals.settings
    if "fee_mode" in fields:
        settings.fee_mode = FeeMode(fields.text("fee_mode"))
    if "hold_at" in fields:
        settings.hold_at = Status(fields.integer_or("hold_at", 0))
    if fields.flag_or("run_free", False):
        settings.hold_at = None
    settings.refuse_duplicate_client_ids = fields.flag_or(
        "refuse_duplicate_client_ids", settings.refuse_duplicate_client_ids
    )
    for name in ("reject_next", "confirmations_to_complete", "history_lag_ms", "history_lag_ticks"):
        setattr(settings, name, fields.integer_or(name, getattr(settings, name)))
    venue.withdrawals_suspended = fields.flag_or("suspended", venue.withdrawals_suspended)


def refuse_withdrawal(venue: Venue, fields: Fields) -> None:
    """Cancel, reject or fail one open, unpaid withdrawal by id; the money goes back."""
    wanted, status = fields.text("id"), Status(fields.integer_or("status", int(Status.REJECTED)))
    if status not in {Status.CANCELLED, Status.REJECTED, Status.FAILED}:
        raise ValueError(f"expected status 1, 3 or 5, found {int(status)}")
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


def change_deposit_address(venue: Venue, fields: Fields) -> str:
    """Renew the address, show a foreign one instead (`show`), or stop showing it (`restore`)."""
    account, coin = venue.account(fields.text("account")), fields.text("coin")
    place = (coin, venue.network(coin, fields.text_or("network")).network)
    if "show" in fields:
        account.shown_addresses[place] = fields.text("show")
    if fields.flag_or("restore", False):
        account.shown_addresses.pop(place, None)
    if fields.flag_or("renew", False):
        return venue.deposits.renew(account, *place, venue.chains[place])
    return venue.deposit_address(account, *place)
