"""Control of accounts: keys, wallets, positions, whitelist, holds and nonces."""

from __future__ import annotations

from emulator.venues.control.fields import Fields
from emulator.venues.engine.accounts import Account, WhitelistEntry
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.positions import ONE_WAY, Position
from emulator.venues.engine.venue import Venue

KEY_FIELDS = frozenset(
    {
        "key",
        "secret",
        "passphrase",
        "withdraw",
        "transfer",
        "trade",
        "read",
        "addresses",
        "ip_list",
        "realm",
        "facts",
    }
)
POSITION_FIELDS = frozenset({"symbol", "quantity", "entry_price", "leverage", "isolated_margin", "side"})
CREATE_FIELDS = frozenset({"name", "keys", "wallets", "positions", "mode"})
ACCOUNT_FIELDS = frozenset({"account", "mode", "held_until_ms", "deposit_wallet"})
ACCOUNT_POSITION_FIELDS = POSITION_FIELDS | {"account"}
ACCOUNT_KEY_FIELDS = KEY_FIELDS | {"account"}
NONCE_FIELDS = frozenset({"key", "last"})
CREDIT_FIELDS = frozenset({"account", "wallet", "asset", "amount"})
WHITELIST_FIELDS = frozenset({"account", "on", "entries"})
ENTRY_FIELDS = frozenset({"coin", "network", "address", "tag", "name", "usable", "usable_from_ms"})


def _key(venue: Venue, fields: Fields) -> ApiKey:
    return ApiKey(
        key=fields.text("key"),
        secret=fields.text("secret"),
        passphrase=fields.text_or("passphrase") or "",
        can_read=fields.flag_or("read", True),
        can_read_addresses=fields.flag_or("addresses", True),
        can_withdraw=fields.flag_or("withdraw", False),
        can_transfer=fields.flag_or("transfer", True),
        can_trade=fields.flag_or("trade", False),
        ip_list=fields.texts("ip_list"),
        created_ms=venue.clock.now_ms(),
        realm=fields.text_or("realm") or "",
        facts=fields.names("facts"),
    )


def _position(fields: Fields) -> Position:
    return Position(
        symbol=fields.text("symbol"),
        quantity=fields.number("quantity"),
        entry_price=fields.number("entry_price"),
        leverage=fields.integer_or("leverage", 20),
        isolated_margin=fields.number_or("isolated_margin"),
        side=fields.text_or("side") or ONE_WAY,
    )


def create(venue: Venue, fields: Fields) -> Account:
    """An account with keys, opening balances and positions, all or nothing."""
    keys = tuple(_key(venue, key) for key in fields.objects("keys", KEY_FIELDS))
    positions = [_position(entry) for entry in fields.objects("positions", POSITION_FIELDS)]
    unknown = {position.symbol for position in positions} - set(venue.market.symbols)
    if unknown:
        raise ValueError(f"expected symbols {sorted(venue.market.symbols)}, found {sorted(unknown)}")
    wallets = fields.wallets("wallets")
    strange = set(wallets) - set(venue.profile.wallets)
    if strange:
        raise ValueError(f"expected wallets {list(venue.profile.wallets)}, found {sorted(strange)}")
    account = venue.create_account(
        fields.text("name"), keys=keys, wallets=wallets, mode=fields.text_or("mode")
    )
    for position in positions:
        venue.set_position(account, position)
    return account


def change(venue: Venue, fields: Fields) -> None:
    """The margin mode, the wallet that deposits go to, and until when withdrawals are held."""
    account = venue.account(fields.text("account"))
    if "mode" in fields:
        account.mode = venue.known_mode(fields.text("mode"))
    if "deposit_wallet" in fields:
        wallet = fields.text("deposit_wallet")
        account.wallet(wallet)
        account.deposit_wallet = wallet
    account.held_until_ms = fields.integer_or("held_until_ms", account.held_until_ms)


def set_position(venue: Venue, fields: Fields) -> None:
    venue.set_position(venue.account(fields.text("account")), _position(fields))


def add_key(venue: Venue, fields: Fields) -> None:
    key = _key(venue, fields)
    if venue.find_key(key.key) is not None:
        raise ValueError("expected a new API key, found one in use")
    venue.account(fields.text("account")).keys.append(key)


def set_nonce(venue: Venue, fields: Fields) -> None:
    """The last nonce the exchange has seen of a key, as when another program used it."""
    venue.nonces.last[fields.text("key")] = fields.integer_or("last", 0)


def credit(venue: Venue, fields: Fields) -> None:
    """Money from nowhere, for setting a scene."""
    account = venue.account(fields.text("account"))
    account.credit(fields.text("wallet"), fields.text("asset"), fields.number("amount"), venue.clock.now_ms())


def set_whitelist(venue: Venue, fields: Fields) -> None:
    """Replace the venue-side withdrawal whitelist and switch it."""
    account = venue.account(fields.text("account"))
    if "entries" in fields:
        account.whitelist = [_entry(entry) for entry in fields.objects("entries", ENTRY_FIELDS)]
    account.whitelist_on = fields.flag_or("on", account.whitelist_on)


def _entry(fields: Fields) -> WhitelistEntry:
    return WhitelistEntry(
        asset=fields.text("coin"),
        network=fields.text("network"),
        address=fields.text("address"),
        tag=fields.text_or("tag") or "",
        name=fields.text_or("name") or "",
        usable=fields.flag_or("usable", True),
        usable_from_ms=fields.integer_or("usable_from_ms", 0),
    )
