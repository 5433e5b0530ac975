"""The strict protobuf coding against trezorlib's own, and where it has to be stricter."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m
from trezorlib import protobuf

from emulator.device.protocol import proto
from emulator.device.protocol.bounds import TREZOR_ONE_BOUNDS
from emulator.device.protocol.core_decoder import Vocabulary
from emulator.device.protocol.proto import DecodeError

U32 = st.integers(0, 2**32 - 1)

tx_inputs = st.builds(
    m.TxInput,
    address_n=st.lists(U32, max_size=8),
    prev_hash=st.binary(max_size=40),
    prev_index=U32,
    script_sig=st.none() | st.binary(max_size=300),
    sequence=U32,
    script_type=st.sampled_from(list(m.InputScriptType)),
    amount=st.integers(0, 2**64 - 1),
)


def stock_bytes(message: Any) -> bytes:
    out = io.BytesIO()
    protobuf.dump_message(out, message)
    return out.getvalue()


@given(tx_inputs)
def test_encodes_and_decodes_as_trezorlib_does(txi: Any) -> None:
    data = proto.encode(txi)
    assert data == stock_bytes(txi)
    assert proto.decode(m.TxInput, data) == protobuf.load_message(io.BytesIO(data), m.TxInput) == txi


@given(st.sampled_from([m.SignTx, m.TxAckInput, m.GetAddress, m.Features, m.TxAckPrevMeta]), st.binary())
def test_random_bytes_are_refused_or_understood_but_never_crash(cls: Any, data: bytes) -> None:
    try:
        message = proto.decode(cls, data)
    except DecodeError:
        return
    assert isinstance(message, cls)


@given(tx_inputs, st.integers(1, 10))
def test_refuses_a_truncated_message(txi: Any, cut: int) -> None:
    data = proto.encode(m.TxAckInput(tx=m.TxAckInputWrapper(input=txi)))
    with pytest.raises(DecodeError):
        proto.decode(m.TxAckInput, data[:-cut])


def test_refuses_bytes_that_trezorlib_would_pad_with_zeros() -> None:
    data = proto.encode_bytes(2, b"x" * 32)[:-5]  # SignMessage.message
    assert protobuf.load_message(io.BytesIO(data), m.SignMessage).message.endswith(b"\0" * 5)
    with pytest.raises(DecodeError, match=r"^$"):  # the firmware's exception has no text
        proto.decode(m.SignMessage, data)
    with pytest.raises(DecodeError, match="end-of-stream"):
        proto.decode(m.SignMessage, data, TREZOR_ONE_BOUNDS)


def test_refuses_an_unknown_enum_value() -> None:
    with pytest.raises(DecodeError, match=r"Invalid value for field. script_type"):
        proto.decode(m.GetAddress, proto.encode_number(5, 99))


def test_refuses_a_number_that_does_not_fit() -> None:
    for bounds in (None, TREZOR_ONE_BOUNDS):
        with pytest.raises(DecodeError):
            proto.decode(m.GetAddress, proto.encode_number(1, 2**32), bounds)


def test_refuses_a_missing_required_field() -> None:
    with pytest.raises(DecodeError, match=r"Missing required field. inputs_count"):
        proto.decode(m.SignTx, proto.encode_number(1, 1))


def test_refuses_text_that_is_not_utf8() -> None:
    with pytest.raises(DecodeError, match=r"Invalid value for field. coin_name"):
        proto.decode(m.GetAddress, proto.encode_bytes(2, b"\xff"))


def test_refuses_bytes_for_a_number_and_a_number_for_bytes() -> None:
    with pytest.raises(DecodeError, match=r"Invalid value for field. script_type"):
        proto.decode(m.GetAddress, proto.encode_bytes(5, b"\x01"))
    with pytest.raises(DecodeError, match=r"Invalid value for field. coin_name"):
        proto.decode(m.GetAddress, proto.encode_number(2, 1))


def test_packed_numbers_are_for_the_c_firmware_only() -> None:
    data = proto.encode_bytes(1, b"\x01\x02\xac\x02")
    assert proto.decode(m.GetAddress, data, TREZOR_ONE_BOUNDS).address_n == [1, 2, 300]
    with pytest.raises(DecodeError, match=r"Invalid value for field. address_n"):
        proto.decode(m.GetAddress, data)


def test_unknown_fields_are_skipped_and_absurd_numbers_are_not() -> None:
    known = proto.encode_number(1, 7)
    assert proto.decode(m.GetAddress, known + proto.encode_number(200, 5)).address_n == [7]
    far = known + proto.encode_number(900, 5)
    with pytest.raises(DecodeError):
        proto.decode(m.GetAddress, far)
    assert proto.decode(m.GetAddress, far, vocabulary=Vocabulary(max_tag=0xFFFF)).address_n == [7]
    assert proto.decode(m.GetAddress, far, TREZOR_ONE_BOUNDS).address_n == [7]


@pytest.mark.parametrize(
    ("cls", "data", "text"),
    [
        (m.GetAddress, proto.encode_bytes(2, b"x" * 21), "string overflow"),
        (m.SignMessage, proto.encode_bytes(2, b"x" * 1025), "bytes overflow"),
        (m.GetAddress, proto.encode_number(1, 1) * 9, "array overflow"),
        (m.GetAddress, proto.encode_bytes(1, b"\x01" * 9), "array overflow"),
        (m.GetAddress, proto.encode_bytes(2, b"\xff"), "invalid utf8"),
        (m.GetAddress, proto.encode_number(2, 1), "wrong wire type"),
        (m.GetAddress, proto.encode_number(5, 2**32), "integer too large"),
        (m.GetAddress, b"\x00\x00", "zero tag"),
        (m.GetAddress, b"\x0f", "invalid wire_type|wrong wire type"),
        (m.GetAddress, b"\x12\x05abc", "end-of-stream"),
        (m.GetAddress, b"\x22\x05abc", "parent stream too short"),
        (m.GetAddress, b"\x80", "end-of-stream"),
        (m.GetAddress, b"\x08" + b"\xff" * 10, "varint overflow"),
        (m.SignTx, proto.encode_number(1, 1), "missing required field"),
    ],
)
def test_the_c_firmware_refuses_in_nanopbs_words(cls: Any, data: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=f"^({text})$"):
        proto.decode(cls, data, TREZOR_ONE_BOUNDS)


def test_c_strings_end_at_the_first_zero_and_enums_are_numbers() -> None:
    data = proto.encode_bytes(2, b"Bitcoin\0junk") + proto.encode_number(5, 99)
    message = proto.decode(m.GetAddress, data, TREZOR_ONE_BOUNDS)
    assert (message.coin_name, message.script_type) == ("Bitcoin", 99)


def test_a_repeated_sub_message_is_merged_by_c_and_replaced_by_core() -> None:
    first = proto.encode_bytes(1, proto.encode_number(1, 5))  # TxAck.tx.version
    second = proto.encode_bytes(1, proto.encode_number(4, 6))  # TxAck.tx.lock_time
    merged = proto.decode(m.TxAck, first + second, TREZOR_ONE_BOUNDS).tx
    replaced = proto.decode(m.TxAck, first + second).tx
    assert (merged.version, merged.lock_time) == (5, 6)
    assert (replaced.version, replaced.lock_time) == (None, 6)


@given(st.sampled_from([m.SignTx, m.TxAck, m.GetAddress, m.Initialize]), st.binary())
def test_random_bytes_never_crash_the_c_decoder(cls: Any, data: bytes) -> None:
    try:
        message = proto.decode(cls, data, TREZOR_ONE_BOUNDS)
    except DecodeError as error:
        assert str(error)
        return
    assert isinstance(message, cls)
