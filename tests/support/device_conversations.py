"""Conversations of an honest host library whose messages are spoiled on their way to the device.

The device's person answers screens from a list of decisions: no signature may come without a screen
confirmed, and none when the last one was rejected.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from trezorlib import btc, ethereum, exceptions, mapping, models, protocol_v1
from trezorlib import client as trezor_client
from trezorlib import messages as m
from trezorlib.tools import parse_path
from trezorlib.transport import Timeout

from emulator.device.keys import sha256d
from emulator.device.protocol import proto
from emulator.device.protocol.wire import Frame

from .device_fuzz import ANSWER_LIMIT, Victim, carries_signature, frame_of

ONEKEY_MODEL = models.TrezorModel(
    name="1",
    internal_name="ONEKEY",
    minimum_version=(0, 0, 0),
    vendors=("onekey.so",),
    usb_ids=(),
    default_mapping=mapping.DEFAULT_MAPPING,
)


@dataclass(frozen=True)
class Spoil:
    """What happens to the host's message number `at` of a conversation."""

    at: int
    kind: str
    seed: int

    def apply(self, frame: Frame) -> Frame:
        chance = random.Random(self.seed)
        data = bytearray(frame.payload)
        if self.kind == "flip" and data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif self.kind == "cut" and data:
            del data[chance.randrange(len(data)) :]
        elif self.kind == "grow":
            data += chance.randbytes(chance.randrange(1, 70))
        elif self.kind == "twice":
            data *= 2
        elif self.kind == "splice" and len(data) > 2:
            start = chance.randrange(len(data) - 1)
            data[start : start + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
        elif self.kind == "other":
            return Frame(chance.choice(_OTHERS), bytes(data))
        elif self.kind == "empty":
            return Frame(chance.choice(_OTHERS), b"")
        return Frame(frame.wire_type, bytes(data))


_OTHERS = [
    proto.wire_type_of(cls)
    for cls in (m.Initialize, m.Cancel, m.ButtonAck, m.TxAck, m.GetFeatures, m.SignTx, m.GetAddress, m.Ping)
]
PATIENCE = 0.25  # seconds
_SPOIL_KINDS = ("flip", "flip", "flip", "cut", "grow", "twice", "splice", "other", "empty")

SPOILS = st.lists(
    st.builds(Spoil, st.integers(0, 40), st.sampled_from(_SPOIL_KINDS), st.integers(0, 2**32)),
    min_size=1,
    max_size=4,
)
DECISIONS = st.lists(st.sampled_from([True, True, True, True, False]), max_size=12)


def _host(target: Victim, spoils: Sequence[Spoil], limit: float) -> Any:
    manifest = trezor_client.AppManifest("fuzz")
    model = ONEKEY_MODEL if target.device.persona.startswith("onekey") else None
    client: Any = protocol_v1.TrezorClientV1(manifest, target.transport, model=model, mapping=None)
    session = client.get_session("")
    planned = {spoil.at: spoil for spoil in spoils}
    numbers = itertools.count()
    stock_read = client._read

    def write(_session: Any, message: Any) -> None:
        frame = frame_of(message)
        spoil = planned.get(next(numbers))
        target.send(frame if spoil is None else spoil.apply(frame))

    def read(reading: Any, timeout: float | None = None) -> Any:
        message = stock_read(reading, limit if timeout is None else timeout)
        if carries_signature(message):
            target.person.log.append("signed")
        return message

    client._write, client._read = write, read
    return session


def _previous(value: int) -> tuple[bytes, Any]:
    """A previous transaction whose second output pays m/84'/0'/0'/0/0 of the test seed."""
    script = bytes.fromhex("0014c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2")
    tx = m.TransactionType(
        version=2,
        lock_time=0,
        inputs=[m.TxInputType(prev_hash=b"\x11" * 32, prev_index=0, script_sig=b"", sequence=0xFFFFFFFF)],
        bin_outputs=[
            m.TxOutputBinType(amount=1_000, script_pubkey=b"\x51"),
            m.TxOutputBinType(amount=value, script_pubkey=script),
        ],
    )
    raw = (2).to_bytes(4, "little") + b"\x01" + b"\x11" * 32 + bytes(4) + b"\x00" + b"\xff" * 4 + b"\x02"
    raw += (1_000).to_bytes(8, "little") + b"\x01\x51"
    raw += value.to_bytes(8, "little") + bytes([len(script)]) + script + bytes(4)
    return sha256d(raw)[::-1], tx


PAYEE = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
TO = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
TYPED: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Order": [
            {"name": "to", "type": "address"},
            {"name": "amounts", "type": "uint256[]"},
            {"name": "note", "type": "string"},
        ],
    },
    "primaryType": "Order",
    "domain": {"name": "Fuzz", "chainId": 1},
    "message": {"to": TO, "amounts": [1, 2], "note": "hello"},
}


def _sign_bitcoin(session: Any, kind: Any = m.InputScriptType.SPENDWITNESS) -> None:
    prev_hash, prev = _previous(100_000)
    purpose = 86 if kind == m.InputScriptType.SPENDTAPROOT else 84
    spent = m.TxInputType(
        address_n=parse_path(f"m/{purpose}h/0h/0h/0/0"),
        prev_hash=prev_hash,
        prev_index=1,
        amount=100_000,
        script_type=kind,
        sequence=0xFFFFFFFD,
    )
    paid = m.TxOutputType(address=PAYEE, amount=60_000)
    change = m.TxOutputType(
        address_n=parse_path("m/84h/0h/0h/1/0"),
        amount=39_000,
        script_type=m.OutputScriptType.PAYTOWITNESS,
    )
    btc.sign_tx(session, "Bitcoin", [spent], [paid, change], prev_txes={prev_hash: prev})


def _sign_taproot(session: Any) -> None:
    _sign_bitcoin(session, m.InputScriptType.SPENDTAPROOT)


def _sign_ethereum(session: Any) -> None:
    ethereum.sign_tx_eip1559(
        session,
        parse_path("m/44h/60h/0h/0/0"),
        nonce=1,
        gas_limit=21_000,
        to=TO,
        value=10**18,
        data=b"\x01" * 1_500,
        chain_id=1,
        max_gas_fee=10**10,
        max_priority_fee=10**9,
        access_list=[m.EthereumAccessList(address=TO, storage_keys=[b"\x02" * 32])],
    )


def _sign_ethereum_legacy(session: Any) -> None:
    path = parse_path("m/44h/60h/0h/0/0")
    ethereum.sign_tx(session, path, 1, 10**10, 21_000, TO, 10**18, chain_id=1)


def _sign_typed(session: Any) -> None:
    ethereum.sign_typed_data(session, parse_path("m/44h/60h/0h/0/0"), TYPED)


def _sign_typed_hash(session: Any) -> None:
    ethereum.sign_typed_data_hash(session, parse_path("m/44h/60h/0h/0/0"), b"\x01" * 32, b"\x02" * 32)


def _sign_messages(session: Any) -> None:
    path = parse_path("m/84h/0h/0h/0/0")
    btc.sign_message(session, "Bitcoin", path, b"attack at dawn", m.InputScriptType.SPENDWITNESS)
    ethereum.sign_message(session, parse_path("m/44h/60h/0h/0/0"), b"attack at dawn")


CONVERSATIONS = {
    "bitcoin": _sign_bitcoin,
    "taproot": _sign_taproot,
    "ethereum": _sign_ethereum,
    "ethereum-legacy": _sign_ethereum_legacy,
    "typed": _sign_typed,
    "typed-hash": _sign_typed_hash,
    "messages": _sign_messages,
}


# Long texts, menus and lists: NO to a page in their middle turns back a page on some devices.
PAGED = frozenset({"messages", "typed", "typed-hash", "ethereum", "ethereum-legacy"})

# A spoiled host library may fail in any way it likes; the device may not.
_HOST_FAILURES = (
    exceptions.TrezorException,
    Timeout,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def converse(target: Victim, name: str, spoils: Sequence[Spoil], decisions: Sequence[bool]) -> None:
    """Hold one of CONVERSATIONS and check what came of it."""
    target.person.sit_down(default=False)
    # C firmware overhears what is not for it: a spoiled host is given up soon, an honest one is not.
    session = _host(target, spoils, PATIENCE if spoils else ANSWER_LIMIT)
    target.person.sit_down(decisions, default=True)
    with suppress(*_HOST_FAILURES):
        CONVERSATIONS[name](session)
    target.check()
    log = target.person.log
    if "signed" in log:
        assert log[0] == "yes", f"{name}: signed without a question: {log}"
        last = len(log) - 1 - log[::-1].index("signed")
        answers = [answer for answer in log[:last] if answer != "signed"]
        assert answers[-1] == "yes", f"{name}: signed after a rejected screen: {log}"
        if name not in PAGED:
            assert "no" not in answers, f"{name}: signed although a screen was rejected: {log}"
