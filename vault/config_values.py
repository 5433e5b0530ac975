"""What single values of treasury.toml look like: names, fingerprints, keys, addresses of servers.

Each refuses what is not exactly of its form, with what was expected.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FINGERPRINT = re.compile(r"[0-9a-f]{8}")
_PUBLIC_KEY = re.compile(r"0[23][0-9a-f]{64}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("expected lower-case letters, digits and '-', at most 40")
    return value


def _fingerprint(value: str) -> str:
    if not _FINGERPRINT.fullmatch(value):
        raise ValueError("expected the 8 hex digits of the wallet's root fingerprint")
    return value


def _public_key(value: str) -> str:
    if not _PUBLIC_KEY.fullmatch(value):
        raise ValueError("expected a compressed public key of 66 hex digits")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?", value):
        raise ValueError("expected a URL such as http://127.0.0.1:3002")
    return _with_port(value).rstrip("/")


def _with_port(value: str) -> str:
    """The address, whose port is one. Raises ValueError."""
    if urlsplit(value).port == 0:
        raise ValueError("expected a port from 1 to 65535")
    return value


def _electrum_url(value: str) -> str:
    if not re.fullmatch(r"(ssl|tcp)://[A-Za-z0-9.\-\[\]:]+", value):
        raise ValueError("expected ssl://host:port, or tcp://host:port for one that is not encrypted")
    return _with_port(value)


def _proxy(value: str) -> str:
    if not re.fullmatch(r"socks5://[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}", value):
        raise ValueError("expected socks5://host:port, for example socks5://127.0.0.1:9050 for Tor")
    return _with_port(value)


def _certificate(value: str) -> str:
    plain = value.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise ValueError("expected the SHA-256 of the server's certificate, 64 hex digits")
    return plain


Exchange = Literal[
    "binance", "bybit", "okx", "deribit", "kraken",
    "bitget", "gate", "kucoin", "hyperliquid", "dydx", "coinbase",
]  # fmt: skip

# The largest perpetual in bitcoin of each exchange.
CONTRACTS: Final[dict[str, str]] = {
    "binance": "BTCUSDT",
    "bybit": "BTCUSDT",
    "okx": "BTC-USDT-SWAP",
    "deribit": "BTC-PERPETUAL",
    "kraken": "PF_XBTUSD",
    "bitget": "BTCUSDT",
    "gate": "BTC_USDT",
    "kucoin": "XBTUSDTM",
    "hyperliquid": "BTC",
    "dydx": "BTC-USD",
    "coinbase": "BIP-20DEC30-CDE",
}

Name = Annotated[str, AfterValidator(_name)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
Url = Annotated[str, AfterValidator(_url)]
ElectrumUrl = Annotated[str, AfterValidator(_electrum_url)]
Proxy = Annotated[str, AfterValidator(_proxy)]
Certificate = Annotated[str, AfterValidator(_certificate)]
