"""What accounts on Ethereum hold, asset by asset, and what is wrong with their nonces.

All balances of a chain are read at one block. Refuses nothing: a chain that does not answer is a failure of
each of its accounts, never a balance of zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.errors import VaultError
from vault.model import AccountFinding, SourceFailure, WalletBalance
from vault.money import Amount, asset_of
from vault.store import records
from vault.treasury.ethereum.accounts import accounts_of, assets_of
from vault.treasury.ethereum.foreign_nonces import CODE, finding_of, foreign_ranges
from vault.treasury.history import stored_plan

if TYPE_CHECKING:
    from vault.config_chains import AccountSettings, ChainSettings
    from vault.ethereum.balances import Holdings
    from vault.ethereum.node.base import EthereumNode
    from vault.ethereum.nonces import OpenTransaction
    from vault.ethereum.tokens import Token
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


@dataclass(frozen=True, slots=True)
class AccountLook:
    """Balances of all accounts but signers, chains that could not be read, and what is wrong with nonces."""

    balances: tuple[WalletBalance, ...]
    failures: tuple[SourceFailure, ...]
    findings: tuple[AccountFinding, ...]


def account_balances(desk: Desk) -> AccountLook:
    """One balance for each account and asset, chain by chain."""
    balances: list[WalletBalance] = []
    failures: list[SourceFailure] = []
    findings: list[AccountFinding] = []
    for chain in desk.treasury.config.chain:
        accounts = [each for each in accounts_of(desk.treasury) if each.chain == chain.name]
        if not accounts:
            continue
        desk.progress(f"reading accounts on {chain.name}")
        node = desk.ethereum(chain.name)
        try:
            with node.session():
                known, unknown = _with_assets(chain, accounts)
                held = _held(desk, node, chain, known)
                found = _findings(desk, node, chain)
        except VaultError as error:
            failures += [
                SourceFailure(f"wallet:{each.name}", error.code, error.message[:500]) for each in accounts
            ]
            continue
        balances += held
        failures += unknown
        findings += found
    return AccountLook(tuple(balances), tuple(failures), tuple(findings))


_Assets = tuple["AccountSettings", tuple[tuple[str, "Token | None"], ...]]


def _with_assets(
    chain: ChainSettings, accounts: list[AccountSettings]
) -> tuple[list[_Assets], list[SourceFailure]]:
    """Each account with its assets; one with an asset that its chain has not fails alone."""
    known: list[_Assets] = []
    failures = []
    for account in accounts:
        try:
            known.append((account, assets_of(chain, account)))
        except VaultError as error:
            failures.append(SourceFailure(f"wallet:{account.name}", error.code, error.message[:500]))
    return known, failures


def _held(
    desk: Desk, node: EthereumNode, chain: ChainSettings, accounts: list[_Assets]
) -> list[WalletBalance]:
    from vault.ethereum.balances import Holder, read_holdings
    from vault.ethereum.chains import chain_of

    asked = [
        (account, asset, Holder(account.address, None if token is None else token.address))
        for account, assets in accounts
        for asset, token in assets
    ]
    depth = chain.confirmations or chain_of(chain.id).confirmations
    found: Holdings = read_holdings(node, tuple(holder for _, _, holder in asked), depth)
    at = desk.clock.now()
    return [
        WalletBalance.of_account(
            account.name,
            "gas" if account.role == "gas" else "staging" if account.role == "staging" else "cold",
            Amount(asset_of(asset), holding.confirmed),
            Amount(asset_of(asset), holding.pending),
            found.block.number,
            at,
            network=f"eip155:{chain.id}",
            gas_from=_payer(account),
        )
        for (account, asset, _), holding in zip(asked, found.holdings, strict=True)
    ]


def _payer(account: AccountSettings) -> str:
    if account.safe is not None:
        return account.safe.executor
    return account.name if account.kind == "device" else ""


# -- nonces ----------------------------------------------------------------------------------------------


def _findings(desk: Desk, node: EthereumNode, chain: ChainSettings) -> list[AccountFinding]:
    """Gaps, stuck transactions and foreign nonces of every account of a device on a chain."""
    from vault.ethereum.nonces import nonce_state

    network = f"eip155:{chain.id}"
    signers = [
        each
        for each in accounts_of(desk.treasury, observed=False)
        if each.chain == chain.name and each.kind == "device"
    ]
    block = node.tip()
    found = []
    for account in signers:
        # What the records say is read last: whatever the chain or the pool has of ours stands there by then.
        latest, pending = node.nonce(account.address, block), node.pending_nonce(account.address)
        used = foreign_ranges(desk, node, account, latest, block)
        ours = _open_transactions(desk, network, account.address)
        state = nonce_state(
            latest,
            pending,
            [each for _, _, each in ours],
            tip=block.number,
            base_fee=block.base_fee or 0,
        )
        found += [finding_of(account.name, each) for each in used]
        found += _of_account(account.name, ours, state.gaps, state.foreign, state.stuck)
    return found


def _of_account(
    name: str,
    ours: list[tuple[IntentRow, Transfer, OpenTransaction]],
    gaps: tuple[int, ...],
    foreign: tuple[int, ...],
    stuck: tuple[OpenTransaction, ...],
) -> list[AccountFinding]:
    from vault.ethereum.fees import gwei

    found = []
    for nonce in foreign:
        line = (
            f"{name}: a transaction that is in no plan waits for a block with nonce {nonce}: somebody else "
            "has its key"
        )
        found.append(AccountFinding(name, CODE, line, ""))
    for nonce in gaps:
        line = f"{name}: nothing was sent with nonce {nonce}, and what comes after it waits for it"
        found.append(AccountFinding(name, "ethereum.nonce_gap", line, ""))
    for row, transfer, each in ours:
        if each in stuck and row.state != "signed":  # what we never sent waits for nobody but us
            line = (
                f"{name}: {each.hash} (plan {row.plan_id}, transfer {transfer.number}) waits for a block at "
                f"{gwei(each.max_fee)} gwei a gas: `vault request bump {row.plan_id} {transfer.number}`"
            )
            found.append(AccountFinding(name, "ethereum.stuck", line, each.hash))
    return found


def _beaten_to_it(row: IntentRow) -> bool:
    """True for a step that somebody else's transaction did: our own may still be waiting."""
    by = row.facts.get("executed_by") if row.state == "done" else None
    return by is not None and by != row.facts.get("txid")


def _open_transactions(
    desk: Desk, network: str, address: str
) -> list[tuple[IntentRow, Transfer, OpenTransaction]]:
    """What we sent from an address and is not final, or may have been sent."""
    from vault.ethereum.nonces import OpenTransaction

    with desk.store.read() as connection:
        rows = [
            (row, plan)
            for row in records.intents_of_kind(connection, "spend")
            if (row.state in records.BEGUN_STATES | {"signed"} or _beaten_to_it(row))
            and row.facts.get("network") == network
            and str(row.facts.get("sender")) == address
            and row.facts.get("txid")
            and (plan := records.find_plan(connection, row.plan_id)) is not None
        ]
    found = []
    for row, plan in rows:
        transfer = stored_plan(plan).transfer(row.transfer)
        call = transfer.ethereum
        each = OpenTransaction(call.nonce, str(row.facts["txid"]), call.max_fee, call.block)
        found.append((row, transfer, each))
    return found
