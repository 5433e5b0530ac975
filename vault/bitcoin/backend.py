"""An Esplora server asked over plain HTTP: fees, transactions, spends, and broadcasting.

Refuses answers that do not have the form they must have. A broadcast has three ends: accepted, refused
by the server (`ChainError`), or unknown (`OutcomeUnknownError`: it was sent and no answer came).
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from vault.bitcoin.transaction import MAX_MONEY, Transaction
from vault.errors import ChainError, OutcomeUnknownError, PsbtError
from vault.money import BTC, Amount

# The largest answer that is read: a page of 25 transactions with large witnesses stays below it.
MAX_ANSWER: Final = 32_000_000
# Above this many pages of 25 an address is in use by somebody else's bot; nothing is concluded from it.
MAX_PAGES: Final = 400
# A target further away than this is not answered by any server.
MAX_TARGET_BLOCKS: Final = 1008

_NO_ANSWER: Final = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class TxStatus:
    """What the server knows of a transaction: not found, in the mempool, or at `height`."""

    found: bool
    confirmed: bool
    height: int | None
    confirmations: int


@dataclass(frozen=True, slots=True)
class ReceivedOutput:
    """An output to one of our scripts; `confirmations` 0 means seen only."""

    txid: str
    vout: int
    amount: Amount
    confirmations: int


class EsploraBackend:
    """One Esplora server. Holds no connection between calls and never repeats a request by itself."""

    def __init__(self, url: str, timeout: float = 10) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ChainError(
                "bad_url", f"expected an http or https address of an Esplora server, found {url}"
            )
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")

    def tip_height(self) -> int:
        """Height of the best block."""
        return _integer(self._text("/blocks/tip/height"), "tip height")

    def fee_rate(self, target_blocks: int) -> Decimal:
        """Fee rate in sat/vB for confirmation within `target_blocks`, as the server estimates.

        The nearest target that is not later is used; where there is none, the soonest one.
        """
        estimates = self._json("/fee-estimates")
        if not isinstance(estimates, dict) or not estimates:
            raise _nonsense("fee estimates", "an object of targets and rates", estimates)
        rates: dict[int, Decimal] = {}
        for target, rate in estimates.items():
            number = (
                Decimal(rate) if isinstance(rate, (int, Decimal)) and not isinstance(rate, bool) else None
            )
            if number is None or not 0 < number < 1_000_000:
                raise _nonsense("fee estimate", "a rate in sat/vB", rate)
            rates[_integer(target, "target")] = number
        sooner = [target for target in rates if target <= min(target_blocks, MAX_TARGET_BLOCKS)]
        return rates[max(sooner) if sooner else min(rates)]

    def transaction_status(self, txid: str) -> TxStatus:
        """Whether the server has this transaction, and how deep."""
        status, body = self._get(f"/tx/{_hash(txid)}/status")
        if status == http.client.NOT_FOUND:
            return TxStatus(False, False, None, 0)
        answer = _object(self._read_json(status, body), "transaction status")
        if answer.get("confirmed") is not True:
            # Servers answer "not confirmed" for ids they have never seen: only /tx tells them apart.
            known = self._get(f"/tx/{txid}")[0] == http.client.OK
            return TxStatus(known, False, None, 0)
        height = _integer(answer.get("block_height"), "block height")
        return TxStatus(True, True, height, max(1, self.tip_height() - height + 1))

    def outspend(self, txid: str, vout: int) -> str | None:
        """Id of the transaction that spends this output, in a block or in the mempool; None if unspent."""
        answer = _object(self._json(f"/tx/{_hash(txid)}/outspend/{vout}"), "outspend")
        return _hash(answer.get("txid")) if answer.get("spent") is True else None

    def raw_transaction(self, txid: str) -> bytes | None:
        """The transaction's bytes, checked against its id; None if the server does not have it."""
        status, body = self._get(f"/tx/{_hash(txid)}/hex")
        if status == http.client.NOT_FOUND:
            return None
        text = self._read_text(status, body)
        try:
            raw = bytes.fromhex(text)
            found = Transaction.parse(raw).txid
        except (ValueError, PsbtError):
            raise _nonsense("transaction", "a transaction in hex", text) from None
        if found != txid:
            raise _nonsense("transaction", txid, found)
        return raw

    def broadcast(self, raw: bytes) -> str:
        """Send a transaction; returns its id. Sending it again is harmless.

        Raises `ChainError` (``chain.refused``: the server said no; ``chain.unreachable``: nothing was
        sent) or `OutcomeUnknownError` (``unknown.broadcast``: it may be on its way).
        """
        txid = Transaction.parse(raw).txid
        connection = self._connect()
        try:
            connection.request("POST", self._prefix + "/tx", raw.hex(), {"Content-Type": "text/plain"})
            response = connection.getresponse()
            body = self._body(response)
        except _NO_ANSWER as error:
            raise _unknown(txid, f"no answer came: {_reason(error)}") from None
        finally:
            connection.close()
        text = body.decode(errors="replace").strip()
        if response.status == http.client.OK:
            if text != txid:
                raise _unknown(txid, f"the answer was {text[:200]!r}")
            return txid
        if response.status in {400, 413, 422}:
            if self._has(txid):  # servers refuse what is in a block already, which is success
                return txid
            raise ChainError(
                "refused",
                f"expected {self.url} to take transaction {txid}, found: {text[:500] or response.status}",
                hint="The transaction is not on its way. Read the reason; build it again if a coin is gone.",
                txid=txid,
            )
        raise _unknown(txid, f"the server answered HTTP {response.status}")

    def _has(self, txid: str) -> bool:
        try:
            return self.transaction_status(txid).found
        except ChainError as error:
            raise _unknown(
                txid, f"it was refused, and whether it was known already cannot be asked: {error.message}"
            ) from None

    def script_outputs(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        """All outputs ever seen to a script, mempool included, ordered by transaction id and number."""
        import hashlib

        return self._outputs(f"/scripthash/{hashlib.sha256(script).hexdigest()}", script.hex())

    def address_outputs(self, address: str) -> tuple[ReceivedOutput, ...]:
        """All outputs ever seen to an address of the server's network."""
        if not address.isalnum():
            raise ChainError("bad_address", f"expected an address, found {address!r}")
        return self._outputs(f"/address/{address}", None, address)

    def _outputs(
        self, base: str, script: str | None, address: str | None = None
    ) -> tuple[ReceivedOutput, ...]:
        tip = self.tip_height()
        found: dict[tuple[str, int], ReceivedOutput] = {}
        page = _array(self._json(f"{base}/txs"), "transactions")
        for _ in range(MAX_PAGES):
            confirmed = []
            for entry in page:
                transaction = _object(entry, "transaction")
                txid, height = _hash(transaction.get("txid")), _height(transaction)
                if height is not None:
                    confirmed.append(txid)
                depth = 0 if height is None else max(1, tip - height + 1)
                for vout, item in enumerate(_array(transaction.get("vout"), "outputs")):
                    output = _object(item, "output")
                    if output.get("scriptpubkey") == script or (
                        address is not None and output.get("scriptpubkey_address") == address
                    ):
                        found[txid, vout] = ReceivedOutput(txid, vout, _value(output), depth)
            if len(confirmed) < 25:
                return tuple(found[key] for key in sorted(found))
            page = _array(self._json(f"{base}/txs/chain/{confirmed[-1]}"), "transactions")
        raise ChainError("too_many", f"expected at most {MAX_PAGES} pages of history, found more")

    def _connect(self) -> http.client.HTTPConnection:
        """An open connection. Raises `ChainError` (``chain.unreachable``): nothing was sent."""
        if self._secure:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise ChainError(
                "unreachable",
                f"expected an Esplora server at {self.url}, found none: {_reason(error)}",
                hint="Nothing was sent. Start the server or correct its address in treasury.toml.",
            ) from None
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = self._connect()
        try:
            connection.request("GET", self._prefix + path)
            response = connection.getresponse()
            body = self._body(response)
        except _NO_ANSWER as error:
            raise ChainError(
                "no_answer",
                f"expected an answer to {path} within {self._timeout} s, found none: {_reason(error)}",
                hint="Nothing was changed by asking; ask again.",
            ) from None
        finally:
            connection.close()
        return response.status, body

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """The whole body, bounded in size and in time: a server that trickles is one that does not answer."""
        deadline, body = time.monotonic() + self._timeout, bytearray()
        while chunk := response.read1(1 << 16):
            body += chunk
            if len(body) > MAX_ANSWER or time.monotonic() > deadline:
                raise TimeoutError(f"the answer was not complete after {self._timeout} s, {len(body)} bytes")
        if response.length:
            raise http.client.IncompleteRead(bytes(body), response.length)
        return bytes(body)

    def _text(self, path: str) -> str:
        return self._read_text(*self._get(path))

    def _read_text(self, status: int, body: bytes) -> str:
        text = body.decode(errors="replace").strip()
        if status != http.client.OK:
            raise ChainError("server_error", f"expected an answer, found HTTP {status}: {text[:200]}")
        return text

    def _json(self, path: str) -> Any:
        return self._read_json(*self._get(path))

    def _read_json(self, status: int, body: bytes) -> Any:
        text = self._read_text(status, body)
        try:
            return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise _nonsense("answer", "JSON", text) from None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _unknown(txid: str, why: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "broadcast",
        f"transaction {txid} was sent and may be on its way: {why}",
        hint="Ask for its status; sending the same bytes again is harmless, building another spend is not.",
        txid=txid,
    )


def _nonsense(what: str, expected: str, found: object) -> ChainError:
    return ChainError(
        "bad_answer",
        f"{what}: expected {expected}, found {str(found)[:200]!r}",
        hint="Is this really an Esplora server?",
    )


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _nonsense(what, "an object", value)
    return value


def _array(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _nonsense(what, "a list", value)
    return value


def _integer(value: Any, what: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if type(value) is not int or not 0 <= value < 10**15:
        raise _nonsense(what, "a whole number", value)
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise _nonsense("transaction id", "64 hex digits", value)
    return value


def _height(transaction: dict[str, Any]) -> int | None:
    status = _object(transaction.get("status"), "status")
    return _integer(status.get("block_height"), "block height") if status.get("confirmed") is True else None


def _value(output: dict[str, Any]) -> Amount:
    value = output.get("value")
    if type(value) is not int or not 0 <= value <= MAX_MONEY:
        raise _nonsense("output value", "satoshi", value)
    return Amount(BTC, value)
