"""What the emulated node refuses, with the code and the words of go-ethereum."""

from __future__ import annotations

SERVER_ERROR = -32000
REVERTED = 3
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INVALID_REQUEST = -32600
PARSE_ERROR = -32700
LIMIT_EXCEEDED = -32005


class RpcRefusal(Exception):  # noqa: N818  the node's answer, not a failure of ours
    """A JSON-RPC error: `code`, `message` and, for reverts, `data` in hexadecimal."""

    def __init__(self, message: str, code: int = SERVER_ERROR, data: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.data = data


def invalid_params(message: str) -> RpcRefusal:
    return RpcRefusal(message, INVALID_PARAMS)
