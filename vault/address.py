"""Bitcoin addresses and output scripts, by network: parse, check, rebuild.

Refuses an address of another network, a broken checksum, bech32 where bech32m is due and the
reverse (BIP173, BIP350), and witness programs whose length is not defined. Pure; no library decides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from vault.errors import AddressError


@dataclass(frozen=True, slots=True)
class Network:
    """Address prefixes and the BIP44 coin type of a Bitcoin network."""

    name: str
    hrp: str
    p2pkh: int
    p2sh: int
    coin_type: int
    xpub: bytes


NETWORKS: Final[dict[str, Network]] = {
    "mainnet": Network("mainnet", "bc", 0x00, 0x05, 0, bytes.fromhex("0488b21e")),
    "testnet4": Network("testnet4", "tb", 0x6F, 0xC4, 1, bytes.fromhex("043587cf")),
    "signet": Network("signet", "tb", 0x6F, 0xC4, 1, bytes.fromhex("043587cf")),
    "regtest": Network("regtest", "bcrt", 0x6F, 0xC4, 1, bytes.fromhex("043587cf")),
}

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_CONST: Final = 1
_BECH32M_CONST: Final = 0x2BC830A3


def network_of(name: str) -> Network:
    """The network of that name. Raises `AddressError`."""
    try:
        return NETWORKS[name]
    except KeyError:
        raise AddressError(
            "unknown_network", f"expected one of {', '.join(NETWORKS)}, found {name!r}"
        ) from None


def sha256d(data: bytes) -> bytes:
    """SHA-256 twice."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def ripemd160(data: bytes) -> bytes:
    """RIPEMD-160; OpenSSL builds without it fall back to PyCryptodome."""
    try:
        return hashlib.new("ripemd160", data).digest()
    except ValueError:
        from Crypto.Hash import RIPEMD160

        return bytes(RIPEMD160.new(data).digest())


def hash160(data: bytes) -> bytes:
    """RIPEMD-160 of SHA-256."""
    return ripemd160(hashlib.sha256(data).digest())


def base58_decode(text: str) -> bytes:
    """The bytes of a Base58 string, which carries no checksum. Raises `AddressError`."""
    number = 0
    if not text or len(text) > 120:
        raise AddressError("not_base58", f"expected a Base58 string, found {len(text)} characters")
    for char in text:
        digit = _BASE58.find(char)
        if digit < 0:
            raise AddressError("not_base58", f"expected Base58 characters, found {char!r} in {text!r}")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58check_decode(text: str) -> bytes:
    """Payload of a Base58Check string (checksum verified). Raises `AddressError`."""
    data = base58_decode(text)
    if len(data) < 5 or sha256d(data[:-4])[:4] != data[-4:]:
        raise AddressError(
            "bad_checksum", f"the checksum of {text} fails", hint="Copy the address again, whole."
        )
    return data[:-4]


def base58check_encode(payload: bytes) -> str:
    """Base58Check of a payload."""
    data = payload + sha256d(payload)[:4]
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = _BASE58[digit] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def _polymod(values: list[int]) -> int:
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            check ^= generator[bit] if (top >> bit) & 1 else 0
    return check


def _expand(hrp: str) -> list[int]:
    return [ord(char) >> 5 for char in hrp] + [0] + [ord(char) & 31 for char in hrp]


def _regroup(data: list[int], from_bits: int, to_bits: int, *, pad: bool) -> list[int] | None:
    accumulator = bits = 0
    out: list[int] = []
    for value in data:
        accumulator = (accumulator << from_bits) | value
        bits += from_bits
        while bits >= to_bits:
            bits -= to_bits
            out.append((accumulator >> bits) & ((1 << to_bits) - 1))
    rest = (accumulator << (to_bits - bits)) & ((1 << to_bits) - 1)
    if pad:
        return [*out, rest] if bits else out
    return None if bits >= from_bits or rest else out


def segwit_encode(hrp: str, version: int, program: bytes) -> str:
    """Address of a witness program: bech32 for version 0, bech32m above (BIP350)."""
    data = [version, *(_regroup(list(program), 8, 5, pad=True) or [])]
    constant = _BECH32M_CONST if version else _BECH32_CONST
    check = _polymod([*_expand(hrp), *data, 0, 0, 0, 0, 0, 0]) ^ constant
    return f"{hrp}1" + "".join(_BECH32[d] for d in [*data, *((check >> 5 * (5 - i)) & 31 for i in range(6))])


def _bech32_parts(text: str) -> tuple[str, list[int], int]:
    """(human readable part, values without the checksum, checksum constant). Raises `AddressError`."""
    # The Kelvin sign becomes a "k" in lower case: only ASCII has two letter cases that are one character.
    if not text.isascii() or (text.lower() != text and text.upper() != text):
        raise AddressError("mixed_case", f"expected one letter case, found {text!r}")
    text = text.lower()
    split = text.rfind("1")
    if (
        split < 1
        or len(text) > 90
        or len(text) - split < 8
        or any(c not in _BECH32 for c in text[split + 1 :])
    ):
        raise AddressError("not_bech32", f"expected a bech32 address, found {text!r}")
    hrp, data = text[:split], [_BECH32.index(char) for char in text[split + 1 :]]
    return hrp, data[:-6], _polymod(_expand(hrp) + data)


def bech32_decode(text: str) -> tuple[str, bytes]:
    """(human readable part, bytes) of a plain bech32 string (BIP173). Raises `AddressError`."""
    hrp, values, constant = _bech32_parts(text)
    data = _regroup(values, 5, 8, pad=False)
    if constant != _BECH32_CONST or data is None:
        raise AddressError(
            "bad_checksum", f"the checksum of {text} fails", hint="Copy the address again, whole."
        )
    return hrp, bytes(data)


def segwit_decode(text: str) -> tuple[str, int, bytes]:
    """(human readable part, witness version, program) of an address. Raises `AddressError`."""
    hrp, values, constant = _bech32_parts(text)
    text = text.lower()
    program = _regroup(values[1:], 5, 8, pad=False)
    if constant not in {_BECH32_CONST, _BECH32M_CONST} or program is None or not values:
        raise AddressError(
            "bad_checksum", f"the checksum of {text} fails", hint="Copy the address again, whole."
        )
    version = values[0]
    if constant != (_BECH32M_CONST if version else _BECH32_CONST):
        raise AddressError(
            "wrong_encoding", f"witness version {version} with the checksum of the other encoding: {text}"
        )
    if version > 16 or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in {20, 32}):
        raise AddressError("bad_program", f"witness version {version} with {len(program)} bytes: {text}")
    return hrp, version, bytes(program)


def script_pubkey(address: str, network: Network) -> bytes:
    """The output script of an address of `network`: p2pkh, p2sh, p2wpkh, p2wsh or p2tr.

    Raises `AddressError` (``address.wrong_network``, ``address.bad_checksum``, …).
    """
    lowered = address.lower()
    if any(lowered.startswith(other.hrp + "1") for other in NETWORKS.values()):
        hrp, version, program = segwit_decode(address)
        if hrp != network.hrp:
            raise _wrong_network(address, network)
        if version > 1 or (version == 1 and len(program) != 32):
            raise AddressError(
                "unknown_witness", f"witness version {version} with {len(program)} bytes has no rules yet"
            )
        return bytes([version + 0x50 if version else 0, len(program)]) + program
    payload = base58check_decode(address)
    if len(payload) == 21 and payload[0] == network.p2pkh:
        return b"\x76\xa9\x14" + payload[1:] + b"\x88\xac"
    if len(payload) == 21 and payload[0] == network.p2sh:
        return b"\xa9\x14" + payload[1:] + b"\x87"
    raise _wrong_network(address, network)


def _wrong_network(address: str, network: Network) -> AddressError:
    return AddressError(
        "wrong_network",
        f"expected an address of {network.name}, found {address}",
        hint="Check which network the address was copied from.",
    )


def script_type(script: bytes) -> str:
    """p2pkh, p2sh, p2wpkh, p2wsh, p2tr, op_return or unknown."""
    if len(script) == 22 and script[:2] == b"\x00\x14":
        return "p2wpkh"
    if len(script) == 34 and script[:2] == b"\x00\x20":
        return "p2wsh"
    if len(script) == 34 and script[:2] == b"\x51\x20":
        return "p2tr"
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return "p2pkh"
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return "p2sh"
    return "op_return" if script[:1] == b"\x6a" else "unknown"


def address_of(script: bytes, network: Network) -> str:
    """The address of an output script. Raises `AddressError` where a script has none."""
    kind = script_type(script)
    if kind in {"p2wpkh", "p2wsh"}:
        return segwit_encode(network.hrp, 0, script[2:])
    if kind == "p2tr":
        return segwit_encode(network.hrp, 1, script[2:])
    if kind == "p2pkh":
        return base58check_encode(bytes([network.p2pkh]) + script[3:23])
    if kind == "p2sh":
        return base58check_encode(bytes([network.p2sh]) + script[2:22])
    raise AddressError("no_address", f"a script of type {kind} has no address: {script.hex()}")
