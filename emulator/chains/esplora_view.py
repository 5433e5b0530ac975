"""The chain as Esplora shows it: JSON objects for blocks, transactions, scripts; optionally a stale tip.

Field names and shapes are those of Blockstream's Esplora HTTP API (API.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emulator.chains.block import Block, merkle_branch
from emulator.chains.chain import BitcoinChain, KnownTransaction
from emulator.chains.errors import UnknownBlockError
from emulator.chains.index import Spender
from emulator.chains.script import address_of, classify, disassemble, script_hash
from emulator.chains.transaction import OutPoint, TxIn, TxOut, display_hash, internal_hash

Json = dict[str, object]
CONFIRMED_PAGE = 25
MEMPOOL_PAGE = 50
BLOCKS_PAGE = 10
GENESIS_PREVIOUS = "00" * 32


@dataclass(frozen=True, slots=True)
class EsploraView:
    """Hold the chain's lock while using one. `ceiling`: the last height shown, None for all."""

    chain: BitcoinChain
    ceiling: int | None = None

    # --- blocks

    @property
    def tip(self) -> Block:
        tip = self.chain.height
        return self.chain.block_at(tip if self.ceiling is None else min(tip, self.ceiling))

    def block_at(self, height: int) -> Block:
        if height > self.tip.height:
            raise UnknownBlockError(f"no block at height {height}")
        return self.chain.block_at(height)

    def blocks_json(self, start: int | None) -> list[Json]:
        top = self.tip.height if start is None else min(start, self.tip.height)
        return [
            self.block_json(self.block_at(height)) for height in range(top, max(top - BLOCKS_PAGE, -1), -1)
        ]

    def block_json(self, block: Block) -> Json:
        return {
            "id": block.block_hash,
            "height": block.height,
            "version": block.version,
            "timestamp": block.timestamp,
            "mediantime": block.median_time,
            "tx_count": len(block.transactions),
            "size": len(block.raw),
            "weight": block.weight,
            "merkle_root": block.merkle_root,
            "previousblockhash": None if block.previous == GENESIS_PREVIOUS else block.previous,
            "nonce": block.nonce,
            "bits": block.bits,
            "difficulty": 0,
        }

    def block_status_json(self, block: Block) -> Json:
        if not self.chain.index.is_active(block) or block.height > self.tip.height:
            return {"in_best_chain": False, "height": None, "next_best": None}
        following = None if block is self.tip else self.chain.block_at(block.height + 1).block_hash
        return {"in_best_chain": True, "height": block.height, "next_best": following}

    # --- transactions

    def is_confirmed(self, known: KnownTransaction) -> bool:
        return known.block is not None and known.block.height <= self.tip.height

    def transaction(self, txid: str) -> KnownTransaction | None:
        known = self.chain.transaction(txid)
        if known is not None and known.tx.is_coinbase and not self.is_confirmed(known):
            return None
        return known

    def status_json(self, known: KnownTransaction | None) -> Json:
        if known is None or known.block is None or not self.is_confirmed(known):
            return {"confirmed": False}
        block = known.block
        return {
            "confirmed": True,
            "block_height": block.height,
            "block_hash": block.block_hash,
            "block_time": block.timestamp,
        }

    def transaction_json(self, known: KnownTransaction) -> Json:
        tx = known.tx
        return {
            "txid": tx.txid,
            "version": tx.version,
            "locktime": tx.locktime,
            "vin": [_input_json(txin, spent) for txin, spent in zip(tx.inputs, known.spent, strict=True)],
            "vout": [_output_json(output) for output in tx.outputs],
            "size": len(tx.raw),
            "weight": tx.weight,
            "fee": known.fee_sat,
            "status": self.status_json(known),
        }

    def outspend_json(self, outpoint: OutPoint) -> Json:
        spender = self.chain.spender(outpoint)
        if spender is None:
            return {"spent": False}
        return self._spent_json(spender)

    def _spent_json(self, spender: Spender) -> Json:
        status = self.status_json(self.chain.transaction(spender.txid))
        return {"spent": True, "txid": spender.txid, "vin": spender.index, "status": status}

    def merkle_proof_json(self, known: KnownTransaction) -> Json | None:
        if known.block is None or not self.is_confirmed(known):
            return None
        leaves = [internal_hash(tx.txid) for tx in known.block.transactions]
        position = leaves.index(internal_hash(known.tx.txid))
        branch = [display_hash(sibling) for sibling in merkle_branch(leaves, position)]
        return {"block_height": known.block.height, "merkle": branch, "pos": position}

    # --- scripts

    def confirmed_history(self, scripthash: str) -> list[str]:
        """Newest first."""
        return [txid for txid in reversed(self.chain.index.history(scripthash)) if self._is_shown(txid)]

    def waiting_history(self, scripthash: str) -> list[str]:
        """Newest first; under a stale tip also what was confirmed since."""
        hidden = [
            txid
            for txid in reversed(self.chain.index.history(scripthash))
            if not self._is_shown(txid) and self.transaction(txid) is not None
        ]
        return self.chain.mempool.history(scripthash) + hidden

    def _is_shown(self, txid: str) -> bool:
        confirmed = self.chain.index.transaction(txid)
        return confirmed is not None and confirmed.height <= self.tip.height

    def history_json(self, txids: Iterable[str]) -> list[Json]:
        known = (self.transaction(txid) for txid in txids)
        return [self.transaction_json(each) for each in known if each is not None]

    def history_page(self, scripthash: str) -> list[Json]:
        """First page: waiting transactions, then the newest confirmed ones."""
        waiting = self.waiting_history(scripthash)[:MEMPOOL_PAGE]
        return self.history_json(waiting + self.confirmed_history(scripthash)[:CONFIRMED_PAGE])

    def chain_page(self, scripthash: str, last_seen: str | None) -> list[Json]:
        """Confirmed transactions after `last_seen`; empty if that is not one of them, as in Esplora."""
        txids = self.confirmed_history(scripthash)
        if last_seen is not None:
            txids = txids[txids.index(last_seen) + 1 :] if last_seen in txids else []
        return self.history_json(txids[:CONFIRMED_PAGE])

    def utxo_json(self, scripthash: str) -> list[Json]:
        found: list[Json] = []
        for txid in [*self.waiting_history(scripthash), *self.confirmed_history(scripthash)]:
            known = self.transaction(txid)
            if known is None:
                continue
            for vout, output in enumerate(known.tx.outputs):
                if script_hash(output.script_pubkey) != scripthash:
                    continue
                if self.chain.spender(OutPoint(txid, vout)) is None:
                    status = self.status_json(known)
                    found.append({"txid": txid, "vout": vout, "status": status, "value": output.amount_sat})
        return found

    def stats_json(self, scripthash: str) -> Json:
        return {
            "chain_stats": self._stats(scripthash, self.confirmed_history(scripthash)),
            "mempool_stats": self._stats(scripthash, self.waiting_history(scripthash)),
        }

    def _stats(self, scripthash: str, txids: list[str]) -> Json:
        funded: list[int] = []
        spent: list[int] = []
        for txid in txids:
            known = self.transaction(txid)
            if known is None:
                continue
            funded += [
                out.amount_sat for out in known.tx.outputs if script_hash(out.script_pubkey) == scripthash
            ]
            spent += [
                out.amount_sat
                for out in known.spent
                if out is not None and script_hash(out.script_pubkey) == scripthash
            ]
        return {
            "funded_txo_count": len(funded),
            "funded_txo_sum": sum(funded),
            "spent_txo_count": len(spent),
            "spent_txo_sum": sum(spent),
            "tx_count": len(txids),
        }

    # --- mempool

    def mempool_json(self) -> Json:
        entries = list(self.chain.mempool.entries.values())
        ranked = sorted(entries, key=lambda entry: entry.fee_rate, reverse=True)
        return {
            "count": len(entries),
            "vsize": sum(entry.tx.vsize for entry in entries),
            "total_fee": sum(entry.fee_sat for entry in entries),
            "fee_histogram": [[float(entry.fee_rate), entry.tx.vsize] for entry in ranked],
        }

    def recent_json(self) -> list[Json]:
        newest = list(self.chain.mempool.entries.values())[::-1][:BLOCKS_PAGE]
        return [
            {
                "txid": entry.tx.txid,
                "fee": entry.fee_sat,
                "vsize": entry.tx.vsize,
                "value": entry.tx.output_sum,
            }
            for entry in newest
        ]


def _output_json(output: TxOut) -> Json:
    shown: Json = {
        "scriptpubkey": output.script_pubkey.hex(),
        "scriptpubkey_asm": disassemble(output.script_pubkey),
        "scriptpubkey_type": classify(output.script_pubkey).value,
        "value": output.amount_sat,
    }
    address = address_of(output.script_pubkey)
    if address is not None:
        shown["scriptpubkey_address"] = address
    return shown


def _input_json(txin: TxIn, spent: TxOut | None) -> Json:
    shown: Json = {
        "txid": txin.prevout.txid,
        "vout": txin.prevout.vout,
        "prevout": None if spent is None else _output_json(spent),
        "scriptsig": txin.script_sig.hex(),
        "scriptsig_asm": disassemble(txin.script_sig),
        "is_coinbase": txin.is_coinbase,
        "sequence": txin.sequence,
    }
    if txin.witness:
        shown["witness"] = [item.hex() for item in txin.witness]
    return shown
