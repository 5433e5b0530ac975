"""Bytes of transactions: numbers, scripts, inputs, outputs, witnesses (BIP141, BIP144)."""

from __future__ import annotations

from ...keys import hash160
from ...protocol.proto import Message
from ..address import nested_redeem_script

SIGHASH_ALL = 1


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def compact_size(value: int) -> bytes:
    if value < 253:
        return bytes([value])
    if value < 0x1_0000:
        return b"\xfd" + value.to_bytes(2, "little")
    return b"\xfe" + value.to_bytes(4, "little")


def prefixed(data: bytes) -> bytes:
    return compact_size(len(data)) + data


def push(data: bytes) -> bytes:
    """A script push with the shortest opcode by length."""
    size = len(data)
    if size < 0x4C:
        return bytes([size]) + data
    if size < 0x100:
        return b"\x4c" + bytes([size]) + data
    if size < 0x1_0000:
        return b"\x4d" + size.to_bytes(2, "little") + data
    return b"\x4e" + size.to_bytes(4, "little") + data


def op_return_script(data: bytes) -> bytes:
    return b"\x6a" + push(data)


def outpoint(txi: Message) -> bytes:
    return bytes(txi.prev_hash)[::-1] + u32(txi.prev_index)


def input_bytes(txi: Message, script_sig: bytes) -> bytes:
    return outpoint(txi) + prefixed(script_sig) + u32(txi.sequence)


def output_bytes(amount: int, script: bytes) -> bytes:
    return u64(amount) + prefixed(script)


def nested_script_sig(public_key: bytes) -> bytes:
    return push(nested_redeem_script(public_key))


def p2pkh_script_sig(signature: bytes, public_key: bytes) -> bytes:
    return push(signature + bytes([SIGHASH_ALL])) + push(public_key)


def p2wpkh_witness(signature: bytes, public_key: bytes) -> bytes:
    return b"\x02" + prefixed(signature + bytes([SIGHASH_ALL])) + prefixed(public_key)


def p2tr_witness(signature: bytes) -> bytes:
    return b"\x01" + prefixed(signature)


def p2wpkh_script_code(public_key: bytes) -> bytes:
    """BIP143 script code with its length."""
    return b"\x19\x76\xa9\x14" + hash160(public_key) + b"\x88\xac"
