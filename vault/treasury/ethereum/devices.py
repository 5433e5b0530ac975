"""Which devices sign for a transfer: an account's, a Safe's owners' and executor's, or an on-chain venue's.

Asks nobody. Refuses nothing: who may sign is said by treasury.toml and by the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.treasury.ethereum.hyperliquid import needs_device, owner_of

if TYPE_CHECKING:
    from vault.config_chains import AccountSettings
    from vault.errors import EthereumError
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# What a node says, or does not say, is no fault of a signature.
_OF_NODES: Final = frozenset(
    {
        "bad_answer",
        "no_answer",
        "node_refused",
        "nodes_disagree",
        "unknown_block",
        "unreachable",
        "witness_silent",
        "wrong_chain_id",
    }
)


def of_signers(error: EthereumError) -> bool:
    """True for an error that says something of a signature or of who made it, not of a node."""
    return error.code.partition(".")[2] not in _OF_NODES


def signed_by_device(desk: Desk, transfer: Transfer, kind: str) -> bool:
    """True for a step of this kind that a device of ours signs before it is sent."""
    return needs_device(desk, transfer) if kind == "withdraw" else kind == "spend"


def account_that_signs(desk: Desk, transfer: Transfer) -> AccountSettings:
    """The account that sends a transaction, or signs a venue's withdrawal. Raises `ConfigError`."""
    if transfer.call is not None:
        return desk.treasury.account(transfer.call.account)
    return owner_of(desk, transfer)


def devices_of(desk: Desk, transfer: Transfer) -> tuple[str, ...]:
    """The devices that are asked, each once: owners first, and who sends last."""
    names: list[str | None] = []
    if transfer.on_ethereum and (safe := desk.treasury.account(transfer.source).safe) is not None:
        names = [desk.treasury.account(owner).device for owner in safe.owners]
    names.append(account_that_signs(desk, transfer).device)
    return tuple(dict.fromkeys(name for name in names if name))
