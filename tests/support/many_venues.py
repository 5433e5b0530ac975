"""Twelve accounts over the emulated exchanges: usual positions, keys in a keyring, settings to read them.

An exchange has several accounts, as a treasury has: they share its server and its rate limit.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.venues.control.client import VenueControl
from emulator.venues.kraken.names import account_uid
from vault.config import VenueSettings

TREASURY = "many-venues"
COIN = {"symbol": "BTCUSD_PERP", "quantity": "-800", "entry_price": "80000", "leverage": 10}
DOLLAR = {"symbol": "BTCUSDT", "quantity": "1", "entry_price": "79000", "leverage": 20}


@dataclass(frozen=True)
class Kind:
    """An account as its exchange is asked to make it, and what our settings of it need beside the usual."""

    name: str
    exchange: str
    wallets: Mapping[str, Mapping[str, str]]
    positions: tuple[Mapping[str, object], ...]
    mode: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def _binance(name: str, product: str, mode: str | None = None) -> Kind:
    return Kind(
        name,
        "binance",
        {"spot": {"BTC": "1"}, "coin_futures": {"BTC": "2"}, "futures": {"USDT": "30000"}},
        (COIN,) if product == "coinm" else (DOLLAR,),
        mode,
        {"product": product},
    )


def _bybit(name: str) -> Kind:
    wallets = {"unified": {"BTC": "1.5", "USDT": "20000"}, "funding": {"BTC": "3"}}
    held = {"symbol": "BTCUSDT", "quantity": "0.5", "entry_price": "79000", "leverage": 10}
    return Kind(name, "bybit", wallets, (held,))


def _okx(name: str, mode: str) -> Kind:
    held = {"symbol": "BTC-USDT-SWAP", "quantity": "100", "entry_price": "59000", "leverage": 10}
    wallets = {"trading": {"BTC": "2", "USDT": "1000000"}, "funding": {"BTC": "3"}}
    return Kind(name, "okx", wallets, (held,), mode)


def _deribit(name: str, mode: str, currency: str) -> Kind:
    held = {"symbol": "BTC-PERPETUAL", "quantity": "50000", "entry_price": "80000"}
    wallets = {"margin": {"BTC": "20", "USDC": "300000"}}
    return Kind(name, "deribit", wallets, (held,), mode, {"margin_currency": currency})


def _kraken(name: str) -> Kind:
    held = {"symbol": "PF_XBTUSD", "quantity": "3", "entry_price": "59000", "leverage": 10}
    return Kind(name, "kraken", {"flex": {"BTC": "2.5", "USD": "20000"}, "spot": {"BTC": "1"}}, (held,))


TWELVE = (
    _binance("binance-usdm", "usdm"),
    _binance("binance-usdm-second", "usdm"),
    _binance("binance-coinm", "coinm", "single_asset"),
    _binance("binance-portfolio", "portfolio", "portfolio"),
    _bybit("bybit-main"),
    _bybit("bybit-second"),
    _okx("okx-main", "multi_currency"),
    _okx("okx-second", "multi_currency"),
    _deribit("deribit-main", "segregated_sm", "BTC"),
    _deribit("deribit-cross", "cross_sm", ""),
    _kraken("kraken-main"),
    _kraken("kraken-second"),
)
EXCHANGES = tuple(dict.fromkeys(kind.exchange for kind in TWELVE))


def key_of(kind: Kind) -> dict[str, str]:
    """The read key of an account: every exchange's parts."""
    parts = ("key", "secret", "password", "futures_key", "futures_secret")
    told = {part: f"{kind.name}-{part}" for part in parts}
    if kind.exchange != "kraken":
        return told
    # Kraken's secrets are base64.
    encoded = {part: base64.b64encode(text.encode()).decode() for part, text in told.items()}
    return told | {part: encoded[part] for part in ("secret", "futures_secret")}


def _rights(kind: Kind) -> list[dict[str, str]]:
    """The same key as the exchange is told of it."""
    key = key_of(kind)
    spot = {"key": key["key"], "secret": key["secret"]}
    if kind.exchange == "okx":
        return [{**spot, "passphrase": key["password"]}]
    if kind.exchange == "kraken":
        futures = {"key": key["futures_key"], "secret": key["futures_secret"]}
        return [{**spot, "realm": "spot"}, {**futures, "realm": "futures"}]
    return [spot]


def open_account(
    kind: Kind, url: str, backend: Any, *, timeout_seconds: int = 1, **changes: Any
) -> VenueSettings:
    """Make the account at `url`, keep its key in `backend`, and return the settings that read it."""
    uid = VenueControl(url).create_account(
        kind.name, keys=_rights(kind), wallets=kind.wallets, positions=kind.positions, mode=kind.mode
    )
    for part, text in key_of(kind).items():
        backend.set_password(f"vault:{TREASURY}", f"venue/{kind.name}/read/{part}", text)
    return VenueSettings(
        **{
            "name": kind.name,
            "exchange": kind.exchange,
            "account_uid": account_uid(uid) if kind.exchange == "kraken" else str(uid),
            "url": url,
            "timeout_seconds": timeout_seconds,
            **kind.settings,
            **changes,
        }
    )
