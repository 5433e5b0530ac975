"""Lets things happen in a process while it works: events at its questions to the nodes, and its own death."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from emulator.chains.ethereum.control import EthereumControl, EthereumControlError
from tests.faults.ethereum.setting import Staged
from tests.faults.treasury.kill import Stops
from tests.soak.ethereum.days import SEND, Event
from tests.support.ethereum_chains import RpcAnswerError, ask
from vault.ethereum.node.line import JsonRpcLine


class Moments:
    """Armed once; `asked` counts the questions to both nodes, in whatever thread."""

    def __init__(
        self,
        staged: Staged,
        kill_at: str,
        events: Sequence[Event],
        note: Path,
        signed: Callable[[], list[bytes]],
    ) -> None:
        self.asked = self.sent = 0
        self.happened: list[str] = []
        self._staged, self._signed = staged, signed
        self._kind, self._number = kill_at[:1], int(kill_at[1:] or 0)
        self._stops = Stops(kill_at if self._kind == "#" else "", note)
        self._events = sorted(events, key=lambda each: each.at)
        self._lock = threading.Lock()
        self._armed = False

    def arm(self) -> None:
        self._armed = True
        if self._kind == "#":
            self._stops.arm()
        self._happen()
        question = JsonRpcLine.ask

        def watched(line: JsonRpcLine, method: str, *params: object) -> Any:
            if not self._armed:
                return question(line, method, *params)
            with self._lock:
                self.asked += 1
                self._happen()
                if self._kind == "~" and self.asked == self._number:
                    _die()
            try:
                return question(line, method, *params)
            finally:
                if method == SEND:
                    self.sent += 1
                    if self._kind == ">" and self.sent == self._number:
                        _die()

        JsonRpcLine.ask = watched  # type: ignore[method-assign,assignment]

    def disarm(self) -> None:
        """What comes now happens undisturbed, save by what was armed at the nodes."""
        self._armed = False
        self._stops.disarm()

    def _happen(self) -> None:
        while self._events and self._events[0].at <= self.asked:
            event = self._events.pop(0)
            order(self._staged, event, self._signed)
            self.happened.append(event.what)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def order(staged: Staged, event: Event, signed: Callable[[], list[bytes]]) -> None:
    """Let an event happen, at the nodes or on the chain behind both; `signed` are all that ever were."""
    chain, values = staged.chain, event.values
    if event.what == "reorg":
        chain.reorg(values["depth"], extra=values["extra"], keep_transactions=values["keep"])
    elif event.what == "swap":
        try:
            chain.reorg(values["depth"], extra=values["extra"], transactions=signed()[:1])
        except EthereumControlError:  # gas is too dear for it
            chain.mine(values["depth"] + 1)
    elif event.what == "echo":
        for raw in signed():
            with contextlib.suppress(RpcAnswerError, OSError):
                ask(staged.node, SEND, "0x" + raw.hex())
    elif event.what == "forget":
        for txid in chain.state().mempool:
            chain.drop(txid)
    elif event.what == "spike":
        chain.set_base_fee(values["wei"])
    else:
        url = staged.witness if event.node and staged.witness else staged.node
        if event.what == "lag":
            values = {"height": max(1, chain.state().height - values["behind"])}
        EthereumControl(url).fault(event.what, **values)
