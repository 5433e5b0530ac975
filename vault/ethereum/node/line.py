"""One JSON-RPC line to a node over web3's own HTTPProvider, unmodified, and what that does not do by itself.

Measured with web3 8.0.0; each of these is why something here is as it is:
- It repeats what failed five times, `eth_sendRawTransaction` among it: `exception_retry_configuration=None`.
- It never compares the answer's id or jsonrpc with the question's: the adapter does.
- It logs the whole URL on DEBUG and prints it in `str()`: it is given the URL with ``{key}`` in it.
- It reads bodies of any size, and with `stream=True` byte by byte: the adapter reads.
- `raise_for_status` throws the words of an error away that came with HTTP 4xx or 5xx; requests' sessions
  follow redirects, take proxies and passwords from the environment, keep cookies, and unpack gzip bombs.
- `json.loads` takes NaN, keys that stand twice, and nesting up to Python's limit: the adapter looks first.
- Results come as they are (hex strings) from `make_request`; only web3's formatters make objects of them.
- Importing it raises Python's recursion limit to 100,000 (py_ecc), past what the stack holds: it is put back.
- A batch comes back as one error object, or sorted by ids that nobody checked: batches are not used.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, cast

from vault.errors import EthereumError
from vault.ethereum.node.strict_json import printable

if TYPE_CHECKING:
    from web3.providers.rpc import HTTPProvider
    from web3.types import RPCEndpoint

    from vault.ethereum.node.transport import NodeAdapter
    from vault.secrets import Secret

MAX_WORDS: Final = 300


class NodeRefusedError(EthereumError):
    """The node answered with an error of its own; `rpc_data` is what it said beside its words."""

    def __init__(self, who: str, method: str, code: int, words: str, data: object) -> None:
        super().__init__(
            "node_refused",
            f"{method}: expected an answer of {who}, found error {code}: {words}",
            hint="The node's own words say why.",
            rpc_code=str(code),
            rpc_message=words,
        )
        self.rpc_code, self.rpc_message, self.rpc_data = code, words, data


class JsonRpcLine:
    """Questions to the node at `url`, in any thread. Nothing is repeated that sends; nothing is cached."""

    def __init__(self, url: str, timeout: float, *, key: Callable[[], Secret] | None = None) -> None:
        self.url, self.timeout = url, timeout
        self._key = key
        self._opening = threading.Lock()
        self._opened: tuple[HTTPProvider, NodeAdapter] | None = None

    def __repr__(self) -> str:
        return f"JsonRpcLine({self.url!r})"

    def kept(self) -> AbstractContextManager[None]:
        """Within it connections stay open; outside each question has one of its own."""
        return self._open()[1].kept()

    def ask(self, method: str, *params: object) -> Any:
        """The result, unread. Raises `NodeRefusedError`, and `EthereumError`: ``ethereum.unreachable``
        (nothing was sent), ``ethereum.no_answer``, ``ethereum.bad_answer``, ``ethereum.insecure``.
        """
        provider, _ = self._open()
        answer = provider.make_request(cast("RPCEndpoint", method), list(params))
        if "error" in answer:
            raise self._refusal(method, answer["error"])
        return answer["result"]

    def _refusal(self, method: str, error: object) -> EthereumError:
        code = error.get("code") if isinstance(error, dict) else None
        words = error.get("message") if isinstance(error, dict) else None
        if not isinstance(error, dict) or type(code) is not int or not isinstance(words, str):
            shown = printable(str(error))
            return EthereumError("bad_answer", f"{method}: expected an error's code and words, found {shown}")
        return NodeRefusedError(
            self.url, method, code if abs(code) < 10**9 else 0, printable(words, MAX_WORDS), error.get("data")
        )

    def _open(self) -> tuple[HTTPProvider, NodeAdapter]:
        with self._opening:
            if self._opened is None:
                self._opened = self._provider()
            return self._opened

    def _provider(self) -> tuple[HTTPProvider, NodeAdapter]:
        import requests

        limit = sys.getrecursionlimit()
        from web3.providers.rpc import HTTPProvider

        sys.setrecursionlimit(limit)
        from vault.ethereum.node.transport import NodeAdapter

        adapter = NodeAdapter(self.url, self.timeout, self._key)
        session = requests.Session()
        session.trust_env = False
        session.adapters.clear()
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        provider = HTTPProvider(
            self.url,
            {"timeout": self.timeout, "allow_redirects": False},
            session=session,
            exception_retry_configuration=None,
        )
        return provider, adapter
