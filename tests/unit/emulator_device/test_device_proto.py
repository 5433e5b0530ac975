"""The strict protobuf coding against trezorlib's own, and where it has to be stricter."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m
from trezorlib import protobuf

from emulator.device import proto
from emulator.device.proto import DecodeError

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
    with pytest.raises(DecodeError, match="truncated"):
        proto.decode(m.SignMessage, data)


def test_refuses_an_unknown_enum_value() -> None:
    with pytest.raises(DecodeError, match="script_type: unknown value 99"):
        proto.decode(m.GetAddress, proto.encode_number(5, 99))


def test_refuses_a_number_that_does_not_fit() -> None:
    with pytest.raises(DecodeError, match="does not fit 32 bits"):
        proto.decode(m.GetAddress, proto.encode_number(1, 2**32))


def test_refuses_a_missing_required_field() -> None:
    with pytest.raises(DecodeError, match="missing required field inputs_count"):
        proto.decode(m.SignTx, proto.encode_number(1, 1))


def test_refuses_text_that_is_not_utf8() -> None:
    with pytest.raises(DecodeError, match="not UTF-8"):
        proto.decode(m.GetAddress, proto.encode_bytes(2, b"\xff"))


def test_refuses_bytes_for_a_number_and_a_number_for_bytes() -> None:
    with pytest.raises(DecodeError, match="a number is expected"):
        proto.decode(m.GetAddress, proto.encode_bytes(5, b"\x01"))
    with pytest.raises(DecodeError, match="bytes are expected"):
        proto.decode(m.GetAddress, proto.encode_number(2, 1))


def test_accepts_packed_numbers_and_skips_unknown_fields() -> None:
    data = proto.encode_bytes(1, b"\x01\x02\xac\x02") + proto.encode_number(900, 5)
    assert proto.decode(m.GetAddress, data).address_n == [1, 2, 300]
