"""What `vault doctor` asks of Ethereum: each node by itself, two as witnesses of each other, each account.

Changes nothing and shows nothing on a device. Refuses to look at a Safe whose chain's nodes do not answer:
that is skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from vault.errors import ConfigError, VaultError
from vault.treasury.findings import Finding, ask, failure, skipped

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.config_chains import AccountSettings, ChainSettings, SafeSettings
    from vault.ethereum.node.base import EthereumNode
    from vault.treasury.desk import Desk

# The slowest known chain has a block in twelve seconds: a node without one for so long stands still.
STANDS_STILL: Final = timedelta(minutes=10)


def parts(treasury: Treasury) -> tuple[str, ...]:
    """What would be asked, by name."""
    config = treasury.config
    tables = [table for chain in config.chain for table, _ in chain.nodes]
    return (*tables, *(f"account {each.name}" for each in config.account))


def ethereum_findings(desk: Desk) -> Iterator[Finding]:
    """A finding for each node, each pair of them and each account, chain by chain."""
    for chain in desk.treasury.config.chain:
        desk.progress(f"asking the nodes of {chain.name}")
        wrong: Finding | None = None
        for finding in _nodes(desk, chain):
            wrong = wrong or (finding if finding.verdict == "FAIL" else None)
            yield finding
        for account in desk.treasury.config.account:
            if account.chain == chain.name:
                yield _account(desk, chain, account, wrong)


# -- nodes -----------------------------------------------------------------------------------------------


def _nodes(desk: Desk, chain: ChainSettings) -> Iterator[Finding]:
    """Every node of a chain, and then what two of them say together."""
    from vault.ethereum.node.open import open_each

    silent: Finding | None = None
    for table, node in open_each(desk.treasury, chain):
        try:
            with node.session():
                finding = _node(table, node, desk.clock.now())
        except VaultError as error:
            finding = silent = failure(table, error)
        yield finding
    if chain.witness is not None:
        what = f"chain {chain.name} witnesses"
        yield skipped(what, silent) if silent else ask(what, partial(_agreed, desk, chain))


def _node(what: str, node: EthereumNode, now: datetime) -> Finding:
    """Chain id, tip and what the node can simulate. Raises `EthereumError`, `SecretError`."""
    from vault.ethereum.chains import chain_of
    from vault.ethereum.view import CallRequest
    from vault.evm.address import ZERO_ADDRESS

    node.check_chain()
    title, tip = chain_of(node.chain_id).title, node.tip()
    simulates = node.simulate((CallRequest(ZERO_ADDRESS),), tip) is not None
    can = "with eth_simulateV1" if simulates else "without eth_simulateV1"
    text = f"{node.describe()}, chain {node.chain_id} ({title}), block {tip.number}, {can}"
    age = now - datetime.fromtimestamp(tip.timestamp, UTC)
    if age > STANDS_STILL:
        hint = f"Its newest block is {age // timedelta(minutes=1)} minutes old: is the node still following?"
        return Finding(what, "WARN", text, "ethereum.stands_still", hint)
    if not simulates:
        hint = "That nothing moves beside a payment cannot be simulated there; every plan says so."
        return Finding(what, "WARN", text, "ethereum.no_simulation", hint)
    return Finding(what, "OK", text)


def _agreed(desk: Desk, chain: ChainSettings) -> str:
    """Raises `EthereumError` (``ethereum.nodes_disagree``)."""
    tip = desk.ethereum(chain.name).tip()
    return f"both have block {tip.number} {tip.hash}"


# -- accounts --------------------------------------------------------------------------------------------


def _account(desk: Desk, chain: ChainSettings, account: AccountSettings, wrong: Finding | None) -> Finding:
    """An account's assets by our registry, its key by its form, a Safe by its chain.

    No device is asked: `vault account verify` does.
    """
    from vault.treasury.ethereum.accounts import assets_of

    what = f"account {account.name}"
    try:
        assets_of(chain, account)
    except VaultError as error:
        return failure(what, error)
    if account.safe is not None:
        return skipped(what, wrong) if wrong else ask(what, partial(_safe, desk, account.name, account.safe))
    if account.device is None:
        return Finding(what, "OK", f"{account.role}, {account.address} is only watched: nothing leaves it")
    return ask(what, partial(_key, desk.treasury, account))


def _key(treasury: Treasury, account: AccountSettings) -> str:
    """The path is one that devices sign with, and no other address is said to be at it.

    Raises `DeviceError` (``device.forbidden_path``), `ConfigError` (``config.path_taken``).
    """
    from vault.device.ethereum.checks import check_account
    from vault.treasury.ethereum.accounts import device_key

    key = device_key(account)
    check_account(key)
    for other in treasury.config.account:
        if other.device != account.device or other.address == account.address:
            continue
        if device_key(other).path == key.path:
            raise ConfigError(
                "path_taken",
                f"expected one address at {account.path} of {account.device}, found {account.address} and "
                f"{other.address} (account {other.name})",
                hint=f"Run `vault account verify {account.name}`: the device says whose it is.",
            )
    return f"{account.role}, {account.address} at {account.path} of {account.device}"


def _safe(desk: Desk, name: str, safe: SafeSettings) -> str:
    """Raises `SafeError` for the first thing in which the Safe is not as configured."""
    from vault.treasury.ethereum.safes import safe_report

    report = safe_report(desk, name)
    if report.differences:
        raise report.differences[0]
    state = report.state
    signers = f"{state.threshold} of {len(state.owners)} owners sign"
    return f"Safe {state.version} {state.address}, nonce {state.nonce}, {signers}, sent by {safe.executor}"
