"""What Kraken calls assets, accounts and contracts, against the engine's plain names.

Source: Kraken "Asset names": XXBT and ZUSD are ids, XBT and USD their short names; both are taken.
"""

from __future__ import annotations

from collections.abc import Container

from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal

ALTNAMES = {"BTC": "XBT"}
IDS = {"BTC": "XXBT", "ETH": "XETH", "XRP": "XXRP", "USD": "ZUSD", "EUR": "ZEUR"}
_KNOWN = {name: asset for table in (ALTNAMES, IDS) for asset, name in table.items()}
UID_DIGITS = 14


def altname(asset: str) -> str:
    return ALTNAMES.get(asset, asset)


def asset_id(asset: str) -> str:
    return IDS.get(asset, asset)


def plain_name(theirs: str) -> str:
    """The engine's name of an asset, from any of theirs."""
    name = theirs.upper()
    return _KNOWN.get(name, name)


def iban(uid: int) -> str:
    """The account's number as the spot side writes it: AA and fourteen digits, in groups of four."""
    text = f"AA{uid:0{UID_DIGITS}d}"
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def futures_account(uid: int) -> str:
    """The same account as the futures side writes it."""
    return f"{uid:08x}-0000-4000-8000-{uid:012x}"


def account_uid(uid: int) -> str:
    """Both, as one who reads from both sides can name the account."""
    return f"{iban(uid).replace(' ', '')}/{futures_account(uid)}"


def pair(contract: SymbolMarket) -> str:
    """The id of the spot pair beside a contract."""
    return asset_id(contract.base) + asset_id(contract.quote)


def known_asset(theirs: str, known: Container[str]) -> str:
    """The engine's name of an asset that is one of `known`; raises Refusal UNKNOWN_ASSET."""
    asset = plain_name(theirs)
    if asset not in known:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=theirs)
    return asset
