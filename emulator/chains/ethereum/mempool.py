"""The mempool, with the rules and the words of go-ethereum's legacy pool.

Executable transactions follow their sender's nonce without a gap; behind a gap they queue. It asks the state
of the tip and never changes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.hexes import checksummed
from emulator.chains.ethereum.transaction import MAX_INIT_CODE, WireTransaction

PRICE_BUMP = 10  # percent, of both fees of a replacement
MIN_TIP = 1  # wei a gas
FEE_CAP_WEI = 10**18  # go-ethereum's RPC refuses to send what may cost more


class Accounts(Protocol):
    """The state of the tip."""

    def balance_of(self, address: bytes) -> int: ...
    def nonce_of(self, address: bytes) -> int: ...
    def has_code(self, address: bytes) -> bool: ...


class Mempool:
    """Not thread-safe: its chain's lock is."""

    def __init__(self, accounts: Accounts, gas_limit: int) -> None:
        self._accounts = accounts
        self._gas_limit = gas_limit
        self._by_sender: dict[bytes, dict[int, WireTransaction]] = {}

    def __iter__(self) -> Iterator[WireTransaction]:
        for sender in list(self._by_sender):
            yield from self.from_sender(sender)

    def get(self, txid: str) -> WireTransaction | None:
        return next((tx for tx in self if tx.txid == txid), None)

    def at(self, sender: bytes, nonce: int) -> WireTransaction | None:
        return self._by_sender.get(sender, {}).get(nonce)

    def from_sender(self, sender: bytes) -> list[WireTransaction]:
        """By nonce."""
        waiting = self._by_sender.get(sender, {})
        return [waiting[nonce] for nonce in sorted(waiting)]

    def executable(self, sender: bytes) -> list[WireTransaction]:
        """What follows the account's nonce without a gap."""
        waiting = self._by_sender.get(sender, {})
        nonce = self._accounts.nonce_of(sender)
        found = []
        while nonce in waiting:
            found.append(waiting[nonce])
            nonce += 1
        return found

    @property
    def pending(self) -> list[WireTransaction]:
        """Everything executable, by sender."""
        return [tx for sender in self._by_sender for tx in self.executable(sender)]

    @property
    def queued(self) -> list[WireTransaction]:
        """What waits behind a gap."""
        executable = {tx.txid for tx in self.pending}
        return [tx for tx in self if tx.txid not in executable]

    def next_nonce(self, sender: bytes) -> int:
        """The nonce after the last executable transaction: eth_getTransactionCount of "pending"."""
        return self._accounts.nonce_of(sender) + len(self.executable(sender))

    def add(self, tx: WireTransaction) -> None:
        """Raises RpcRefusal."""
        waiting = self._by_sender.get(tx.sender, {})
        if any(each.txid == tx.txid for each in waiting.values()):
            raise RpcRefusal("already known")
        check_form(tx, self._gas_limit)
        old = waiting.get(tx.nonce)
        self._check_state(tx, old)
        if old is not None and not replaces(tx, old):
            raise RpcRefusal("replacement transaction underpriced")
        self._by_sender.setdefault(tx.sender, {})[tx.nonce] = tx

    def put_back(self, tx: WireTransaction) -> None:
        """A transaction of a dropped block: it stands unless another with its nonce waits already."""
        waiting = self._by_sender.setdefault(tx.sender, {})
        waiting.setdefault(tx.nonce, tx)

    def evict(self, txid: str) -> bool:
        """Forget a transaction, as a full pool does. False when it is not there."""
        for waiting in self._by_sender.values():
            for nonce, tx in waiting.items():
                if tx.txid == txid:
                    del waiting[nonce]
                    return True
        return False

    def settle(self) -> None:
        """After a new tip: drop what has become stale, or cannot be paid for any more."""
        for sender, waiting in list(self._by_sender.items()):
            nonce, balance = self._accounts.nonce_of(sender), self._accounts.balance_of(sender)
            kept = {
                each.nonce: each for each in waiting.values() if each.nonce >= nonce and each.cost <= balance
            }
            if kept:
                self._by_sender[sender] = kept
            else:
                del self._by_sender[sender]

    def _check_state(self, tx: WireTransaction, old: WireTransaction | None) -> None:
        following = self._accounts.nonce_of(tx.sender)
        if tx.nonce < following:
            raise RpcRefusal(f"nonce too low: next nonce {following}, tx nonce {tx.nonce}")
        if self._accounts.has_code(tx.sender):
            raise RpcRefusal("sender not an eoa: address " + checksummed(tx.sender))
        balance = self._accounts.balance_of(tx.sender)
        words = "insufficient funds for gas * price + value"
        if balance < tx.cost:
            short = tx.cost - balance
            raise RpcRefusal(f"{words}: balance {balance}, tx cost {tx.cost}, overshot {short}")
        queued = sum(each.cost for each in self._by_sender.get(tx.sender, {}).values())
        queued -= old.cost if old is not None else 0
        if balance < queued + tx.cost:
            short = queued + tx.cost - balance
            raise RpcRefusal(
                f"{words}: balance {balance}, queued cost {queued}, tx cost {tx.cost}, overshot {short}"
            )


def replaces(tx: WireTransaction, old: WireTransaction) -> bool:
    """Both fees above the old ones, and by ten percent."""
    if tx.max_fee <= old.max_fee or tx.max_tip <= old.max_tip:
        return False
    factor = 100 + PRICE_BUMP
    return tx.max_fee >= old.max_fee * factor // 100 and tx.max_tip >= old.max_tip * factor // 100


def check_form(tx: WireTransaction, gas_limit: int) -> None:
    """What can be said against a transaction without looking at the state."""
    execution = tx.execution
    if not execution.to and len(execution.data) > MAX_INIT_CODE:
        raise RpcRefusal(
            f"max initcode size exceeded: code size {len(execution.data)}, limit {MAX_INIT_CODE}"
        )
    if tx.gas > gas_limit:
        raise RpcRefusal("exceeds block gas limit")
    if tx.max_tip > tx.max_fee:
        raise RpcRefusal("max priority fee per gas higher than max fee per gas")
    if tx.gas < execution.intrinsic_gas:
        raise RpcRefusal(f"intrinsic gas too low: gas {tx.gas}, minimum needed {execution.intrinsic_gas}")
    if tx.gas < execution.floor_gas:
        raise RpcRefusal(
            f"insufficient gas for floor data gas cost: gas {tx.gas}, minimum needed {execution.floor_gas}"
        )
    if tx.max_tip < MIN_TIP:
        raise RpcRefusal(f"transaction underpriced: gas tip cap {tx.max_tip}, minimum needed {MIN_TIP}")
    if tx.gas * tx.max_fee > FEE_CAP_WEI:
        cost, cap = tx.gas * tx.max_fee / 10**18, FEE_CAP_WEI / 10**18
        raise RpcRefusal(f"tx fee ({cost:.2f} ether) exceeds the configured cap ({cap:.2f} ether)")
