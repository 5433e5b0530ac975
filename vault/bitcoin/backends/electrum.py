"""An Electrum server asked over TCP or TLS: history, transactions, spends, fees, and broadcasting.

No confirmation is believed without a Merkle branch to a header that has its work, linked to the server's
tip where it is not deep; which proves what the blocks cost, not that nothing was left out of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from vault.address import Network, script_pubkey
from vault.bitcoin.backends.answers import (
    nonsense,
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
from vault.bitcoin.backends.dial import Endpoint, split_address
from vault.bitcoin.backends.electrum_session import Call, ElectrumSession, Failure, server_error
from vault.bitcoin.backends.proof import (
    Header,
    block_hash_of,
    read_chain,
    read_header,
    require_branch,
    script_hash,
)
from vault.bitcoin.backends.shared import (
    OneView,
    broadcast_refused,
    broadcast_unknown,
    confirmed_at,
    in_order,
    outputs_to,
    spender_of,
    steady,
)
from vault.bitcoin.transaction import Transaction
from vault.errors import ChainError

# So deep a block is linked to the tip header by header; below it only its own work is checked.
LINKED_DEPTH: Final = 144
# Proven confirmations that are remembered, so that each is asked for once.
MAX_PROVEN: Final = 200_000
PORTS: Final = {"tcp": 50001, "ssl": 50002}
OP_RETURN: Final = b"\x6a"

# How servers say that they do not have a transaction (ElectrumX and Fulcrum pass bitcoind's words on).
_NOT_FOUND: Final = re.compile(r"no such|not found|missing transaction|-5\b", re.IGNORECASE)
# bitcoind's refusals (RPC_DESERIALIZATION_ERROR, RPC_VERIFY_ERROR, …_REJECTED, …_ALREADY_IN_CHAIN).
_NODE_REFUSED: Final = re.compile(r"code\W{1,4}-(?:22|25|26|27)\b")


class ElectrumBackend(OneView):
    """One Electrum server at ``ssl://host:port``, or ``tcp://host:port`` where that was asked for."""

    def __init__(
        self,
        url: str,
        network: Network,
        timeout: float = 10,
        *,
        certificate: str = "",
        proxy: str = "",
    ) -> None:
        parts = split_address(url, PORTS, "an Electrum server")
        if parts.path.strip("/"):
            raise ChainError("bad_url", f"expected no path in the address of an Electrum server, found {url}")
        self.url, self.network = url.rstrip("/"), network
        self._endpoint = Endpoint(
            parts.hostname or "", parts.port or 0, parts.scheme == "ssl", timeout, certificate, proxy
        )
        self._proven: dict[str, str] = {}

    def describe(self) -> str:
        return f"Electrum {self.url}"

    def tip(self) -> BlockRef:
        with self._session() as session:
            return self._tip(session)

    def tip_height(self) -> int:
        return self.tip().height

    def block_hash(self, height: int) -> str | None:
        with self._session() as session:
            return None if height > self._tip(session).height else self._header(session, height).hash

    def history(self, scripts: Sequence[bytes]) -> tuple[tuple[HistoryEntry, ...], ...]:
        with self._session() as session:
            return steady(lambda: self._tip(session), lambda _: self._history(session, scripts))[1]

    def raw_transaction(self, txid: str) -> bytes | None:
        return self.raw_transactions([txid])[0]

    def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        with self._session() as session:
            return _raw_transactions(session, txids)

    def transaction_status(self, txid: str) -> TxStatus:
        with self._session() as session:
            (raw,) = _raw_transactions(session, [to_hash(txid)])
            if raw is None:
                return TxStatus(False, False, None, 0)
            transaction = Transaction.parse(raw)
            tip, entry = steady(lambda: self._tip(session), lambda _: self._place(session, transaction))
            if entry is None:
                return TxStatus(False, False, None, 0)
            if entry.height is None:
                return TxStatus(True, False, None, 0)
            self._require_linked(session, entry, tip)
            return confirmed_at(txid, entry.height, entry.block_hash, tip.height)

    def outspend(self, txid: str, vout: int) -> str | None:
        with self._session() as session:
            (raw,) = _raw_transactions(session, [to_hash(txid)])
            outputs = () if raw is None else Transaction.parse(raw).outputs
            if vout >= len(outputs):
                raise ChainError("server_error", f"expected output {txid}:{vout} at {self.url}, found none")
            name = script_hash(outputs[vout].script)
            answer = session.ask(Call("blockchain.scripthash.listunspent", (name,)))
            for item in to_list(answer, "unspent outputs"):
                coin = to_object(item, "unspent output")
                if (coin.get("tx_hash"), coin.get("tx_pos")) == (txid, vout):
                    return None
            (told,) = _histories(session, [outputs[vout].script])
            spender = spender_of(txid, vout, _raw_transactions(session, [each for each, _ in told]))
            if spender is None:
                raise nonsense("spends", f"that {txid}:{vout} is unspent or who spends it", "neither")
            return spender

    def script_outputs(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        with self._session() as session:
            tip, (entries,) = steady(lambda: self._tip(session), lambda _: self._history(session, [script]))
            raws = _raw_transactions(session, [entry.txid for entry in entries])
            return outputs_to(script, entries, raws, tip.height)

    def address_outputs(self, address: str) -> tuple[ReceivedOutput, ...]:
        return self.script_outputs(script_pubkey(address, self.network))

    def fee_rate(self, target_blocks: int) -> Decimal:
        with self._session() as session:
            answer = session.ask(Call("blockchain.estimatefee", (target_blocks,)))
        if answer == -1:
            raise ChainError(
                "no_estimate",
                f"expected a fee rate for {target_blocks} blocks, found that {self.url} has no data",
                hint="Give the rate yourself, or ask again when blocks were found.",
            )
        rate = to_rate(answer, per_vbyte=100_000)
        if not rate:
            raise nonsense("fee estimate", "a rate above 0", answer)
        return rate

    def mempool_min_fee(self) -> Decimal | None:
        return None

    def test_accept(self, raw: bytes) -> Acceptance | None:
        return None

    def broadcast(self, raw: bytes) -> str:
        txid = Transaction.parse(raw).txid
        with self._session() as session:
            try:
                (answer,) = session.try_all([Call("blockchain.transaction.broadcast", (raw.hex(),))])
            except ChainError as error:
                raise broadcast_unknown(txid, error.message) from None
        if answer == txid:
            return txid
        if not isinstance(answer, Failure):
            raise broadcast_unknown(txid, f"the answer was {str(answer)[:200]!r}")
        try:
            if self.transaction_status(txid).found:  # refused because it is known already
                return txid
        except ChainError as error:
            raise broadcast_unknown(
                txid, f"it was refused, and whether it was known already cannot be asked: {error.message}"
            ) from None
        if answer.code == 1 or _NODE_REFUSED.search(answer.message):
            raise broadcast_refused(self.describe(), txid, answer.message)
        raise broadcast_unknown(txid, f"the server answered: {answer.message[:200]}")

    # -- within a session --------------------------------------------------------------------------

    def _session(self) -> ElectrumSession:
        """A connection to a server of our network."""
        session = ElectrumSession(self._endpoint)
        try:
            first = session.ask(Call("blockchain.block.header", (0,)))
            require_genesis(self.network, block_hash_of(to_bytes(first, "first block")), self.describe())
        except BaseException:
            session.__exit__()
            raise
        return session

    def _tip(self, session: ElectrumSession) -> BlockRef:
        told = to_object(session.ask(Call("blockchain.headers.subscribe")), "tip")
        height = to_integer(told.get("height"), "tip height")
        return BlockRef(height, read_header(to_bytes(told.get("hex"), "tip"), height, self.network).hash)

    def _header(self, session: ElectrumSession, height: int) -> Header:
        (header,) = self._headers(session, [height])
        return header

    def _headers(self, session: ElectrumSession, heights: Sequence[int]) -> list[Header]:
        answers = session.ask_all([Call("blockchain.block.header", (height,)) for height in heights])
        return [
            read_header(to_bytes(answer, "block header"), height, self.network)
            for height, answer in zip(heights, answers, strict=True)
        ]

    def _history(
        self, session: ElectrumSession, scripts: Sequence[bytes]
    ) -> tuple[tuple[HistoryEntry, ...], ...]:
        """What the server tells of the scripts, with every confirmation proven."""
        told = _histories(session, scripts)
        confirmed = {txid: height for each in told for txid, height in each if height is not None}
        heights = sorted(set(confirmed.values()))
        headers = dict(zip(heights, self._headers(session, heights), strict=True))
        self._prove(session, {txid: headers[height] for txid, height in confirmed.items()})
        return tuple(
            in_order(
                HistoryEntry(txid, height, None if height is None else headers[height].hash)
                for txid, height in each
            )
            for each in told
        )

    def _place(self, session: ElectrumSession, transaction: Transaction) -> HistoryEntry | None:
        """A transaction's entry, out of the history of a script it pays to (Electrum knows no other way).

        One that the server has and lists nowhere is waiting, as servers index what they take a moment
        later; unless its coins went elsewhere: then it is a remainder of blocks that were reorganised away.
        """
        scripts = [each.script for each in transaction.outputs if each.script[:1] != OP_RETURN]
        error: ChainError | None = None
        for script in dict.fromkeys(scripts):
            try:
                (entries,) = self._history(session, [script])
            except ChainError as refused:
                if refused.code != "chain.server_error":  # a history that is too long for this server
                    raise
                error = refused
                continue
            for entry in entries:
                if entry.txid == transaction.txid:
                    return entry
            conflicted = self._conflicted(session, transaction)
            return None if conflicted else HistoryEntry(transaction.txid, None, None)
        raise error or nonsense("transaction", "an output that can be looked up", transaction.txid)

    def _conflicted(self, session: ElectrumSession, transaction: Transaction) -> bool:
        """Whether another transaction that the server lists spends one of the inputs."""
        outpoints = [each.outpoint for each in transaction.inputs]
        previous = _raw_transactions(session, [each.txid for each in outpoints])
        for outpoint, raw in zip(outpoints, previous, strict=True):
            outputs = () if raw is None else Transaction.parse(raw).outputs
            if outpoint.vout >= len(outputs):
                return True  # what it spends is gone as well
            (told,) = _histories(session, [outputs[outpoint.vout].script])
            raws = _raw_transactions(session, [txid for txid, _ in told if txid != transaction.txid])
            if spender_of(outpoint.txid, outpoint.vout, raws) is not None:
                return True
        return False

    def _prove(self, session: ElectrumSession, places: dict[str, Header]) -> None:
        new = [(txid, header) for txid, header in places.items() if self._proven.get(txid) != header.hash]
        calls = [Call("blockchain.transaction.get_merkle", (txid, header.height)) for txid, header in new]
        for (txid, header), proof in zip(new, session.ask_all(calls), strict=True):
            require_branch(proof, txid, header)
            if len(self._proven) >= MAX_PROVEN:
                self._proven.clear()
            self._proven[txid] = header.hash

    def _require_linked(self, session: ElectrumSession, entry: HistoryEntry, tip: BlockRef) -> None:
        """The blocks from a confirmation that is not deep up to the tip are one chain of work."""
        count = tip.height - (entry.height or 0) + 1
        if not 0 < count <= LINKED_DEPTH:
            return
        answer = to_object(session.ask(Call("blockchain.block.headers", (entry.height, count))), "headers")
        chain = read_chain(to_bytes(answer.get("hex"), "block headers"), entry.height or 0, self.network)
        if (len(chain), chain[0].hash, chain[-1].hash) != (count, entry.block_hash, tip.hash):
            raise nonsense("block headers", f"{count} from {entry.block_hash} to {tip.hash}", len(chain))


def _histories(session: ElectrumSession, scripts: Sequence[bytes]) -> list[list[tuple[str, int | None]]]:
    calls = [Call("blockchain.scripthash.get_history", (script_hash(script),)) for script in scripts]
    return [list(_entries(answer)) for answer in session.ask_all(calls)]


def _entries(answer: Any) -> Iterable[tuple[str, int | None]]:
    for item in to_list(answer, "history"):
        entry = to_object(item, "history entry")
        height = entry.get("height")
        waiting = height in {0, -1} and type(height) is int  # -1: its parents wait as well
        yield to_hash(entry.get("tx_hash")), None if waiting else to_integer(height, "block height")


def _raw_transactions(session: ElectrumSession, txids: Sequence[str]) -> tuple[bytes | None, ...]:
    answers = session.try_all([Call("blockchain.transaction.get", (to_hash(txid),)) for txid in txids])
    found: list[bytes | None] = []
    for txid, answer in zip(txids, answers, strict=True):
        if not isinstance(answer, Failure):
            found.append(to_transaction(answer, txid))
        elif _NOT_FOUND.search(answer.message):
            found.append(None)
        else:
            raise server_error("blockchain.transaction.get", answer)
    return tuple(found)
