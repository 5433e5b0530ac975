"""One connection to an Electrum server: JSON-RPC in lines, asked in batches, answers matched by id.

Refuses lines that are too long, ids it never used or used already, and more unasked-for notices than
a server has reason to send. Protocol 1.4 (electrum-protocol: "Protocol Basics", "Protocol Methods").
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from vault.bitcoin.backends.answers import nonsense, read_json, to_list, to_object
from vault.bitcoin.backends.dial import Endpoint, dial, reason
from vault.errors import ChainError

PROTOCOL: Final = "1.4"
# A transaction of 4 MB in hex, with room for the JSON around it.
MAX_LINE: Final = 16_000_000
# Questions sent before their answers are read.
WINDOW: Final = 100
# Tips that are announced while we ask; many more than blocks are found in a minute.
MAX_NOTICES: Final = 100


@dataclass(frozen=True, slots=True)
class Call:
    """A question: method and parameters."""

    method: str
    params: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """The server's own error in place of a result."""

    code: int | None
    message: str


class ElectrumSession:
    """An open connection that has agreed on the protocol. Use as a context manager, in one thread.

    Raises `ChainError` (``chain.unreachable``: nothing was sent, ``chain.no_answer``, ``chain.bad_answer``).
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._next_id = 0
        self._notices = 0
        self._buffer = bytearray()
        self._stream = dial(endpoint)
        try:
            answer = self.ask(Call("server.version", ("vault", PROTOCOL)))
            version = to_list(answer, "server.version")
            if len(version) != 2 or version[1] != PROTOCOL:
                raise nonsense("server.version", f"protocol {PROTOCOL}", answer)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def ask(self, call: Call) -> Any:
        """One result. Raises `ChainError` (``chain.server_error``) for the server's own error."""
        return self.ask_all([call])[0]

    def ask_all(self, calls: Sequence[Call]) -> list[Any]:
        """All results, in the order of the questions."""
        answers = self.try_all(calls)
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Failure):
                raise server_error(call.method, answer)
        return answers

    def try_all(self, calls: Sequence[Call]) -> list[Any]:
        """All results, in the order of the questions, with a `Failure` where the server answered one."""
        answers: list[Any] = []
        for start in range(0, len(calls), WINDOW):
            part = calls[start : start + WINDOW]
            first = self._next_id
            self._next_id += len(part)
            lines = [_line(first + number, call) for number, call in enumerate(part)]
            try:
                self._stream.renew(self._endpoint.timeout)
                self._stream.sendall(b"".join(lines))
                answers += self._read_answers(first, len(part))
            except OSError as error:
                raise ChainError(
                    "no_answer",
                    f"expected an answer of {self._endpoint.name} to {part[0].method} "
                    f"within {self._endpoint.timeout} s, found none: {reason(error)}",
                    hint="Nothing was changed by asking; ask again.",
                ) from None
        return answers

    def _read_answers(self, first: int, count: int) -> list[Any]:
        found: dict[int, Any] = {}
        while len(found) < count:
            answer = to_object(read_json(self._read_line()), "answer")
            number = answer.get("id")
            if number is None and isinstance(answer.get("method"), str) and self._notices < MAX_NOTICES:
                self._notices += 1
                continue
            if type(number) is not int or not first <= number < first + count or number in found:
                raise nonsense("answer", "the id of an open question", number)
            if answer.get("error") is not None:
                found[number] = _failure(answer["error"])
            elif "result" in answer:
                found[number] = answer["result"]
            else:
                raise nonsense("answer", "a result or an error", answer)
        return [found[first + number] for number in range(count)]

    def _read_line(self) -> str:
        self._stream.renew(self._endpoint.timeout)
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise nonsense("answer", f"a line of at most {MAX_LINE} bytes", bytes(self._buffer[:100]))
            part = self._stream.recv(1 << 16)
            if not part:
                raise ConnectionResetError("the server hung up")
            self._buffer += part
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.decode(errors="replace")


def server_error(method: str, failure: Failure) -> ChainError:
    """The server's own error, as ours."""
    return ChainError("server_error", f"expected an answer to {method}, found: {failure.message[:200]}")


def _line(number: int, call: Call) -> bytes:
    question = {"jsonrpc": "2.0", "id": number, "method": call.method, "params": list(call.params)}
    return json.dumps(question, separators=(",", ":")).encode() + b"\n"


def _failure(error: Any) -> Failure:
    if isinstance(error, str):  # some servers answer a bare text
        return Failure(None, error)
    told = to_object(error, "error")
    code, message = told.get("code"), told.get("message")
    return Failure(code if type(code) is int else None, message if isinstance(message, str) else str(told))
