"""JSON-RPC to a bitcoind: cookie or user and password, batches, and its errors told apart.

The password is read when it is needed and kept nowhere. Refuses ids it never used and answers that
are no JSON-RPC; a node that is starting, or refuses the password, is said to be so.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from vault.bitcoin.backends.answers import nonsense, read_json, to_list, to_object
from vault.bitcoin.backends.http_line import HttpServer
from vault.errors import ChainError

# A cookie is "__cookie__:" and 64 hex digits.
MAX_COOKIE: Final = 1000
# Questions in one request; bitcoind answers them one after the other.
BATCH: Final = 100
# Transactions are large: so many of the largest standard ones still fit into one answer.
RAW_BATCH: Final = 25
# RPC_METHOD_NOT_FOUND, RPC_INVALID_ADDRESS_OR_KEY, RPC_IN_WARMUP (bitcoind `rpc/protocol.h`).
UNKNOWN_METHOD, NOT_FOUND, WARMING_UP = -32601, -5, -28

Credentials = Callable[[], str]


class NodeError(ChainError):
    """The node's own error; `rpc_code` is bitcoind's."""

    def __init__(self, method: str, code: int, message: str) -> None:
        reason = "starting" if code == WARMING_UP else "server_error"
        super().__init__(reason, f"expected an answer to {method}, found {code}: {message[:300]}")
        self.rpc_code, self.rpc_message = code, message


def cookie(path: Path) -> Credentials:
    """The credentials bitcoind writes at each start, read anew for each connection."""

    def read() -> str:
        try:
            with path.open(encoding="ascii") as stream:
                text = stream.read(MAX_COOKIE).strip()
        except (OSError, UnicodeDecodeError) as error:
            words = error.strerror if isinstance(error, OSError) else "not plain text"
            raise ChainError(
                "no_cookie",
                f"expected the node's cookie in {path}, found: {words}",
                hint="Is bitcoind running, and may this user read its cookie (-rpccookieperms)?",
            ) from None
        return text

    return read


class NodeRpc:
    """The node at an http address."""

    def __init__(
        self, url: str, timeout: float, credentials: Credentials, *, certificate: str = "", proxy: str = ""
    ) -> None:
        self._server = HttpServer(url, timeout, what="a bitcoind", certificate=certificate, proxy=proxy)
        self.url, self.timeout = self._server.url, timeout
        self._credentials = credentials

    def session(self) -> NodeSession:
        return NodeSession(self, self._headers())

    def ask_once(self, method: str, *params: Any) -> Any:
        """One request on a connection of its own, never repeated.

        Raises `NodeError`, other `ChainError` when nothing came of it, and `OSError`, `HTTPException`
        or `ValueError` when that is not known.
        """
        body = json.dumps(_question(0, method, params)).encode()
        status, data = self._server.post_once("/", body, self._headers())
        refuse_status(self.url, status)
        try:
            answer = to_object(read_json(data.decode(errors="replace")), "answer")
            _require_id(answer)
            return _result(method, answer)
        except NodeError:
            raise
        except ChainError as error:
            raise ValueError(f"HTTP {status}: {error.message}") from None

    def _headers(self) -> dict[str, str]:
        token = base64.b64encode(self._credentials().encode()).decode()
        return {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    @property
    def server(self) -> HttpServer:
        return self._server


class NodeSession:
    """Questions to the node over one connection. Use as a context manager, in one thread."""

    def __init__(self, rpc: NodeRpc, headers: dict[str, str]) -> None:
        self._rpc, self._headers = rpc, headers
        self._http = rpc.server.session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, method: str, *params: Any, timeout: float | None = None) -> Any:
        """One result. Raises `NodeError` for the node's own error. `timeout` for what takes longer."""
        answer = to_object(self._post(_question(0, method, params), timeout), "answer")
        _require_id(answer)
        return _result(method, answer)

    def try_each(self, method: str, params: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The same question with many parameters: results in order, a `NodeError` where there is none."""
        found: list[Any] = []
        size = RAW_BATCH if method == "getrawtransaction" else BATCH
        for start in range(0, len(params), size):
            part = params[start : start + size]
            questions = [_question(number, method, each) for number, each in enumerate(part)]
            by_id: dict[int, Any] = {}
            for item in to_list(self._post(questions, None), "answers"):
                answer = to_object(item, "answer")
                number = answer.get("id")
                if type(number) is not int or not 0 <= number < len(part) or number in by_id:
                    raise nonsense("answer", "the id of an open question", number)
                try:
                    by_id[number] = _result(method, answer)
                except NodeError as failure:
                    by_id[number] = failure
            if len(by_id) != len(part):
                raise nonsense("answers", f"{len(part)} of them", len(by_id))
            found += [by_id[number] for number in range(len(part))]
        return found

    def ask_each(self, method: str, params: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The same, where each must have a result."""
        found = self.try_each(method, params)
        for answer in found:
            if isinstance(answer, NodeError):
                raise answer
        return found

    def _post(self, body: Any, timeout: float | None) -> Any:
        status, data = self._http.ask("POST", "/", json.dumps(body).encode(), self._headers, timeout=timeout)
        refuse_status(self._rpc.url, status)
        return read_json(data.decode(errors="replace"))


def refuse_status(url: str, status: int) -> None:
    """What the node says before it looks at a question: nothing was done."""
    if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        raise ChainError(
            "unauthorised",
            f"expected {url} to accept the user and password, found HTTP {status}",
            hint="Set `cookie` to the node's cookie file, or `user` and its password in the keyring; "
            "-rpcallowip must cover this machine.",
        )


def _question(number: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "1.0", "id": number, "method": method, "params": list(params)}


def _require_id(answer: dict[str, Any]) -> None:
    number = answer.get("id")
    if type(number) is not int or number != 0:
        raise nonsense("answer", "the id of the question", number)


def _result(method: str, answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is None:
        if "result" not in answer:
            raise nonsense("answer", "a result or an error", answer)
        return answer["result"]
    told = to_object(error, "error")
    code, message = told.get("code"), told.get("message")
    if type(code) is not int or not isinstance(message, str):
        raise nonsense("error", "a code and a message", error)
    raise NodeError(method, code, message)
