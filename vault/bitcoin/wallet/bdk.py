"""bdk as adviser: a wallet made in memory out of our ledger chooses coins, and must see what we see.

Refuses to go on where bdk finds other coins, amounts, places or heights (``psbt.coins_differ``). It has
no network, no file and no state that outlives a question.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Final

from vault.address import Network
from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.backends.chains import CHAINS
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.coins import Coin
from vault.bitcoin.wallet.compose import Order
from vault.errors import PsbtError
from vault.money import CONTEXT

if TYPE_CHECKING:
    import bdkpython as bdk

_NETWORKS: Final = {
    "mainnet": "BITCOIN",
    "testnet4": "TESTNET4",
    "signet": "SIGNET",
    "regtest": "REGTEST",
}
# Scripts that bdk derives beyond the last one in use: it looks for no more than our coins.
_LOOKAHEAD: Final = 1
# A coin to bdk: amount, on the change branch, index, height.
_Seen = tuple[int, bool, int, int | None]


class BdkWallet:
    """bdk's wallet of some of our coins; of them it knows the transactions that made them."""

    def __init__(
        self,
        descriptor: Descriptor,
        tip: BlockRef,
        coins: Iterable[Coin],
        previous: Mapping[str, bytes],
    ) -> None:
        import bdkpython as bdk

        known = tuple(coins)
        self._tip = tip
        self._wallet = _load(descriptor, tip, known, previous)
        self._unspendable = bdk.TxBuilder().unspendable(self._require_same(known))

    def _require_same(self, known: tuple[Coin, ...]) -> list[bdk.OutPoint]:
        """bdk's coins that we did not give it: other outputs of the same transactions, not to be spent."""
        ours = {coin.outpoint: (coin.amount.units, coin.change, coin.index, coin.height) for coin in known}
        theirs: dict[OutPoint, _Seen] = {}
        others = []
        for each in self._wallet.list_unspent():
            point = OutPoint(str(each.outpoint.txid), each.outpoint.vout)
            if point not in ours:
                others.append(each.outpoint)
                continue
            change = each.keychain.name == "INTERNAL"
            theirs[point] = each.txout.value.to_sat(), change, int(each.derivation_index), _height(each)
        if ours != theirs:
            differing = sorted(point for point in ours if ours[point] != theirs.get(point))
            point = differing[0]
            raise PsbtError(
                "coins_differ",
                f"expected bdk to see {point} as {ours[point]}, found {theirs.get(point)} "
                f"({len(differing)} such coins)",
                hint="Move the wallet's state file away and sync again; if it stays, report it.",
            )
        return others

    def choose(
        self, order: Order, algorithm: str, required: Iterable[Coin] = ()
    ) -> tuple[OutPoint, ...] | None:
        """The coins that bdk would take for an order; None where it cannot build it.

        With `required` exactly these, if they suffice.
        """
        import bdkpython as bdk

        # bdk counts in sat per 1,000 weight units: rounded up, so that the rate asked for is met.
        per_kwu = int(CONTEXT.multiply(order.fee_rate, Decimal(250)).to_integral_value(ROUND_CEILING))
        builder = (
            self._unspendable.fee_rate(bdk.FeeRate.from_sat_per_kwu(per_kwu))
            .ordering(bdk.TxOrdering.UNTOUCHED)
            .coin_selection(bdk.CoinSelectionAlgorithm[algorithm])
            .exclude_unconfirmed()
            .current_height(self._tip.height)
            .only_witness_utxo()
            .drain_to(bdk.Script(order.change_script))
        )
        must = [_outpoint(coin.outpoint) for coin in required]
        if must:
            builder = builder.add_utxos(must).manually_selected_only()
        for script, amount in order.payments:
            builder = builder.add_recipient(bdk.Script(script), bdk.Amount.from_sat(amount.units))
        try:
            built = builder.finish(self._wallet)
        except bdk.CreateTxError:
            return None
        unsigned = Psbt.parse(base64.b64decode(built.serialize())).unsigned
        return tuple(sorted(each.outpoint for each in unsigned.inputs))


def bdk_address(descriptor: Descriptor, change: bool, index: int) -> str:
    """The address at a place as bdk derives it."""

    derived = _descriptor(descriptor, int(change)).derive_address(index, _network(descriptor.network))
    return str(derived)


def _descriptor(descriptor: Descriptor, branch: int) -> bdk.Descriptor:
    import bdkpython as bdk

    kind = bdk.NetworkKind.MAIN if descriptor.network.name == "mainnet" else bdk.NetworkKind.TEST
    return bdk.Descriptor(descriptor.text(branch=branch), kind)


def _network(network: Network) -> bdk.Network:
    import bdkpython as bdk

    return bdk.Network[_NETWORKS[network.name]]


def _outpoint(point: OutPoint) -> bdk.OutPoint:
    import bdkpython as bdk

    return bdk.OutPoint(txid=bdk.Txid.from_string(point.txid), vout=point.vout)


def _height(output: Any) -> int | None:
    position = output.chain_position
    return int(position.confirmation_block_time.block_id.height) if position.is_CONFIRMED() else None


def _load(
    descriptor: Descriptor, tip: BlockRef, coins: tuple[Coin, ...], previous: Mapping[str, bytes]
) -> bdk.Wallet:
    import bdkpython as bdk

    class Memory(bdk.Persistence):  # type: ignore[misc]
        def initialize(self) -> bdk.ChangeSet:
            return changes

        def persist(self, changeset: bdk.ChangeSet) -> None:
            """Nothing outlives the question."""

    branches = [_descriptor(descriptor, branch) for branch in (0, 1)]
    last: dict[bool, int] = {}
    heights: dict[str, int | None] = {}
    for coin in coins:
        last[coin.change] = max(last.get(coin.change, 0), coin.index)
        heights[coin.outpoint.txid] = coin.height
    chain, anchors = _chain(descriptor.network, tip, heights)
    changes = bdk.ChangeSet.from_aggregate(
        branches[0],
        branches[1],
        _network(descriptor.network),
        chain,
        bdk.TxGraphChangeSet(
            txs=[bdk.Transaction(previous[txid]) for txid in heights],
            txouts={},
            anchors=anchors,
            last_seen={bdk.Txid.from_string(txid): 1 for txid, height in heights.items() if height is None},
            first_seen={},
            last_evicted={},
        ),
        bdk.IndexerChangeSet(
            last_revealed={branches[change].descriptor_id(): index for change, index in last.items()}
        ),
    )
    return bdk.Wallet.load(branches[0], branches[1], bdk.Persister.custom(Memory()), _LOOKAHEAD)


def _chain(
    network: Network, tip: BlockRef, heights: Mapping[str, int | None]
) -> tuple[bdk.LocalChainChangeSet, list[bdk.Anchor]]:
    """Checkpoints and anchors. bdk needs a hash for each height only to tell branches apart: the tip's."""
    import bdkpython as bdk

    tip_hash = bdk.BlockHash.from_string(tip.hash)
    blocks: dict[int, bdk.BlockHash] = {0: bdk.BlockHash.from_string(CHAINS[network.name].genesis)}
    blocks |= {height: tip_hash for height in heights.values() if height}
    blocks[tip.height] = tip_hash if tip.height else blocks[0]
    anchors = [
        bdk.Anchor(
            confirmation_block_time=bdk.ConfirmationBlockTime(
                block_id=bdk.BlockId(height=height, hash=blocks[height]), confirmation_time=0
            ),
            txid=bdk.Txid.from_string(txid),
        )
        for txid, height in heights.items()
        if height is not None
    ]
    changes = [bdk.ChainChange(height=height, hash=found) for height, found in sorted(blocks.items())]
    return bdk.LocalChainChangeSet(changes=changes), anchors
