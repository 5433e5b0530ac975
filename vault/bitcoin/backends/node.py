"""A bitcoind of one's own asked over JSON-RPC: no wallet on the node, nothing believed of anybody else.

Histories come out of its blocks (see `node_scan`). Without ``-txindex`` a transaction that is not ours is
looked for in the newest blocks only, and what cannot be known is said so, never "not found".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from vault.address import Network, script_pubkey
from vault.bitcoin.backends.answers import (
    nonsense,
    to_hash,
    to_integer,
    to_list,
    to_object,
    to_rate,
    to_transaction,
)
from vault.bitcoin.backends.base import Acceptance, BlockRef, HistoryEntry, ReceivedOutput, TxStatus
from vault.bitcoin.backends.chains import CHAINS
from vault.bitcoin.backends.dial import reason
from vault.bitcoin.backends.http_line import NO_ANSWER
from vault.bitcoin.backends.node_pool import MempoolReader
from vault.bitcoin.backends.node_rpc import NOT_FOUND, Credentials, NodeError, NodeRpc, NodeSession
from vault.bitcoin.backends.node_scan import BlockScanner, block_at
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

# A week of blocks, searched for a transaction that no index knows.
SEARCHED_BLOCKS: Final = 1008
# RPC_DESERIALIZATION_ERROR, RPC_VERIFY_ERROR, RPC_VERIFY_REJECTED (bitcoind `rpc/protocol.h`).
REFUSALS: Final = frozenset({-22, -25, -26})
ALREADY_IN_CHAIN: Final = -27
# BTC/kvB to sat/vB.
PER_VBYTE: Final = 100_000


class NodeBackend(OneView):
    """A bitcoind at an http address. `scan_file` remembers what was scanned (None: in memory only)."""

    def __init__(
        self,
        url: str,
        network: Network,
        credentials: Credentials,
        timeout: float = 10,
        *,
        birthday: int = 0,
        scan_file: Path | None = None,
        certificate: str = "",
        proxy: str = "",
    ) -> None:
        self._rpc = NodeRpc(url, timeout, credentials, certificate=certificate, proxy=proxy)
        self.url, self.network, self.birthday = self._rpc.url, network, birthday
        self._scanner = BlockScanner(network.name, birthday, scan_file)
        self._pool = MempoolReader()
        # What searching the newest blocks told: where a transaction is, and up to where it is not.
        self._places: dict[str, str] = {}
        self._absent: dict[str, BlockRef] = {}

    def describe(self) -> str:
        return f"bitcoind {self.url}"

    def tip(self) -> BlockRef:
        with self._rpc.session() as session:
            return self._tip(session)

    def tip_height(self) -> int:
        return self.tip().height

    def block_hash(self, height: int) -> str | None:
        with self._rpc.session() as session:
            self._tip(session)
            return block_at(session, height)

    def history(self, scripts: Sequence[bytes]) -> tuple[tuple[HistoryEntry, ...], ...]:
        with self._rpc.session() as session:
            return self._history(session, scripts)[1]

    def cross_check(self, scripts: Sequence[bytes]) -> None:
        """Compare the coins scanned with the node's own set of unspent outputs.

        Done by itself when none of the scripts was known before. Raises `ChainError`
        (``chain.scan_disagrees``).
        """
        with self._rpc.session() as session:
            tip, _ = self._history(session, scripts)
            self._scanner.cross_check(session, scripts, tip)

    def raw_transaction(self, txid: str) -> bytes | None:
        return self.raw_transactions([txid])[0]

    def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        with self._rpc.session() as session:
            self._tip(session)
            return self._raw_transactions(session, txids)

    def transaction_status(self, txid: str) -> TxStatus:
        with self._rpc.session() as session:
            tip, place = steady(lambda: self._tip(session), lambda tip: self._place(session, txid, tip))
            if place is None:
                return TxStatus(False, False, None, 0)
            if place.height is None:
                return TxStatus(True, False, None, 0)
            return confirmed_at(txid, place.height, place.block_hash, tip.height)

    def outspend(self, txid: str, vout: int) -> str | None:
        with self._rpc.session() as session:
            self._tip(session)
            if session.ask("gettxout", to_hash(txid), vout, True) is not None:
                return None
            asked = [{"txid": txid, "vout": vout}]
            answer = to_list(session.ask("gettxspendingprevout", asked), "spends")
            waiting = to_object(answer[0] if answer else None, "spend").get("spendingtxid")
            if waiting is not None:
                return to_hash(waiting)
            (raw,) = self._raw_transactions(session, [txid])
            outputs = () if raw is None else Transaction.parse(raw).outputs
            if vout >= len(outputs):
                raise ChainError("server_error", f"expected output {txid}:{vout} at {self.url}, found none")
            _, (entries,) = self._history(session, [outputs[vout].script])
            raws = self._raw_transactions(session, [entry.txid for entry in entries])
            spender = spender_of(txid, vout, raws)
            if spender is None:
                raise nonsense("spends", f"that {txid}:{vout} is unspent or who spends it", "neither")
            return spender

    def script_outputs(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        with self._rpc.session() as session:
            tip, (entries,) = self._history(session, [script])
            raws = self._raw_transactions(session, [entry.txid for entry in entries])
            return outputs_to(script, entries, raws, tip.height)

    def address_outputs(self, address: str) -> tuple[ReceivedOutput, ...]:
        return self.script_outputs(script_pubkey(address, self.network))

    def fee_rate(self, target_blocks: int) -> Decimal:
        with self._rpc.session() as session:
            self._tip(session)
            answer = to_object(session.ask("estimatesmartfee", target_blocks, "conservative"), "fee estimate")
        if "feerate" not in answer:
            raise ChainError(
                "no_estimate",
                f"expected a fee rate for {target_blocks} blocks, found: {answer.get('errors')}",
                hint="The node has seen too few blocks with transactions. Give the rate yourself, or wait.",
            )
        rate = to_rate(answer["feerate"], per_vbyte=PER_VBYTE)
        if not rate:
            raise nonsense("fee estimate", "a rate above 0", answer)
        return rate

    def mempool_min_fee(self) -> Decimal | None:
        with self._rpc.session() as session:
            self._tip(session)
            answer = to_object(session.ask("getmempoolinfo"), "mempool")
        return to_rate(answer.get("mempoolminfee"), "lowest fee rate", per_vbyte=PER_VBYTE)

    def test_accept(self, raw: bytes) -> Acceptance | None:
        txid = Transaction.parse(raw).txid
        with self._rpc.session() as session:
            self._tip(session)
            answers = to_list(session.ask("testmempoolaccept", [raw.hex()]), "acceptance")
        answer = to_object(answers[0] if len(answers) == 1 else None, "acceptance")
        if answer.get("txid") != txid or type(answer.get("allowed")) is not bool:
            raise nonsense("acceptance", f"whether {txid} is allowed", answer)
        reason_given = answer.get("reject-reason", "")
        return Acceptance(answer["allowed"], reason_given if isinstance(reason_given, str) else "")

    def broadcast(self, raw: bytes) -> str:
        txid = Transaction.parse(raw).txid
        self.tip_height()  # of another network, or starting: nothing is sent
        try:
            answer = self._rpc.ask_once("sendrawtransaction", raw.hex())
        except NodeError as failure:
            if failure.rpc_code == ALREADY_IN_CHAIN or (failure.rpc_code in REFUSALS and self._has(txid)):
                return txid
            if failure.rpc_code in REFUSALS:
                raise broadcast_refused(self.describe(), txid, failure.rpc_message) from None
            raise broadcast_unknown(txid, failure.message) from None
        except (*NO_ANSWER, ValueError) as error:
            raise broadcast_unknown(txid, f"no answer came: {reason(error)}") from None
        if answer != txid:
            raise broadcast_unknown(txid, f"the answer was {str(answer)[:200]!r}")
        return txid

    # -- within a session --------------------------------------------------------------------------

    def _has(self, txid: str) -> bool:
        """Whether the node took this transaction already, as far as it can be known without an index."""
        try:
            with self._rpc.session() as session:
                tip = self._tip(session)
                return self._indexed(session, txid, tip) is not None or bool(
                    self._find(session, txid, tip.height)
                )
        except ChainError as error:
            raise broadcast_unknown(
                txid, f"it was refused, and whether it was known already cannot be asked: {error.message}"
            ) from None

    def _tip(self, session: NodeSession) -> BlockRef:
        """The best block of a node that is of our network and has caught up with it."""
        info = to_object(session.ask("getblockchaininfo"), "chain")
        expected = CHAINS[self.network.name].node
        if info.get("chain") != expected:
            raise ChainError(
                "wrong_network",
                f"expected {self.describe()} to serve {expected}, found {str(info.get('chain'))[:40]!r}",
                hint="Correct the address, or `network`, in treasury.toml. Nothing was believed.",
            )
        if self.network.name != "regtest" and info.get("initialblockdownload") is not False:
            raise ChainError(
                "starting",
                f"expected {self.describe()} to know the newest blocks, found it still loading them",
                hint="Wait until the node has caught up.",
            )
        return BlockRef(
            to_integer(info.get("blocks"), "tip height"), to_hash(info.get("bestblockhash"), "block hash")
        )

    def _history(
        self, session: NodeSession, scripts: Sequence[bytes]
    ) -> tuple[BlockRef, tuple[tuple[HistoryEntry, ...], ...]]:
        def read(tip: BlockRef) -> tuple[tuple[HistoryEntry, ...], ...]:
            confirmed, coins = self._scanner.scan(session, scripts, tip)
            waiting = self._pool.histories(session, scripts, coins)
            return tuple(
                in_order([*(HistoryEntry(txid, None, None) for txid in pool), *blocks])
                for blocks, pool in zip(confirmed, waiting, strict=True)
            )

        return steady(lambda: self._tip(session), read)

    def _raw_transactions(self, session: NodeSession, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        questions: list[tuple[Any, ...]] = []
        for txid in txids:
            block = self._scanner.place(to_hash(txid))
            questions.append((txid, False) if block is None else (txid, False, block))
        found: list[bytes | None] = []
        for txid, answer in zip(txids, session.try_each("getrawtransaction", questions), strict=True):
            if not isinstance(answer, NodeError):
                found.append(to_transaction(answer, txid))
                continue
            if answer.rpc_code != NOT_FOUND:
                raise answer
            place = self._place(session, txid, self._tip(session))
            if place is None:
                found.append(None)
            else:
                where = () if place.block_hash is None else (place.block_hash,)
                found.append(to_transaction(session.ask("getrawtransaction", txid, False, *where), txid))
        return tuple(found)

    def _place(self, session: NodeSession, txid: str, tip: BlockRef) -> HistoryEntry | None:
        """Where a transaction is: waiting, in a block, or (None) nowhere. Else ``chain.needs_index``."""
        if (entry := self._indexed(session, to_hash(txid), tip)) is not None:
            return entry
        indexes = to_object(session.ask("getindexinfo"), "indexes")
        index = to_object(indexes.get("txindex", {}), "index")
        if index.get("synced") is True and index.get("best_block_height") == tip.height:
            return None
        entry = self._find(session, txid, tip.height)
        if entry is None and tip.height - SEARCHED_BLOCKS >= max(self.birthday, 1):
            raise ChainError(
                "needs_index",
                f"expected to find transaction {txid} or that there is none; it is not in the mempool nor in "
                f"the newest {SEARCHED_BLOCKS} blocks, and this node keeps no index of older ones",
                hint="Run the node with -txindex=1. Nothing was concluded.",
            )
        return entry

    def _indexed(self, session: NodeSession, txid: str, tip: BlockRef) -> HistoryEntry | None:
        """What the node finds by itself: in its mempool, in its index, or in a block we found it in."""
        block = self._scanner.place(txid) or self._places.get(txid)
        for where in ((), (block,)) if block is not None else ((),):
            try:
                answer = to_object(session.ask("getrawtransaction", txid, True, *where), "transaction")
            except NodeError as failure:
                if failure.rpc_code != NOT_FOUND:
                    raise
                continue
            if to_hash(answer.get("txid")) != txid:
                raise nonsense("transaction", txid, answer.get("txid"))
            if answer.get("blockhash") is None:
                return HistoryEntry(txid, None, None)
            if (entry := _in_chain(session, txid, to_hash(answer["blockhash"], "block hash"))) is not None:
                return entry
        return None

    def _find(self, session: NodeSession, txid: str, height: int) -> HistoryEntry | None:
        """Search the newest blocks, newest first, for a transaction that no index knows."""
        lowest, newest = max(height - SEARCHED_BLOCKS + 1, self.birthday, 0), None
        absent = self._absent.get(txid)
        if absent is not None and block_at(session, absent.height) == absent.hash:
            lowest = max(lowest, absent.height + 1)  # it was in none of the blocks up to there
            newest = absent
        for at in range(height, lowest - 1, -1):
            block_hash = block_at(session, at)
            if block_hash is None:
                raise ChainError("moving", "expected the chain to hold still, found it shorter")
            newest = newest if newest is not None and newest.height > at else BlockRef(at, block_hash)
            block = to_object(session.ask("getblock", block_hash, 1), "block")
            if txid in to_list(block.get("tx"), "transactions"):
                self._places[txid] = block_hash
                return HistoryEntry(txid, at, block_hash)
        if newest is not None:
            self._absent[txid] = newest
        return None


def _in_chain(session: NodeSession, txid: str, block_hash: str) -> HistoryEntry | None:
    """The entry of a transaction in a block, unless that block was reorganised away."""
    header = to_object(session.ask("getblockheader", block_hash), "block header")
    confirmations = header.get("confirmations")
    if type(confirmations) is not int or confirmations < 1:
        return None
    return HistoryEntry(txid, to_integer(header.get("height"), "block height"), block_hash)
