"""The bridge between Hyperliquid and Arbitrum One: what makes a deposit, and which transaction paid out.

Pure. A deposit is a plain transfer of native USDC to the bridge; the venue credits whoever sent it, and
nothing at all below its minimum. Refuses both mistakes before a plan is made of them. Sources: Hyperliquid
"Bridge2", github.com/hyperliquid-dex/contracts (Bridge2.sol: FinalizedWithdrawal).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vault.errors import EthereumError
from vault.ethereum.hyperliquid.actions import CHAIN_ID
from vault.ethereum.view import EventLog
from vault.evm.abi import event
from vault.evm.address import evm_checksummed
from vault.money import USDC, Amount

BRIDGE: Final = "0x2Df1c51E09aECF9cacB7bc98cB1742757f163dF7"
MINIMUM_DEPOSIT: Final = Amount(USDC, 5_000_000)  # less is not credited and lost

FINALIZED: Final = event(
    "FinalizedWithdrawal(address indexed user, address destination, uint64 usd, uint64 nonce,"
    " bytes32 message)"
)
# The venue's own ledger has been seen to write a nonce with three more digits than it was signed with.
FINER: Final = 1000


@dataclass(frozen=True, slots=True)
class Payout:
    """What the bridge must have paid for a withdrawal: `amount` is net of the venue's fee."""

    account: str
    destination: str
    amount: Amount
    nonce: int


def require_deposit(*, chain_id: int, sender: str, to: str, amount: Amount, account: str) -> None:
    """A transfer of USDC that the venue will credit to `account`.

    Raises `EthereumError`: ``wrong_chain_id``, ``wrong_bridge``, ``wrong_sender``, ``below_minimum``.
    """
    if chain_id != CHAIN_ID:
        raise EthereumError(
            "wrong_chain_id", f"Hyperliquid: expected a deposit on chain {CHAIN_ID}, found {chain_id}"
        )
    if to != BRIDGE:
        raise EthereumError("wrong_bridge", f"Hyperliquid: expected a deposit to {BRIDGE}, found {to}")
    if sender != evm_checksummed(account):
        raise EthereumError(
            "wrong_sender",
            f"Hyperliquid credits whoever sends: expected {evm_checksummed(account)}, found {sender}",
            hint="Move the coins to that account first, then top up from there.",
        )
    if amount.asset != USDC or amount < MINIMUM_DEPOSIT:
        raise EthereumError(
            "below_minimum",
            f"Hyperliquid: expected at least {MINIMUM_DEPOSIT}, found {amount}; less is never credited",
        )


def same_nonce(theirs: int, ours: int) -> bool:
    """Whether a nonce of the venue's records is the one that was signed."""
    return theirs == ours or theirs // FINER == ours


def payout_topics(account: str) -> tuple[bytes, bytes]:
    """The topics of the bridge's log of a withdrawal that it paid for this account."""
    return FINALIZED.topic, bytes.fromhex(account[2:]).rjust(32, b"\0")


def is_payout(log: EventLog, payout: Payout) -> bool:
    """Whether a log of the bridge is this payment. Raises `EthereumError` (``bad_calldata``, ``bad_payout``).

    The nonce is bound by the signature: with another destination or amount it is not ours to explain.
    """
    if log.address != BRIDGE or log.topics != payout_topics(payout.account):
        return False
    _, destination, usd, nonce, _ = FINALIZED.decode(log.topics, log.data)
    if type(nonce) is not int or not same_nonce(nonce, payout.nonce):
        return False
    if (destination, usd) != (payout.destination, payout.amount.units):
        raise EthereumError(
            "bad_payout",
            f"expected the bridge to pay {payout.amount} to {payout.destination}, found {usd!r} base units "
            f"to {destination!r}",
            hint="Stop, and ask the venue. Nothing was closed.",
        )
    return True


def payouts(logs: Iterable[tuple[str, EventLog]], payout: Payout) -> tuple[str, ...]:
    """The hashes of the transactions that paid it: of (transaction hash, log), each once."""
    return tuple(dict.fromkeys(txid for txid, log in logs if is_payout(log, payout)))
