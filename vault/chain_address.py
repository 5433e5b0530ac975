"""Addresses of the other chains that a venue pays to: is this one, whole, and of that chain.

Refuses whatever a chain's own checksum does not carry: an EVM address without EIP-55 case, test network
addresses where the format tells them, look-alike characters and spaces. Pure; no library decides.
Sources: EIP-55, TRON "Account address format", XRP Ledger "Base58 Encodings", Stellar SEP-23, TON TEP-2,
Cosmos SDK "Bech32".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final, Literal

from vault.address import base58_decode, base58check_decode, bech32_decode, network_of, script_pubkey
from vault.errors import AddressError, MoneyError
from vault.evm.address import address_bytes
from vault.money import exact_decimal

Chain = Literal[
    "bitcoin", "ethereum", "arbitrum", "optimism", "base", "polygon", "avalanche",
    "tron", "solana", "xrp", "stellar", "cosmos", "ton",
]  # fmt: skip
TagRule = Literal["none", "number", "text"]
"""What tells the accounts behind one address apart: nothing, a number, or a short text."""

_BITCOIN_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE_ALPHABET: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_FROM_RIPPLE: Final = str.maketrans(_RIPPLE_ALPHABET, _BITCOIN_ALPHABET)
_STELLAR = re.compile(r"G[A-Z2-7]{55}", re.ASCII)
_TON = re.compile(r"[A-Za-z0-9_-]{48}|[A-Za-z0-9+/]{48}", re.ASCII)
_TEXT_TAG = re.compile(r"[!-~]([ -~]{0,26}[!-~])?", re.ASCII)  # 28 bytes: what Stellar takes
_STELLAR_ACCOUNT: Final = 6 << 3
_TON_TEST_ONLY: Final = 0x80
_TON_TAGS: Final = frozenset({0x11, 0x51})  # bounceable, not bounceable
MAX_NUMBER_TAG: Final = 2**32 - 1


def check_address(chain: Chain, address: str, bitcoin_network: str = "mainnet") -> None:
    """Raise `AddressError` unless `address` can receive on `chain`; the network is Bitcoin's alone."""
    if not address.isascii() or not address.isprintable() or address != address.strip() or " " in address:
        raise AddressError(
            "bad_characters",
            f"expected plain letters and digits without spaces, found {ascii(address)[:130]}",
            hint="Type nothing from a picture; copy the address from where it was made.",
        )
    if chain == "bitcoin":
        script_pubkey(address, network_of(bitcoin_network))
    else:
        _CHECKS[chain](address)


def tag_rule(chain: Chain) -> TagRule:
    """What the chain's payments carry beside the address."""
    if chain == "xrp":
        return "number"
    return "text" if chain in {"stellar", "cosmos", "ton"} else "none"


def check_tag(chain: Chain, tag: str) -> None:
    """Raise `AddressError` for a tag on a chain without tags, and for a missing one on a chain with them."""
    rule = tag_rule(chain)
    if rule == "none":
        if tag:
            raise AddressError("unexpected_tag", f"expected no tag on {chain}, found one")
        return
    if not tag:
        raise AddressError(
            "missing_tag",
            f"expected a tag or memo: on {chain} many accounts share an address",
            hint="Without its tag a payment may reach nobody. The receiver says which it is.",
        )
    if rule == "number" and not _is_number_tag(tag):
        raise AddressError("bad_tag", f"expected a tag of 0 to {MAX_NUMBER_TAG}, found {ascii(tag)[:40]}")
    if rule == "text" and not _TEXT_TAG.fullmatch(tag):
        raise AddressError("bad_tag", f"expected 1 to 28 plain characters, found {ascii(tag)[:60]}")


def _is_number_tag(tag: str) -> bool:
    try:
        number = exact_decimal(tag)
    except MoneyError:
        return False
    return re.fullmatch(r"[0-9]+", tag, re.ASCII) is not None and number <= MAX_NUMBER_TAG


def _check_evm(address: str) -> None:
    address_bytes(address)


def _check_tron(address: str) -> None:
    payload = base58check_decode(address)
    if len(payload) != 21 or payload[0] != 0x41:
        raise _other(address, "TRON (T…)")


def _check_solana(address: str) -> None:
    if len(base58_decode(address)) != 32:
        raise _other(address, "Solana (32 bytes)")


def _check_xrp(address: str) -> None:
    payload = base58check_decode(address.translate(_FROM_RIPPLE))
    if len(payload) != 21 or payload[0] != 0:
        raise _other(address, "the XRP Ledger (r…)")


def _check_stellar(address: str) -> None:
    if not _STELLAR.fullmatch(address):
        raise _other(address, "Stellar (G…)")
    data = base64.b32decode(address)
    if data[0] != _STELLAR_ACCOUNT or binascii.crc_hqx(data[:-2], 0).to_bytes(2, "little") != data[-2:]:
        raise _checksum(address)


def _check_cosmos(address: str) -> None:
    hrp, data = bech32_decode(address)
    if hrp != "cosmos" or len(data) not in {20, 32} or address != address.lower():
        raise _other(address, "the Cosmos Hub (cosmos1…)")


def _check_ton(address: str) -> None:
    if not _TON.fullmatch(address):
        raise _other(address, "TON (48 characters)")
    data = base64.b64decode(address.replace("-", "+").replace("_", "/"))
    if binascii.crc_hqx(data[:-2], 0).to_bytes(2, "big") != data[-2:]:
        raise _checksum(address)
    if data[0] & _TON_TEST_ONLY:
        raise AddressError("wrong_network", f"expected an address of the main network, found {address}")
    if data[0] not in _TON_TAGS or data[1] not in {0x00, 0xFF}:
        raise _other(address, "TON")


_CHECKS: Final[dict[str, Callable[[str], None]]] = {
    **dict.fromkeys(("ethereum", "arbitrum", "optimism", "base", "polygon", "avalanche"), _check_evm),
    "tron": _check_tron,
    "solana": _check_solana,
    "xrp": _check_xrp,
    "stellar": _check_stellar,
    "cosmos": _check_cosmos,
    "ton": _check_ton,
}


def _other(address: str, chain: str) -> AddressError:
    return AddressError(
        "wrong_chain",
        f"expected an address of {chain}, found {address[:120]}",
        hint="Check which chain the address was copied from.",
    )


def _checksum(address: str) -> AddressError:
    return AddressError(
        "bad_checksum", f"the checksum of {address} fails", hint="Copy the address again, whole."
    )
