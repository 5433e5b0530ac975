"""Addresses and output scripts: base58check, bech32, bech32m, in both directions.

Refuses what core firmware refuses: another network, a bad checksum, upper-case bech32, witness
versions above 1, a taproot program that is not a point.
"""

from __future__ import annotations

import hashlib
from typing import overload

from trezorlib.messages import InputScriptType

from ..errors import DataError, ProcessError
from ..keys import hash160, is_x_only_key, sha256d, taproot_output_key
from ..protocol.proto import Message
from . import multisig as group
from .coins import Coin
from .rules import BitcoinRules

_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_B32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32 = 1
_BECH32M = 0x2BC830A3


def b58check_encode(payload: bytes) -> str:
    data = payload + sha256d(payload)[:4]
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = _B58[digit] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def b58check_decode(text: str) -> bytes | None:
    """The payload, None for a character or checksum that is wrong."""
    number = 0
    for char in text:
        digit = _B58.find(char)
        if digit < 0:
            return None
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    data = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(data) < 5 or sha256d(data[:-4])[:4] != data[-4:]:
        return None
    return data[:-4]


def _polymod(values: list[int]) -> int:
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i in range(5):
            check ^= generator[i] if (top >> i) & 1 else 0
    return check


def _expand(hrp: str) -> list[int]:
    return [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]


def _regroup(data: bytes | list[int], size: int, to_size: int, pad: bool) -> list[int] | None:
    acc = bits = 0
    out: list[int] = []
    for value in data:
        acc = acc << size | value
        bits += size
        while bits >= to_size:
            bits -= to_size
            out.append(acc >> bits & (1 << to_size) - 1)
        acc &= (1 << bits) - 1
    if pad:
        if bits:
            out.append(acc << to_size - bits & (1 << to_size) - 1)
    elif bits >= size or acc:
        return None
    return out


def bech32_encode(hrp: str, version: int, program: bytes) -> str:
    """Segwit address (BIP173 for version 0, BIP350 above)."""
    data = [version, *(_regroup(program, 8, 5, pad=True) or [])]
    constant = _BECH32 if version == 0 else _BECH32M
    check = _polymod(_expand(hrp) + data + [0] * 6) ^ constant
    data += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return hrp + "1" + "".join(_B32[d] for d in data)


def bech32_decode(hrp: str, text: str) -> tuple[int, bytes] | None:
    """(witness version, program) of a lower-case segwit address, None if it is not one."""
    if text != text.lower() or len(text) > 90 or not text.startswith(hrp + "1"):
        return None
    data = [_B32.find(c) for c in text[len(hrp) + 1 :]]
    if len(data) < 7 or -1 in data or data[0] > 16:
        return None
    constant = _BECH32 if data[0] == 0 else _BECH32M
    if _polymod(_expand(hrp) + data) != constant:
        return None
    program = _regroup(data[1:-6], 5, 8, pad=False)
    if program is None or not 2 <= len(program) <= 40:
        return None
    if data[0] == 0 and len(program) not in (20, 32):
        return None
    return data[0], bytes(program)


def witness_script(version: int, program: bytes) -> bytes:
    return bytes([0x50 + version if version else 0, len(program)]) + program


def p2pkh_script(pubkey_hash: bytes) -> bytes:
    return b"\x76\xa9\x14" + pubkey_hash + b"\x88\xac"


def p2sh_script(script_hash: bytes) -> bytes:
    return b"\xa9\x14" + script_hash + b"\x87"


def script_of_address(address: str, coin: Coin) -> bytes:
    """The scriptPubKey an address stands for. Raises DataError with the firmware's text."""
    if address.startswith(coin.hrp):
        decoded = bech32_decode(coin.hrp, address)
        if decoded is None or decoded[0] not in (0, 1):
            raise DataError("Invalid address witness program")
        version, program = decoded
        if version == 1 and (len(program) != 32 or not is_x_only_key(program)):
            raise DataError("Invalid Taproot witness program")
        return witness_script(version, program)
    payload = b58check_decode(address)
    if payload is None:
        raise DataError("Invalid address")
    if len(payload) == 21 and payload[0] == coin.p2pkh_version:
        return p2pkh_script(payload[1:])
    if len(payload) == 21 and payload[0] == coin.p2sh_version:
        return p2sh_script(payload[1:])
    raise DataError("Invalid address type")


def nested_redeem_script(public_key: bytes) -> bytes:
    return witness_script(0, hash160(public_key))


def _p2sh_address(coin: Coin, script: bytes) -> str:
    return b58check_encode(bytes([coin.p2sh_version]) + hash160(script))


def group_address(script_type: InputScriptType, coin: Coin, script: bytes) -> str:
    """The address of a multisig script: p2sh, p2wsh, or p2wsh nested in p2sh."""
    witness_program = hashlib.sha256(script).digest()
    if script_type in (InputScriptType.SPENDADDRESS, InputScriptType.SPENDMULTISIG):
        return _p2sh_address(coin, script)
    if script_type == InputScriptType.SPENDWITNESS:
        return bech32_encode(coin.hrp, 0, witness_program)
    return _p2sh_address(coin, witness_script(0, witness_program))


@overload
def address_of_key(script_type: InputScriptType, coin: Coin, public_key: bytes) -> str: ...


@overload
def address_of_key(
    script_type: InputScriptType,
    coin: Coin,
    public_key: bytes,
    multisig: Message | None,
    rules: BitcoinRules,
) -> str: ...


def address_of_key(
    script_type: InputScriptType,
    coin: Coin,
    public_key: bytes,
    multisig: Message | None = None,
    rules: BitcoinRules | None = None,
) -> str:
    """The address of a key, or of the group it is a member of.

    Raises ProcessError for a script type that has none, DataError for a group it does not belong to.
    """
    if multisig is not None:
        if rules is None:
            raise TypeError("a multisig address needs the rules of the firmware")
        group.index_of(multisig, public_key, rules)
        if script_type == InputScriptType.SPENDTAPROOT:
            raise ProcessError("Multisig not supported for taproot")
        if script_type == InputScriptType.EXTERNAL:
            raise ProcessError("Invalid script type")
        return group_address(script_type, coin, group.redeem_script(multisig, rules))
    if script_type == InputScriptType.SPENDADDRESS:
        return b58check_encode(bytes([coin.p2pkh_version]) + hash160(public_key))
    if script_type == InputScriptType.SPENDMULTISIG:
        raise ProcessError("Multisig details required")
    if script_type == InputScriptType.SPENDWITNESS:
        return bech32_encode(coin.hrp, 0, hash160(public_key))
    if script_type == InputScriptType.SPENDTAPROOT:
        return bech32_encode(coin.hrp, 1, taproot_output_key(public_key))
    if script_type == InputScriptType.SPENDP2SHWITNESS:
        return _p2sh_address(coin, nested_redeem_script(public_key))
    raise ProcessError("Invalid script type")
