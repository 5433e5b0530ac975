"""HTTP as web3's provider needs it: an adapter for `requests` that is bounded in size, time and nesting.

Refuses redirects, compressed bodies, a key sent in the clear, and every answer that is not one strict JSON
object to the very question: another id, a key twice, NaN. Nothing that sends is ever repeated.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from vault.errors import EthereumError
from vault.ethereum.node.stream import MAX_ANSWER, Stream, TooLongError, connect, read_body
from vault.ethereum.node.strict_json import printable, read_json, reason

if TYPE_CHECKING:
    from vault.secrets import Secret

SENDS: Final = "eth_sendRawTransaction"
KEY: Final = "{key}"
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_PORTS: Final = {"http": 80, "https": 443}


class NodeAdapter(BaseAdapter):
    """The only way out of the session: whatever URL `requests` believes in, it goes to the node at `url`.

    web3 and `requests` see the URL with ``{key}`` in it, so that none of their logs and errors holds the key.
    """

    def __init__(self, url: str, timeout: float, key: Callable[[], Secret] | None) -> None:
        super().__init__()
        parts = urlsplit(url)
        self.url, self.timeout = url, timeout
        self._host, self._secure = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or _PORTS[parts.scheme]
        self._path, self._key = parts.path or "/", key
        self._secret: Secret | None = None
        self._lock = threading.Lock()
        self._sessions = 0
        self._idle: list[http.client.HTTPConnection] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within it connections stay open from one question to the next."""
        with self._lock:
            self._sessions += 1
        try:
            yield
        finally:
            with self._lock:
                self._sessions -= 1
            if not self._sessions:
                self.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        """The answer to one question, proven to be one. Raises `EthereumError`."""
        body = cast("bytes", request.body)
        question = json.loads(body)
        key = self._revealed()
        status, headers, answer = self._exchange(
            self._path.replace(KEY, quote(key, safe="")), body, sends=question["method"] == SENDS
        )
        if key:
            answer = answer.replace(key.encode(), b"(key)")
        self._require_answer(status, headers, answer, question["id"])
        response = Response()
        # Errors may come with HTTP 4xx or 5xx; web3 would raise these and throw their words away.
        response.status_code, response.url, response.request = http.client.OK, self.url, request
        response._content = answer  # how adapters hand over a body that was read
        response._content_consumed = True
        return response

    def _revealed(self) -> str:
        if KEY not in self._path or self._key is None:
            return ""
        if not self._secure and self._host not in _HERE:
            raise EthereumError(
                "insecure",
                f"expected https for a node on another machine that is told a key, found {self.url}",
                hint="Nothing was sent. Write https:// in treasury.toml.",
            )
        with self._lock:
            self._secret = self._secret or self._key()  # a keyring takes its time
        return self._secret.reveal()

    # -- one exchange ----------------------------------------------------------------------------------

    def _exchange(self, path: str, body: bytes, *, sends: bool) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self.timeout
        connection = None if sends else self._take()
        if connection is not None:
            try:
                return self._once(connection, path, body, deadline)
            except ConnectionError:
                connection.close()  # closed between two questions: asked again on a new one, once
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise self._silent(error) from None
        connection = self._dial(deadline)
        try:
            return self._once(connection, path, body, deadline)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._silent(error) from None

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _once(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, deadline: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        cast("Stream", connection.sock).deadline = deadline
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "vault",
        }
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        data = read_body(response)
        response.close()
        with self._lock:
            keep = self._sessions > 0 and not response.will_close
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, data

    def _dial(self, deadline: float) -> http.client.HTTPConnection:
        try:
            return connect(self._host, self._port, deadline, secure=self._secure)
        except (OSError, ValueError) as error:
            raise EthereumError(
                "unreachable",
                f"expected a node at {self.url}, found none: {reason(error)}",
                hint="Nothing was sent. Start the node or correct its address in treasury.toml.",
            ) from None

    def _silent(self, error: Exception) -> EthereumError:
        if isinstance(error, TooLongError):
            return self._bad(f"at most {MAX_ANSWER} bytes", str(error), too_long="yes")
        return self._no_answer(f"found none: {reason(error)}")

    def _no_answer(self, found: str, hint: str = "Ask again.") -> EthereumError:
        words = f"expected an answer of {self.url} within {self.timeout:g} s, {found}"
        return EthereumError("no_answer", words, hint=hint)

    # -- is it the answer ------------------------------------------------------------------------------

    def _require_answer(self, status: int, headers: Mapping[str, str], body: bytes, number: int) -> None:
        encoding = headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise self._bad("a body that is not compressed", printable(encoding, 40))
        try:
            answer = read_json(body.decode())
        except ValueError as error:
            if status != http.client.OK:
                raise self._refused(status, headers, body) from None
            raise self._bad("JSON of a JSON-RPC answer", f"{error}: {_start(body)}") from None
        if not isinstance(answer, dict):
            raise self._bad("one JSON-RPC answer", _start(body))
        failed = "error" in answer
        if status != http.client.OK and not failed:
            raise self._refused(status, headers, body)
        if answer.get("jsonrpc") != "2.0" or failed == ("result" in answer):
            if status != http.client.OK:
                raise self._refused(status, headers, body)
            raise self._bad('"jsonrpc": "2.0" and a result or an error', _start(body))
        given = answer.get("id")
        # A server that could not read a question says null (JSON-RPC 2.0, 5).
        if (type(given) is not int or given != number) and not (failed and given is None):
            raise self._bad(f"the answer to question {number}", f"that to {printable(str(given), 40)}")

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> EthereumError:
        if status == http.client.TOO_MANY_REQUESTS:
            wait = headers.get("retry-after", "")
            pause = f"; it says: again in {wait} s" if wait.isascii() and wait.isdecimal() else ""
            found, hint = f"found HTTP 429: too many questions{pause}", "Ask again later, or another node."
        elif status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
            found, hint = f"found HTTP {status}", "Is the node's key in the keyring, and right?"
        elif 300 <= status < 400:
            found, hint = (
                f"found a redirect (HTTP {status})",
                "Write the node's own address in treasury.toml.",
            )
        else:
            found, hint = f"found HTTP {status}: {_start(body)}", "Ask again."
        return self._no_answer(found, hint)

    def _bad(self, expected: str, found: str, **details: str) -> EthereumError:
        return EthereumError(
            "bad_answer",
            f"{self.url}: expected {expected}, found {found}",
            hint="Is this really a node's JSON-RPC address? Nothing was concluded from the answer.",
            **details,
        )


def _start(body: bytes) -> str:
    return printable(body[:400].decode(errors="replace"), 120) or "nothing"
