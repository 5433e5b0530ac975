"""A host of a few lines that streams a transaction to a device with C firmware, and can lie in any pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from trezorlib import exceptions, messages

from emulator.device.server import DeviceEmulator
from tests.support.onekey_client import ONEKEY_MODEL

m: Any = messages
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
ABANDON = "abandon " * 11 + "about"

Spoil = Callable[[str, int, Any], None]


def honest(name: str, number: int, tx: Any) -> None:
    """Spoils nothing."""


@dataclass
class Host:
    """Streams one transaction; `spoil(name, how often asked, answer)` may bend what it says."""

    bench: Any
    inputs: list[Any]
    outputs: list[Any]
    spoil: Spoil = honest
    asked: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    signatures: dict[int, bytes] = field(default_factory=dict)

    def sign(self, **fields: Any) -> bytes:
        """The whole exchange; the serialised transaction."""
        request = m.SignTx(
            coin_name=self.bench.coin,
            **{"inputs_count": len(self.inputs), "outputs_count": len(self.outputs), "version": 2, **fields},
        )
        reply = self.bench.session.call(request)
        while isinstance(reply, m.TxRequest):
            self._take(reply.serialized)
            if reply.request_type == m.RequestType.TXFINISHED:
                return b"".join(self.chunks)
            reply = self.bench.session.call(m.TxAck(tx=self._answer(reply)))
        raise AssertionError(reply)

    def refused(self, text: str, **fields: Any) -> None:
        with pytest.raises(exceptions.TrezorFailure) as caught:
            self.sign(**fields)
        assert f"{caught.value.code.name}: {caught.value.message}" == text
        assert self.bench.client.ping("alive") == "alive"

    def _take(self, serialized: Any) -> None:
        if serialized is None:
            self.chunks.append(b"")
            return
        self.chunks.append(serialized.serialized_tx or b"")
        if serialized.signature is not None:
            self.signatures[serialized.signature_index] = serialized.signature

    def _answer(self, request: Any) -> Any:
        kind, details = m.RequestType(request.request_type).name, request.details
        name = f"{kind}/{details.request_index}" if details.request_index is not None else kind
        name += "@" if details.tx_hash and not kind.startswith("TXORIG") else ""
        self.asked.append(name)
        tx = deepcopy(self._piece(kind, details))
        self.spoil(name, self.asked.count(name), tx)
        return tx

    def _piece(self, kind: str, details: Any) -> Any:
        known: Any = self.bench.prev_txes[details.tx_hash] if details.tx_hash else None
        index = details.request_index
        if kind == "TXMETA":
            return m.TransactionType(
                version=known.version,
                lock_time=known.lock_time,
                inputs_cnt=len(known.inputs),
                outputs_cnt=len(known.bin_outputs),
            )
        if kind in ("TXINPUT", "TXORIGINPUT"):
            return m.TransactionType(inputs=[(known.inputs if known else self.inputs)[index]])
        if kind == "TXOUTPUT" and known:
            return m.TransactionType(bin_outputs=[known.bin_outputs[index]])
        return m.TransactionType(outputs=[(known.outputs if known else self.outputs)[index]])

    @property
    def last_pass(self) -> list[str]:
        """What was asked for after the last output."""
        start = max(number for number, name in enumerate(self.asked) if name.startswith("TXOUTPUT"))
        return self.asked[start + 1 :]


def bench_of(persona: str, bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    """A device of that persona that confirms everything; `bench` is of the kind wanted."""
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", persona=persona) as device:
        client = connected(device, ONEKEY_MODEL if persona.startswith("onekey") else None)
        yield type(bench)(device, client, client.get_session(""))


def pay(amount: int, address: str = STRANGER) -> Any:
    """An output to someone else."""
    return m.TxOutputType(address=address, amount=amount)


def shown(bench: Any, since: int = 0) -> list[tuple[str, int]]:
    """Names and ButtonRequest codes of what was asked."""
    return [(screen.name, screen.button_code) for screen in bench.device.screens[since:]]


def at(name: str, number: int, change: Callable[[Any], None]) -> Spoil:
    """Lie when that piece is asked for the n-th time."""

    def spoil(asked: str, count: int, tx: Any) -> None:
        if (asked, count) == (name, number):
            change(tx)

    return spoil
