"""execTransaction: built once in one way, read back strictly, and done only when the Safe itself says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_safes import ALICE, BOB, CAROL, PAYS, SAFE, STRANGER, safe_call, signed_by
from vault.errors import EthereumError, SafeError, VaultError
from vault.ethereum.safe.execute import (
    EXEC,
    dummy_exec_data,
    exec_data,
    gas_around,
    is_exec,
    outcome,
    read_exec,
    require_exec,
)
from vault.ethereum.view import EventLog
from vault.evm.address import ZERO_ADDRESS
from vault.evm.hashing import keccak

CALL = safe_call()
HASH = bytes(range(32))
SUCCESS, FAILURE = (
    keccak(f"{name}(bytes32,uint256)".encode()) for name in ("ExecutionSuccess", "ExecutionFailure")
)
NOTHING = bytes(32)


def _data() -> bytes:
    return exec_data(1, CALL, signed_by(CALL, ALICE, BOB))


def _exec(**changes: Any) -> bytes:
    fields = {
        "to": CALL.to,
        "value": 0,
        "data": PAYS,
        "operation": 0,
        "safeTxGas": 0,
        "baseGas": 0,
        "gasPrice": 0,
        "gasToken": ZERO_ADDRESS,
        "refundReceiver": ZERO_ADDRESS,
        "signatures": bytes(130),
    }
    return EXEC.encode(*(fields | changes).values())


def test_the_selector_is_the_published_one() -> None:
    assert EXEC.selector.hex() == "6a761202"
    assert is_exec(_data())
    assert not is_exec(PAYS)


def test_what_is_built_reads_back_to_the_plans_call_and_its_signers() -> None:
    found = read_exec(_data())
    assert (found.to, found.value, found.data) == (CALL.to, CALL.value, PAYS)
    assert {each.owner for each in require_exec(_data(), 1, CALL)} == {
        each.owner for each in signed_by(CALL, ALICE, BOB)
    }


def test_the_dummy_is_as_long_as_what_will_be_sent() -> None:
    assert len(dummy_exec_data(1, CALL)) == len(_data())
    assert gas_around(3) > gas_around(2) > 60_000


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": 1}, "safe.delegatecall"),
        ({"operation": 255}, "safe.delegatecall"),
        ({"safeTxGas": 1}, "safe.refund"),
        ({"baseGas": 1}, "safe.refund"),
        ({"gasPrice": 1}, "safe.refund"),
        ({"gasToken": STRANGER}, "safe.refund"),
        ({"refundReceiver": STRANGER}, "safe.refund"),
    ],
)
def test_refuses_executions_that_do_more_than_a_call(change: dict[str, Any], code: str) -> None:
    with pytest.raises(SafeError) as refused:
        read_exec(_exec(**change))
    assert refused.value.code == code


@pytest.mark.parametrize("change", [{"to": STRANGER}, {"value": 1}, {"data": PAYS[:-1] + b"\1"}])
def test_refuses_an_execution_of_another_call(change: dict[str, Any]) -> None:
    with pytest.raises(SafeError) as refused:
        require_exec(_exec(**change), 1, CALL)
    assert refused.value.code == "safe.altered"


@given(st.integers(0, 2**31), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(at: int, mask: int) -> None:
    data = bytearray(_DATA)
    data[at % len(data)] ^= mask
    with pytest.raises(VaultError):
        require_exec(bytes(data), 1, CALL)


_DATA = _data()


@pytest.mark.parametrize("data", [_DATA + b"\0", _DATA + bytes(32), _DATA[:-1], _DATA[:4], b"", PAYS])
def test_refuses_what_is_not_the_encoding_of_one_call(data: bytes) -> None:
    with pytest.raises(EthereumError) as refused:
        read_exec(data)
    assert refused.value.code == "ethereum.bad_calldata"


def _log(
    topic: bytes, digest: bytes = HASH, *, indexed: bool = True, address: str = SAFE, payment: bytes = NOTHING
) -> EventLog:
    if indexed:
        return EventLog(address, (topic, digest), payment)
    return EventLog(address, (topic,), digest + payment)


@pytest.mark.parametrize("indexed", [True, False])  # 1.4.1 and 1.3.0
def test_the_safes_own_event_says_what_became_of_it(indexed: bool) -> None:
    assert outcome([_log(SUCCESS, indexed=indexed)], SAFE, HASH) == "success"
    assert outcome([_log(FAILURE, indexed=indexed)], SAFE, HASH) == "failure"


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [_log(SUCCESS, address=STRANGER)],
        [_log(SUCCESS, digest=bytes(32))],
        [_log(keccak(b"ExecutionSuccess(bytes32)"))],
        [EventLog(SAFE, (), b"")],
    ],
)
def test_nobody_elses_event_and_no_other_hash_is_taken_for_it(logs: list[EventLog]) -> None:
    assert outcome(logs, SAFE, HASH) == "absent"


@pytest.mark.parametrize(
    "logs",
    [
        [_log(SUCCESS), _log(FAILURE)],
        [_log(SUCCESS), _log(SUCCESS)],
        [_log(SUCCESS, payment=bytes(31) + b"\1")],
        [EventLog(SAFE, (SUCCESS, HASH), b"")],
    ],
)
def test_contradicting_events_are_refused(logs: list[EventLog]) -> None:
    with pytest.raises(EthereumError):
        outcome(logs, SAFE, HASH)


def test_nothing_is_built_without_a_seeing_quorum() -> None:
    for signatures in (signed_by(CALL, CAROL), signed_by(CALL, ALICE, BOB, saw="hashes")):
        with pytest.raises(SafeError):
            exec_data(1, CALL, signatures)
