"""Two backends as witnesses of each other: nothing is built on what only one of them says.

Refuses (``chain.witness_disagrees``) coins, spends, confirmations, a tip or a fee on which they differ
beyond their bounds, naming who says what. Waiting transactions may differ: either one's word counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Final, TypeVar

from vault.address import Network, script_pubkey
from vault.bitcoin.backends.base import (
    Acceptance,
    Backend,
    BlockRef,
    HistoryEntry,
    ReceivedOutput,
    TxStatus,
)
from vault.bitcoin.backends.shared import broadcast_unknown, in_order, outputs_to, steady
from vault.bitcoin.transaction import Transaction
from vault.errors import ChainError, OutcomeUnknownError, VaultError

# Servers hear of a block seconds apart; two blocks apart one of them is behind.
TIP_BLOCKS: Final = 2
# Estimators differ by their method; one that says three times the other's is wrong, or lies.
FEE_FACTOR: Final = Decimal(3)

Answer = TypeVar("Answer")


def _quiet(_warning: str) -> None:
    """Warnings nobody asked for."""


class WitnessedBackend:
    """`primary` and `witness` behind one face.

    What is built on needs both answers: a silent one is ``chain.witness_silent``. A status may come from
    one alone, with a warning to `warn`. The more cautious of two permitted answers is given: the lower
    tip, fewer confirmations, the higher fee rate.
    """

    def __init__(
        self,
        primary: Backend,
        witness: Backend,
        network: Network,
        *,
        tip_blocks: int = TIP_BLOCKS,
        fee_factor: Decimal = FEE_FACTOR,
        warn: Callable[[str], None] = _quiet,
    ) -> None:
        self._backends = (primary, witness)
        self._network = network
        self._tip_blocks, self._fee_factor = tip_blocks, fee_factor
        self._warn = warn

    def describe(self) -> str:
        primary, witness = (each.describe() for each in self._backends)
        return f"{primary}, witnessed by {witness}"

    # -- what is built on: both must answer ----------------------------------------------------------

    def tip(self) -> BlockRef:
        """The lower of two tips that are at most `tip_blocks` apart, on one chain."""
        one, other = self._both(lambda backend: backend.tip())
        if abs(one.height - other.height) > self._tip_blocks:
            raise self._disagreement("the tip", f"height {one.height}", f"height {other.height}")
        lower, behind = min((one, 0), (other, 1), key=lambda each: (each[0].height, each[1]))
        theirs = other if behind == 0 else one
        at = theirs.hash if theirs.height == lower.height else None
        if at is None:
            at = self._one(1 - behind, lambda backend: backend.block_hash(lower.height))
        if at != lower.hash:
            says = (lower.hash, at) if behind == 0 else (at, lower.hash)
            raise self._disagreement(f"block {lower.height}", *(str(each) for each in says))
        return lower

    def block_hash(self, height: int) -> str | None:
        one, other = self._both(lambda backend: backend.block_hash(height))
        if one != other:
            raise self._disagreement(f"block {height}", str(one), str(other))
        return one

    def history(self, scripts: Sequence[bytes]) -> tuple[tuple[HistoryEntry, ...], ...]:
        """Confirmed entries up to the lower tip, on which both agree; what either has above it waits."""
        return self._history(scripts)[1]

    def _history(self, scripts: Sequence[bytes]) -> tuple[BlockRef, tuple[tuple[HistoryEntry, ...], ...]]:
        def read(tip: BlockRef) -> tuple[tuple[HistoryEntry, ...], ...]:
            one, other = self._both(lambda backend: backend.history(scripts))
            return tuple(
                self._agreed(script, tip.height, *entries)
                for script, *entries in zip(scripts, one, other, strict=True)
            )

        return steady(self.tip, read)

    def _agreed(
        self, script: bytes, height: int, one: Sequence[HistoryEntry], other: Sequence[HistoryEntry]
    ) -> tuple[HistoryEntry, ...]:
        first, second = (
            {each for each in entries if each.height is not None and each.height <= height}
            for entries in (one, other)
        )
        if first != second:
            txid = min(first ^ second, key=lambda each: (each.height or 0, each.txid)).txid
            says = [
                next((f"block {each.height} {each.block_hash}" for each in side if each.txid == txid), "none")
                for side in (first, second)
            ]
            raise self._disagreement(f"transaction {txid} of script {script.hex()}", *says)
        waiting = {each.txid for each in (*one, *other)} - {each.txid for each in first}
        return in_order([*(HistoryEntry(txid, None, None) for txid in waiting), *first])

    def prove(self, entries: Sequence[HistoryEntry]) -> None:
        self._both(lambda backend: backend.prove(entries))

    def outspend(self, txid: str, vout: int) -> str | None:
        """The spender both name, or the only one that is named when the other may not know it yet."""
        one, other = self._both(lambda backend: backend.outspend(txid, vout))
        if one is not None and other is not None and one != other:
            raise self._disagreement(f"the spender of {txid}:{vout}", one, other)
        spender = one or other
        if one != other and spender is not None and self.transaction_status(spender).confirmed:
            # Both have it in one block, and yet one of them says that the coin is unspent.
            raise self._disagreement(f"the spender of {txid}:{vout}", str(one), str(other))
        return spender

    def script_outputs(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        tip, (entries,) = self._history([script])
        return outputs_to(
            script, entries, self.raw_transactions([entry.txid for entry in entries]), tip.height
        )

    def final_status(self, txid: str) -> TxStatus:
        """The lower depth of two that name one block, each held against its own backend's chain."""
        return self._agreed_status(txid, *self._both(lambda backend: backend.final_status(txid)))

    def address_outputs(self, address: str) -> tuple[ReceivedOutput, ...]:
        return self.script_outputs(script_pubkey(address, self._network))

    def fee_rate(self, target_blocks: int) -> Decimal:
        """The higher of two rates within `fee_factor`; with a warning one alone if the other has no data."""
        rates: list[Decimal] = []
        for backend, answer in self._ask(lambda backend: backend.fee_rate(target_blocks)):
            if isinstance(answer, Decimal):
                rates.append(answer)
            elif isinstance(answer, VaultError) and answer.code == "chain.no_estimate":
                self._warn(f"{backend.describe()} has no data for a fee rate")
                missing = answer
            else:
                raise _silent(backend, answer)
        if not rates:
            raise missing
        if max(rates) > min(rates) * self._fee_factor:
            raise self._disagreement("the fee rate", *(f"{rate} sat/vB" for rate in rates))
        return max(rates)

    # -- what may come from one alone ----------------------------------------------------------------

    def tip_height(self) -> int:
        return min(answer for _, answer in self._at_least_one(lambda backend: backend.tip_height()))

    def transaction_status(self, txid: str) -> TxStatus:
        answers = self._at_least_one(lambda backend: backend.transaction_status(txid))
        if len(answers) == 1:
            return answers[0][1]
        (_, one), (_, other) = answers
        return self._agreed_status(txid, one, other)

    def _agreed_status(self, txid: str, one: TxStatus, other: TxStatus) -> TxStatus:
        if one.confirmed and other.confirmed:
            if (one.height, one.block_hash) != (other.height, other.block_hash):
                raise self._disagreement(f"transaction {txid}", _said(one), _said(other))
            return min(one, other, key=lambda each: each.confirmations)
        if one.confirmed or other.confirmed:
            ahead, denier = (one, 1) if one.confirmed else (other, 0)
            if self._one(denier, lambda backend: backend.tip_height()) >= (ahead.height or 0):
                raise self._disagreement(f"transaction {txid}", _said(one), _said(other))
        # One of them is a block behind, or has not heard of it: then it is on its way, and no more.
        return TxStatus(one.found or other.found, False, None, 0)

    def raw_transaction(self, txid: str) -> bytes | None:
        return self.raw_transactions([txid])[0]

    def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        """Bytes prove themselves by their id: what one does not have is asked of the other."""
        found: dict[str, bytes] = {}
        silent: list[tuple[Backend, VaultError]] = []
        for backend in self._backends:
            missing = [txid for txid in dict.fromkeys(txids) if txid not in found]
            if not missing:
                break
            try:
                answers = backend.raw_transactions(missing)
            except ChainError as error:
                silent.append((backend, error))
                continue
            found |= {txid: raw for txid, raw in zip(missing, answers, strict=True) if raw is not None}
        if silent and len(found) < len(set(txids)):
            raise _silent(*silent[0])
        return tuple(found.get(txid) for txid in txids)

    def mempool_min_fee(self) -> Decimal | None:
        rates = [rate for _, rate in self._at_least_one(lambda backend: backend.mempool_min_fee())]
        return max((rate for rate in rates if rate is not None), default=None)

    def test_accept(self, raw: bytes) -> Acceptance | None:
        """A refusal if either refuses; None if neither can be asked."""
        answers = [each for _, each in self._at_least_one(lambda backend: backend.test_accept(raw)) if each]
        return next((each for each in answers if not each.allowed), answers[0] if answers else None)

    # -- sending ---------------------------------------------------------------------------------------

    def broadcast(self, raw: bytes) -> str:
        """Sent through both. Accepted if one accepts and the other does not refuse.

        One accepts and one refuses, or nobody accepts and one does not answer: unknown. Refused when a
        refusal is all that came back; ``chain.unreachable`` when neither could be reached.
        """
        txid = Transaction.parse(raw).txid
        ends = self._ask(lambda backend: backend.broadcast(raw))
        failed = [(backend, end) for backend, end in ends if not isinstance(end, str)]
        refused = [(backend, end) for backend, end in failed if end.code == "chain.refused"]
        unknown = [(backend, end) for backend, end in failed if isinstance(end, OutcomeUnknownError)]
        if len(failed) < len(ends):
            for backend, end in refused:
                raise broadcast_unknown(txid, f"one backend took it and {backend.describe()} said: {end}")
            for backend, end in failed:
                self._warn(f"{txid} was sent without {backend.describe()}: {end}")
            return txid
        # Of two refusals the graver: what is too cheap for one, the other may have looked at more closely.
        refused.sort(key=lambda each: each[1].details.get("too_cheap") == "yes")
        _, end = (unknown or refused or failed)[0]
        raise end

    # -- asking ----------------------------------------------------------------------------------------

    def _ask(self, question: Callable[[Backend], Answer]) -> list[tuple[Backend, Answer | VaultError]]:
        """Both answers, or the errors in their place, asked for at the same time."""

        def ask(backend: Backend) -> Answer | VaultError:
            try:
                return question(backend)
            except VaultError as error:
                return error

        with ThreadPoolExecutor(len(self._backends)) as pool:
            return list(zip(self._backends, pool.map(ask, self._backends), strict=True))

    def _both(self, question: Callable[[Backend], Answer]) -> tuple[Answer, Answer]:
        answers: list[Answer] = []
        for backend, answer in self._ask(question):
            if isinstance(answer, VaultError):
                raise _silent(backend, answer)
            answers.append(answer)
        one, other = answers
        return one, other

    def _one(self, number: int, question: Callable[[Backend], Answer]) -> Answer:
        backend = self._backends[number]
        try:
            return question(backend)
        except ChainError as error:
            raise _silent(backend, error) from None

    def _at_least_one(self, question: Callable[[Backend], Answer]) -> list[tuple[Backend, Answer]]:
        answers: list[tuple[Backend, Answer]] = []
        errors: list[tuple[Backend, VaultError]] = []
        for backend, answer in self._ask(question):
            if isinstance(answer, VaultError):
                errors.append((backend, answer))
            else:
                answers.append((backend, answer))
        if not answers:
            raise errors[0][1]
        for backend, error in errors:
            self._warn(f"{backend.describe()} does not answer, the other one is believed alone: {error}")
        return answers

    def _disagreement(self, what: str, one: str, other: str) -> ChainError:
        primary, witness = (each.describe() for each in self._backends)
        return ChainError(
            "witness_disagrees",
            f"{what}: {primary} says {one}, {witness} says {other}",
            hint="Nothing is built on this. Ask again in a minute; if it stays, find out which one is wrong.",
        )


def _silent(backend: Backend, error: object) -> ChainError:
    """One of the two did not answer; its own reason is kept."""
    if isinstance(error, VaultError) and error.code in {"chain.moving", "chain.wrong_network"}:
        return ChainError(error.code.removeprefix("chain."), error.message, hint=error.hint)
    return ChainError(
        "witness_silent",
        f"expected an answer of both backends, found that {backend.describe()} gives none: {error}",
        hint="Nothing is built on one backend's word alone. Ask again when both answer.",
    )


def _said(status: TxStatus) -> str:
    if status.confirmed:
        return f"block {status.height} {status.block_hash}"
    return "waiting" if status.found else "not found"
