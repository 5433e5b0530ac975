"""An Esplora server asked over HTTP or HTTPS: history, transactions, spends, fees, and broadcasting.

Refuses answers that do not have the form they must have, and confirmations without a Merkle branch to a
header with its work. Believes the server about what it leaves out, and which blocks stand where: that is
what a witness is for. A broadcast's three ends are described in `base`.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final, TypeVar

from vault.address import Network
from vault.bitcoin.backends.answers import (
    nonsense,
    read_json,
    to_amount,
    to_bytes,
    to_hash,
    to_integer,
    to_list,
    to_object,
    to_rate,
    to_transaction,
)
from vault.bitcoin.backends.base import Acceptance, BlockRef, HistoryEntry, ReceivedOutput, TxStatus
from vault.bitcoin.backends.chains import require_genesis
from vault.bitcoin.backends.dial import reason
from vault.bitcoin.backends.http_line import NO_ANSWER, HttpServer, HttpSession
from vault.bitcoin.backends.proof import Header, read_header, require_branch
from vault.bitcoin.backends.shared import (
    OneView,
    broadcast_refused,
    broadcast_unknown,
    confirmed_at,
    in_order,
    steady,
)
from vault.bitcoin.transaction import Transaction
from vault.errors import ChainError

# Above this many pages of 25 an address is in use by somebody else's bot; nothing is concluded from it.
MAX_PAGES: Final = 400
# A target further away than this is not answered by any server.
MAX_TARGET_BLOCKS: Final = 1008
# Connections at the same time when many questions are asked at once.
PARALLEL: Final = 4

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class EsploraBackend(OneView):
    """One Esplora server. Holds no connection between calls and never repeats a request by itself.

    Without a `network` nothing can be proven to be of it: neither the server's first block nor the work.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 10,
        *,
        network: Network | None = None,
        certificate: str = "",
        proxy: str = "",
    ) -> None:
        self._server = HttpServer(
            url, timeout, what="an Esplora server", certificate=certificate, proxy=proxy
        )
        self.url = self._server.url
        self._network = network
        self._unproven = network  # until its first block was compared

    def describe(self) -> str:
        return f"Esplora {self.url}"

    def tip(self) -> BlockRef:
        """The best block; the first answer also proves that the server is of our network."""
        with self._server.session() as session:
            self._require_network(session)
            newest = to_list(_json(session, "/blocks"), "blocks")
            if not newest:
                raise nonsense("blocks", "at least one block", newest)
            block = to_object(newest[0], "block")
            return BlockRef(
                to_integer(block.get("height"), "block height"), to_hash(block.get("id"), "block id")
            )

    def tip_height(self) -> int:
        with self._server.session() as session:
            return to_integer(_text(*session.get("/blocks/tip/height")), "tip height")

    def block_hash(self, height: int) -> str | None:
        with self._server.session() as session:
            return _block_hash(session, height)

    def _require_network(self, session: HttpSession) -> None:
        if self._unproven is not None:
            require_genesis(self._unproven, _block_hash(session, 0), self.describe())
            self._unproven = None

    def fee_rate(self, target_blocks: int) -> Decimal:
        """The nearest target that is not later is used; where there is none, the soonest one."""
        with self._server.session() as session:
            estimates = _json(session, "/fee-estimates")
        if not isinstance(estimates, dict) or not estimates:
            raise nonsense("fee estimates", "an object of targets and rates", estimates)
        rates: dict[int, Decimal] = {}
        for target, value in estimates.items():
            rate = to_rate(value)
            if not rate:
                raise nonsense("fee estimate", "a rate in sat/vB", value)
            rates[to_integer(target, "target")] = rate
        sooner = [target for target in rates if target <= min(target_blocks, MAX_TARGET_BLOCKS)]
        return rates[max(sooner) if sooner else min(rates)]

    def mempool_min_fee(self) -> Decimal | None:
        return None

    def test_accept(self, raw: bytes) -> Acceptance | None:
        return None

    def transaction_status(self, txid: str) -> TxStatus:
        with self._server.session() as session:
            status, body = session.get(f"/tx/{to_hash(txid)}/status")
            if status == http.client.NOT_FOUND:
                return TxStatus(False, False, None, 0)
            answer = to_object(_parsed(status, body), "transaction status")
            if answer.get("confirmed") is not True:
                # Servers answer "not confirmed" for ids they have never seen: only /tx tells them apart.
                known = session.get(f"/tx/{txid}")[0] == http.client.OK
                return TxStatus(known, False, None, 0)
            height = to_integer(answer.get("block_height"), "block height")
            block_hash = to_hash(answer.get("block_hash"), "block hash")
            tip = to_integer(_text(*session.get("/blocks/tip/height")), "tip height")
            found = confirmed_at(txid, height, block_hash, tip)
            if self._network is not None:
                header = _header(session, BlockRef(height, block_hash), self._network)
                require_branch(_json(session, f"/tx/{txid}/merkle-proof"), txid, header)
            return found

    def prove(self, entries: Sequence[HistoryEntry]) -> None:
        """A header for every block, a Merkle branch for every transaction."""
        if (network := self._network) is None:
            return
        blocks = {
            each.txid: BlockRef(each.height, each.block_hash)
            for each in entries
            if each.height is not None and each.block_hash is not None
        }
        asked = sorted(set(blocks.values()), key=lambda block: (block.height, block.hash))
        headers = self._each(lambda session, block: _header(session, block, network), asked)
        proofs = self._each(lambda session, txid: _json(session, f"/tx/{txid}/merkle-proof"), list(blocks))
        by_block = dict(zip(asked, headers, strict=True))
        for (txid, block), proof in zip(blocks.items(), proofs, strict=True):
            require_branch(proof, txid, by_block[block])

    def outspend(self, txid: str, vout: int) -> str | None:
        with self._server.session() as session:
            answer = to_object(_json(session, f"/tx/{to_hash(txid)}/outspend/{vout}"), "outspend")
        return to_hash(answer.get("txid")) if answer.get("spent") is True else None

    def raw_transaction(self, txid: str) -> bytes | None:
        with self._server.session() as session:
            return _raw_transaction(session, txid)

    def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        return tuple(self._each(_raw_transaction, txids))

    def history(self, scripts: Sequence[bytes]) -> tuple[tuple[HistoryEntry, ...], ...]:
        return steady(self.tip, lambda _: tuple(self._each(_history, scripts)))[1]

    def script_outputs(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        return self._outputs(_scripthash_path(script), lambda each: each.get("scriptpubkey") == script.hex())

    def address_outputs(self, address: str) -> tuple[ReceivedOutput, ...]:
        if not address.isalnum():
            raise ChainError("bad_address", f"expected an address, found {address!r}")
        return self._outputs(f"/address/{address}", lambda each: each.get("scriptpubkey_address") == address)

    def _outputs(self, base: str, ours: Callable[[dict[str, Any]], bool]) -> tuple[ReceivedOutput, ...]:
        tip = self.tip_height()
        found: dict[tuple[str, int], ReceivedOutput] = {}
        with self._server.session() as session:
            for transaction, entry in _transactions(session, base):
                depth = 0 if entry.height is None else max(1, tip - entry.height + 1)
                for vout, item in enumerate(to_list(transaction.get("vout"), "outputs")):
                    output = to_object(item, "output")
                    if ours(output):
                        amount = to_amount(output.get("value"))
                        found[entry.txid, vout] = ReceivedOutput(entry.txid, vout, amount, depth)
        return tuple(found[key] for key in sorted(found))

    def _each(
        self, ask: Callable[[HttpSession, Question], Answer], questions: Sequence[Question]
    ) -> list[Answer]:
        """All answers in order, over a few connections at the same time."""
        parts = [questions[start::PARALLEL] for start in range(min(PARALLEL, len(questions)))]

        def work(part: Sequence[Question]) -> list[Answer]:
            with self._server.session() as session:
                return [ask(session, question) for question in part]

        if len(parts) < 2:
            return [answer for part in parts for answer in work(part)]
        with ThreadPoolExecutor(len(parts)) as pool:
            answered = [iter(answers) for answers in pool.map(work, parts)]
        return [next(answered[number % PARALLEL]) for number in range(len(questions))]

    def broadcast(self, raw: bytes) -> str:
        txid = Transaction.parse(raw).txid
        try:
            status, body = self._server.post_once("/tx", raw.hex().encode(), {"Content-Type": "text/plain"})
        except NO_ANSWER as error:
            raise broadcast_unknown(txid, f"no answer came: {reason(error)}") from None
        text = body.decode(errors="replace").strip()
        if status == http.client.OK:
            if text != txid:
                raise broadcast_unknown(txid, f"the answer was {text[:200]!r}")
            return txid
        if status in {400, 413, 422}:
            if self._has(txid):  # servers refuse what is in a block already, which is success
                return txid
            raise broadcast_refused(self.describe(), txid, text or str(status))
        raise broadcast_unknown(txid, f"the server answered HTTP {status}")

    def _has(self, txid: str) -> bool:
        try:
            return self.transaction_status(txid).found
        except ChainError as error:
            raise broadcast_unknown(
                txid, f"it was refused, and whether it was known already cannot be asked: {error.message}"
            ) from None


def _scripthash_path(script: bytes) -> str:
    return f"/scripthash/{hashlib.sha256(script).hexdigest()}"


def _history(session: HttpSession, script: bytes) -> tuple[HistoryEntry, ...]:
    return in_order(entry for _, entry in _transactions(session, _scripthash_path(script)))


def _transactions(session: HttpSession, base: str) -> Iterator[tuple[dict[str, Any], HistoryEntry]]:
    """Every transaction of a script or address, page after page; a page that repeats itself is refused."""
    page = to_list(_json(session, f"{base}/txs"), "transactions")
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        confirmed = []
        for item in page:
            transaction = to_object(item, "transaction")
            entry = _entry(transaction)
            if entry.height is not None:
                confirmed.append(entry.txid)
            yield transaction, entry
        if len(confirmed) < 25:
            return
        if not seen.isdisjoint(confirmed):
            raise nonsense("transactions", "a page that was not shown yet", confirmed[-1])
        seen.update(confirmed)
        page = to_list(_json(session, f"{base}/txs/chain/{confirmed[-1]}"), "transactions")
    raise ChainError("too_many", f"expected at most {MAX_PAGES} pages of history, found more")


def _entry(transaction: dict[str, Any]) -> HistoryEntry:
    txid = to_hash(transaction.get("txid"))
    status = to_object(transaction.get("status"), "status")
    if status.get("confirmed") is not True:
        return HistoryEntry(txid, None, None)
    height = to_integer(status.get("block_height"), "block height")
    return HistoryEntry(txid, height, to_hash(status.get("block_hash"), "block hash"))


def _raw_transaction(session: HttpSession, txid: str) -> bytes | None:
    status, body = session.get(f"/tx/{to_hash(txid)}/hex")
    return None if status == http.client.NOT_FOUND else to_transaction(_text(status, body), txid)


def _block_hash(session: HttpSession, height: int) -> str | None:
    status, body = session.get(f"/block-height/{height}")
    return None if status == http.client.NOT_FOUND else to_hash(_text(status, body), "block hash")


def _header(session: HttpSession, block: BlockRef, network: Network) -> Header:
    raw = to_bytes(_text(*session.get(f"/block/{block.hash}/header")), "block header")
    header = read_header(raw, block.height, network)
    if header.hash != block.hash:
        raise nonsense("block header", block.hash, header.hash)
    return header


def _text(status: int, body: bytes) -> str:
    text = body.decode(errors="replace").strip()
    if status != http.client.OK:
        raise ChainError("server_error", f"expected an answer, found HTTP {status}: {text[:200]}")
    return text


def _json(session: HttpSession, path: str) -> Any:
    return _parsed(*session.get(path))


def _parsed(status: int, body: bytes) -> Any:
    return read_json(_text(status, body))
