"""Hosts that lie during a typed data exchange: refused or held to their word, and nothing else signed.

Every case ends with a device that still answers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trezorlib import client as trezor_client
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.ethereum import onekey_messages as onekey
from emulator.device.server import DeviceEmulator
from tests.support import stock_client
from tests.support.onekey_client import ONEKEY_MODEL
from tests.support.typed_data import typed_data
from tests.support.typed_exchange import Exchange, struct_ack, value_ack

ALL = "all " * 11 + "all"
PATH = parse_path("m/44h/60h/0h/0/0")
ADDRESS = "0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"
PERSONAS = ["trezor-core", "onekey-pro", "onekey-classic1s"]
OWN = {"onekey-pro", "onekey-classic1s"}


class Attacked:
    """A device whose person says yes until told otherwise."""

    def __init__(self, persona: str) -> None:
        self.own = persona in OWN
        self.rejects = ""
        self.device = DeviceEmulator(
            mnemonic=ALL, mode="interactive", persona=persona, on_screen=self._decide
        ).start()
        client = stock_client.connect(self.device.path, ONEKEY_MODEL if self.own else None)
        self.session = client.get_session("")

    def _decide(self, screen: Any) -> bool:
        return screen.name != self.rejects

    def run(self, data: Any, **hooks: Any) -> Any:
        """The last answer to a request with that data."""
        return Exchange(self.session, data, own=self.own, **hooks).run(PATH)

    def refuses(self, data: Any, **hooks: Any) -> Any:
        """The Failure of a request; the device must answer afterwards."""
        failure = self.run(data, **hooks)
        assert isinstance(failure, m.Failure), failure
        self.device_answers()
        return failure

    def device_answers(self) -> None:
        with self.session:
            for _ in range(64):  # failures reported once per level come first
                answer = self.session.call_raw(m.Ping(message="alive"))
                if isinstance(answer, m.Success) and answer.message == "alive":
                    return
        raise AssertionError("the device does not answer")


@pytest.fixture
def attacked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Attacked]]:
    """`attacked(persona)`; reads end after five seconds."""
    monkeypatch.setattr(trezor_client, "_DEFAULT_READ_TIMEOUT", 5)
    running: list[Attacked] = []

    def start(persona: str) -> Attacked:
        running.append(Attacked(persona))
        return running[-1]

    yield start
    for each in running:
        each.device.stop()


def message(kinds: dict[str, str], value: Any, **others: Any) -> dict[str, Any]:
    members = [{"name": name, "type": kind} for name, kind in kinds.items()]
    types = {"EIP712Domain": [{"name": "name", "type": "string"}], "M": members, **others}
    return {"types": types, "primaryType": "M", "domain": {"name": "x"}, "message": value}


def signer_of(data: Any, signature: bytes) -> str:
    signable = encode_typed_data(full_message=copy.deepcopy(data))
    return str(Account.recover_message(signable, signature=signature))


@pytest.mark.parametrize("persona", PERSONAS)
def test_random_messages_are_signed_for_what_they_are_or_not_at_all(
    attacked: Callable[[str], Attacked], persona: str
) -> None:
    target = attacked(persona)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=typed_data(), rejects=st.booleans())
    def attack(data: Any, rejects: bool) -> None:
        last = "typed_data_final" if persona == "onekey-classic1s" else "confirm_typed_data_final"
        target.rejects = last if rejects else ""
        answer = target.run(data)
        if isinstance(answer, m.Failure):
            assert rejects or persona == "onekey-classic1s"  # whose buffers are small
            target.device_answers()
            return
        assert not rejects
        assert signer_of(data, answer.signature) == ADDRESS

    attack()


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("kind", ["uint256", "int8", "bytes32", "bytes1", "bool", "address"])
@pytest.mark.parametrize("length", [0, 2, 19, 21, 31, 33, 64, 255])
def test_a_value_of_another_length_than_its_type_is_refused(
    attacked: Callable[[str], Attacked], persona: str, kind: str, length: int
) -> None:
    target = attacked(persona)

    def spoiled(request: Any) -> Any:
        return value_ack(b"\x01" * length, own=target.own) if request.member_path[0] == 1 else None

    assert target.refuses(message({"x": kind}, {"x": 1}), on_value=spoiled).code == m.FailureType.DataError


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize(
    "kinds",
    [
        {"M": "M"},
        {"M": "E", "E": "F", "F": "E"},
        {"M": "E", "E": "M"},
        {"M": "E[1]", "E": "M[1]"},
    ],
)
def test_types_that_contain_themselves_never_reach_a_signature(
    attacked: Callable[[str], Attacked], persona: str, kinds: dict[str, str]
) -> None:
    data = message({}, {})
    data["types"] |= {name: [{"name": "x", "type": kind}] for name, kind in kinds.items()}
    attacked(persona).refuses(data)


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("size", ["", "4294967295"])
def test_endless_arrays_of_nothing_are_given_up(
    attacked: Callable[[str], Attacked], persona: str, size: str
) -> None:
    target = attacked(persona)
    data = message({"x": f"E[{size}]"}, {"x": []}, E=[{"name": "y", "type": f"F[{size}]"}], F=[])

    def longest(request: Any) -> Any:
        return value_ack(b"\xff\xff", own=target.own) if request.member_path[0] == 1 else None

    def stop(request: Any) -> Any:
        return (
            m.Cancel() if len(request.member_path) > 3 and request.member_path[2] > 40 else longest(request)
        )

    target.refuses(data, on_value=stop)


@pytest.mark.parametrize("persona", PERSONAS)
def test_types_that_go_on_for_ever_are_refused(attacked: Callable[[str], Attacked], persona: str) -> None:
    target = attacked(persona)

    def deeper(request: Any) -> Any:
        if request.name == "EIP712Domain":
            return None
        following = (
            f"{request.name}x" if len(request.name) < 40 else f"{len(request.name)}{request.name[:30]}"
        )
        members = [{"name": "x", "type": following}]
        return struct_ack(members, {following: []}, own=target.own)

    target.refuses(message({"x": "M"}, {}), on_struct=deeper)


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_member_without_name_or_type_is_refused(attacked: Callable[[str], Attacked], persona: str) -> None:
    target = attacked(persona)
    ack = onekey.EthereumTypedDataStructAckOneKey if target.own else m.EthereumTypedDataStructAck
    member = onekey.EthereumStructMemberOneKey if target.own else m.EthereumStructMember

    def nameless(_request: Any) -> Any:
        broken = member.__new__(member)
        broken.__dict__.update(name=None, type=None)
        return ack(members=[broken])

    failure = target.refuses(message({"x": "uint8"}, {"x": 1}), on_struct=nameless)
    assert failure.code == m.FailureType.DataError


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("asked", ["struct", "value"])
def test_an_answer_to_another_question_signs_nothing(
    attacked: Callable[[str], Attacked], persona: str, asked: str
) -> None:
    target = attacked(persona)
    struct = struct_ack([], {}, own=target.own)
    hooks = {
        "struct": {"on_struct": lambda _request: value_ack(b"\x01", own=target.own)},
        "value": {"on_value": lambda _request: struct},
    }
    target.refuses(message({"x": "uint8"}, {"x": 1}), **hooks[asked])


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_signature_request_in_the_middle_does_not_inherit_the_confirmations(
    attacked: Callable[[str], Attacked], persona: str
) -> None:
    """The first exchange's questions were answered YES; the second one asks all of them again."""
    target = attacked(persona)
    data = message({"x": "uint8"}, {"x": 1})
    before = len(target.device.screens)
    assert target.run(data).signature
    questions = len(target.device.screens) - before
    before = len(target.device.screens)
    assert target.run(data).signature
    assert len(target.device.screens) - before == questions


@pytest.mark.parametrize("persona", PERSONAS)
def test_the_domain_as_primary_type_never_signs_a_message(
    attacked: Callable[[str], Attacked], persona: str
) -> None:
    target = attacked(persona)
    data = message({"x": "uint8"}, {"x": 1})
    data["primaryType"] = "EIP712Domain"
    exchange = Exchange(target.session, data, own=target.own)
    assert exchange.run(PATH).signature
    assert all(path[0] == 0 for path in exchange.paths)


def test_a_struct_described_twice_counts_as_described_last(attacked: Callable[[str], Attacked]) -> None:
    """OneKey Pro lets structs into the domain: the host could show one type and have another hashed."""
    target = attacked("onekey-pro")
    data = message({"x": "uint8"}, {"x": 1})
    data["types"]["EIP712Domain"] = [{"name": "inner", "type": "M[]"}]
    data["domain"] = {"inner": []}
    told: list[str] = []

    def first_otherwise(request: Any) -> Any:
        told.append(request.name)
        if request.name == "M" and told.count("M") == 1:
            return struct_ack([{"name": "x", "type": "string"}], {}, own=True)
        return None

    answer = target.run(data, on_struct=first_otherwise)
    assert told == ["EIP712Domain", "M", "M"]
    assert answer.signature == target.run(data).signature


def test_onekey_pro_signs_the_domain_it_hashed_not_the_one_it_showed(
    attacked: Callable[[str], Attacked],
) -> None:
    """As its firmware does, which asks twice and compares nothing: hosts have to verify signatures."""
    target = attacked("onekey-pro")
    data = message({"x": "uint8"}, {"x": 1})
    asked: list[Any] = []

    def honest_first(request: Any) -> Any:
        if request.member_path[0] == 1:
            return None
        asked.append(request.member_path)
        return value_ack(b"honest" if len(asked) == 1 else b"evil", own=True)

    answer = target.run(data, on_value=honest_first)
    shown = "\n".join(screen.text for screen in target.device.screens)
    assert "honest" in shown
    assert "evil" not in shown
    assert signer_of({**data, "domain": {"name": "evil"}}, answer.signature) == ADDRESS


@pytest.mark.parametrize("persona", ["trezor-core", "onekey-classic1s"])
def test_others_ask_for_each_value_once(attacked: Callable[[str], Attacked], persona: str) -> None:
    target = attacked(persona)
    data = message(
        {"x": "uint8[]", "y": "E"}, {"x": [1, 2], "y": {"z": "a"}}, E=[{"name": "z", "type": "string"}]
    )
    exchange = Exchange(target.session, data, own=target.own)
    assert exchange.run(PATH).signature
    assert len(exchange.paths) == len(set(exchange.paths))


def test_a_safe_transaction_cannot_pass_for_another_one(attacked: Callable[[str], Attacked]) -> None:
    """What is signed commits to every field of the one answer that was shown."""
    target = attacked("onekey-pro")
    zero = "0x" + "00" * 20
    names = ("value", "safeTxGas", "baseGas", "gasPrice", "nonce")
    fields: dict[str, Any] = {name: bytes([number + 1]) for number, name in enumerate(names)}
    fields |= dict.fromkeys(("to", "gasToken", "refundReceiver", "verifyingContract"), zero)
    fields |= {"data": b"", "operation": 0, "chain_id": 1}
    signatures = set()
    for name, value in fields.items():
        changed = {bytes: b"\x09", str: "0x" + "11" * 20, int: 1 if name == "operation" else 5}[type(value)]
        ack = onekey.EthereumGnosisSafeTxAck(**{**fields, name: changed})
        answer = target.run({"types": {}, "primaryType": "SafeTx", "safe": ack})
        signatures.add(bytes(answer.signature))
    assert len(signatures) == len(fields)
