"""Output scripts and regtest addresses: classification, encoding, decoding (BIP173, BIP350, Base58Check).

Refuses addresses of other networks, bad checksums, and bech32 where bech32m is due (and the reverse).
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from emulator.chains.errors import AddressError
from emulator.chains.transaction import sha256d

HRP = "bcrt"
P2PKH_VERSION = 0x6F
P2SH_VERSION = 0xC4

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32_CONST = 1
_BECH32M_CONST = 0x2BC830A3
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

OP_PUSHDATA1 = 0x4C
OP_PUSHDATA4 = 0x4E
OP_RETURN = 0x6A
OP_CHECKSIG = 0xAC
OP_CHECKMULTISIG = 0xAE
OP_1 = 0x51
OP_16 = 0x60


class ScriptType(StrEnum):
    """Esplora's names of output types."""

    EMPTY = "empty"
    OP_RETURN = "op_return"
    P2PK = "p2pk"
    P2PKH = "p2pkh"
    P2SH = "p2sh"
    P2WPKH = "v0_p2wpkh"
    P2WSH = "v0_p2wsh"
    P2TR = "v1_p2tr"
    MULTISIG = "multisig"
    ANCHOR = "anchor"
    WITNESS_UNKNOWN = "witness_unknown"
    UNKNOWN = "unknown"


def hash160(data: bytes) -> bytes:
    return hashlib.new("ripemd160", hashlib.sha256(data).digest()).digest()


def script_hash(script_pubkey: bytes) -> str:
    """Esplora's key of a script: SHA-256, hexadecimal, not reversed."""
    return hashlib.sha256(script_pubkey).hexdigest()


def p2wpkh_script(public_key: bytes) -> bytes:
    return b"\x00\x14" + hash160(public_key)


def witness_program(script: bytes) -> tuple[int, bytes] | None:
    """Version and program of a native segwit output, or None (BIP141)."""
    if not 4 <= len(script) <= 42 or script[1] != len(script) - 2 or not 2 <= script[1] <= 40:
        return None
    if script[0] == 0:
        return 0, script[2:]
    return (script[0] - OP_1 + 1, script[2:]) if OP_1 <= script[0] <= OP_16 else None


def classify(script: bytes) -> ScriptType:
    """The type of an output script, as bitcoind's Solver sees it."""
    program = witness_program(script)
    if program is not None:
        return _classify_program(*program)
    if not script:
        return ScriptType.EMPTY
    if script[0] == OP_RETURN and is_push_only(script[1:]):
        return ScriptType.OP_RETURN
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return ScriptType.P2PKH
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        return ScriptType.P2SH
    if len(script) in (35, 67) and script[0] == len(script) - 2 and script[-1] == OP_CHECKSIG:
        return ScriptType.P2PK
    if _is_bare_multisig(script):
        return ScriptType.MULTISIG
    return ScriptType.UNKNOWN


def _classify_program(version: int, program: bytes) -> ScriptType:
    if version == 0:
        return {20: ScriptType.P2WPKH, 32: ScriptType.P2WSH}.get(len(program), ScriptType.UNKNOWN)
    if version == 1 and len(program) == 32:
        return ScriptType.P2TR
    if version == 1 and program == b"\x4e\x73":
        return ScriptType.ANCHOR
    return ScriptType.WITNESS_UNKNOWN


def _is_bare_multisig(script: bytes) -> bool:
    if len(script) < 37 or script[-1] != OP_CHECKMULTISIG:
        return False
    required, total = script[0] - OP_1 + 1, script[-2] - OP_1 + 1
    if not 1 <= required <= total <= 3:
        return False
    keys, at = 0, 1
    while at < len(script) - 2:
        if script[at] not in (33, 65):
            return False
        at += script[at] + 1
        keys += 1
    return keys == total and at == len(script) - 2


def is_push_only(script: bytes) -> bool:
    """Whether a script consists of pushes only (and is well formed)."""
    at = 0
    while at < len(script):
        opcode = script[at]
        at += 1
        if opcode > OP_16:
            return False
        if opcode < OP_PUSHDATA1:
            at += opcode
        elif opcode <= OP_PUSHDATA4:
            width = 1 << (opcode - OP_PUSHDATA1)
            at += width + int.from_bytes(script[at : at + width], "little")
    return at == len(script)


def disassemble(script: bytes) -> str:
    """Human form in Esplora's spelling; a truncated push ends the text."""
    words: list[str] = []
    at = 0
    while at < len(script):
        opcode = script[at]
        at += 1
        if 1 <= opcode < OP_PUSHDATA1:
            words.append(f"OP_PUSHBYTES_{opcode} {script[at : at + opcode].hex()}")
            at += opcode
        elif OP_PUSHDATA1 <= opcode <= OP_PUSHDATA4:
            width = 1 << (opcode - OP_PUSHDATA1)
            size = int.from_bytes(script[at : at + width], "little")
            at += width
            words.append(f"OP_PUSHDATA{width} {script[at : at + size].hex()}")
            at += size
        else:
            words.append(_opcode_name(opcode))
    return " ".join(words)


def _opcode_name(opcode: int) -> str:
    if opcode == 0:
        return "OP_0"
    if OP_1 <= opcode <= OP_16:
        return f"OP_PUSHNUM_{opcode - OP_1 + 1}"
    names = {
        OP_RETURN: "OP_RETURN",
        0x76: "OP_DUP",
        0x87: "OP_EQUAL",
        0x88: "OP_EQUALVERIFY",
        0xA9: "OP_HASH160",
        OP_CHECKSIG: "OP_CHECKSIG",
        OP_CHECKMULTISIG: "OP_CHECKMULTISIG",
    }
    return names.get(opcode, f"OP_UNKNOWN_{opcode:02x}")


# --- addresses


def address_of(script: bytes) -> str | None:
    """The regtest address of an output script, or None if it has none."""
    program = witness_program(script)
    if program is not None and not (program[0] == 0 and len(program[1]) not in (20, 32)):
        return _encode_segwit(*program)
    kind = classify(script)
    if kind is ScriptType.P2PKH:
        return _encode_base58(bytes([P2PKH_VERSION]) + script[3:23])
    if kind is ScriptType.P2SH:
        return _encode_base58(bytes([P2SH_VERSION]) + script[2:22])
    return None


def script_of(address: str) -> bytes:
    """The output script of a regtest address. Raises AddressError (a ValueError) with the reason."""
    if address.lower().startswith(HRP + "1"):
        return _decode_segwit(address)
    payload = _decode_base58(address)
    if len(payload) == 21 and payload[0] == P2PKH_VERSION:
        return b"\x76\xa9\x14" + payload[1:] + b"\x88\xac"
    if len(payload) == 21 and payload[0] == P2SH_VERSION:
        return b"\xa9\x14" + payload[1:] + b"\x87"
    raise AddressError(f"{address!r}: expected a regtest address, found version byte {payload[:1].hex()}")


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            checksum ^= generator if (top >> bit) & 1 else 0
    return checksum


def _expand_hrp() -> list[int]:
    return [ord(char) >> 5 for char in HRP] + [0] + [ord(char) & 31 for char in HRP]


def _convert_bits(data: list[int], source: int, target: int, *, pad: bool) -> list[int]:
    accumulator = bits = 0
    out: list[int] = []
    for value in data:
        accumulator = (accumulator << source) | value
        bits += source
        while bits >= target:
            bits -= target
            out.append((accumulator >> bits) & ((1 << target) - 1))
    rest = (accumulator << (target - bits)) & ((1 << target) - 1)
    if pad and bits:
        out.append(rest)
    elif not pad and (bits >= source or rest):
        raise AddressError("bech32 padding is not zero")
    return out


def _encode_segwit(version: int, program: bytes) -> str:
    data = [version, *_convert_bits(list(program), 8, 5, pad=True)]
    constant = _BECH32_CONST if version == 0 else _BECH32M_CONST
    checksum = _polymod(_expand_hrp() + data + [0] * 6) ^ constant
    tail = [(checksum >> 5 * (5 - index)) & 31 for index in range(6)]
    return HRP + "1" + "".join(_BECH32[value] for value in data + tail)


def _decode_segwit(address: str) -> bytes:
    if address not in (address.lower(), address.upper()):
        raise AddressError(f"{address!r}: mixed case")
    body = address.lower()[len(HRP) + 1 :]
    if not 8 <= len(body) <= 84 or any(char not in _BECH32 for char in body):
        raise AddressError(f"{address!r}: not bech32")
    data = [_BECH32.index(char) for char in body]
    version, constant = data[0], _polymod(_expand_hrp() + data)
    if constant != (_BECH32_CONST if version == 0 else _BECH32M_CONST):
        raise AddressError(f"{address!r}: checksum does not match")
    program = bytes(_convert_bits(data[1:-6], 5, 8, pad=False))
    if version > 16 or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise AddressError(f"{address!r}: witness program of {len(program)} bytes, version {version}")
    return bytes([version + OP_1 - 1 if version else 0, len(program)]) + program


def _encode_base58(payload: bytes) -> str:
    data = payload + sha256d(payload)[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _decode_base58(address: str) -> bytes:
    if not 25 <= len(address) <= 64 or any(char not in _BASE58 for char in address):
        raise AddressError(f"{address!r}: not a regtest address")
    number = 0
    for char in address:
        number = number * 58 + _BASE58.index(char)
    leading = len(address) - len(address.lstrip("1"))
    data = b"\0" * leading + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if sha256d(data[:-4])[:4] != data[-4:]:
        raise AddressError(f"{address!r}: checksum does not match")
    return data[:-4]
