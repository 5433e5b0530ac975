"""`vault doctor` on Ethereum: what nodes say and can do, two as witnesses, accounts by form and by chain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.faults import Fault, FaultKind
from emulator.chains.ethereum.server import EthereumServer
from tests.support.ethereum_chains import RunningChain, start_chain
from tests.support.ethereum_treasury import (
    AGREEING,
    MNEMONIC,
    AccountSpec,
    EthereumCase,
    device_account,
    opened_devices,
    opened_treasury,
)
from vault.config import Treasury
from vault.config_chains import AccountSettings, ChainSettings, NodeSettings
from vault.treasury.desk import Desk
from vault.treasury.doctor import treasury_findings
from vault.treasury.ethereum.examine import ethereum_findings
from vault.treasury.findings import Finding

STRANGER = "0x1111111111111111111111111111111111111111"


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with start_chain() as found:
        yield found


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, chain: RunningChain) -> Iterator[EthereumCase]:
    """Two owners on one device, their Safe, who pays for it, and an account that is only watched."""
    with opened_devices({"one": ("trezor-core", MNEMONIC)}) as devices:
        owners = [device_account(f"owner-{at}", "signer", "one", MNEMONIC, at) for at in range(2)]
        gas = device_account("gas", "gas", "one", MNEMONIC, 2)
        address = chain.deploy_safe([each.address for each in owners], 2)
        terms = 'owners = ["owner-0", "owner-1"], threshold = 2, executor = "gas"'
        accounts = (
            *owners,
            gas,
            AccountSpec("cold-safe", "cold", address, f"safe = {{ {terms} }}\n"),
            AccountSpec("watched", "cold", STRANGER),
        )
        folder = tmp_path_factory.mktemp("doctor")
        with opened_treasury(folder, chain, devices, accounts, ()) as found:
            yield found


@contextmanager
def desk_of(case: EthereumCase, **changes: Any) -> Iterator[Desk]:
    """The same treasury, configured otherwise."""
    with Desk(changed(case.desk.treasury, **changes), clock=case.clock) as desk:
        yield desk


def changed(treasury: Treasury, **changes: Any) -> Treasury:
    return replace(treasury, config=treasury.config.model_copy(update=changes))


def chain_at(url: str, witness: str = "", chain_id: int = 1) -> tuple[ChainSettings, ...]:
    beside = NodeSettings(rpc=witness, timeout_seconds=2) if witness else None
    return (ChainSettings(name="mainnet", id=chain_id, rpc=url, timeout_seconds=2, witness=beside),)


def told(desk: Desk) -> dict[str, Finding]:
    return {each.what: each for each in ethereum_findings(desk)}


def test_a_node_says_its_chain_its_tip_and_what_it_can_simulate(
    case: EthereumCase, chain: RunningChain
) -> None:
    found = told(case.desk)["chain mainnet"]
    assert found.verdict == "OK"
    for part in (chain.url, "chain 1 (Ethereum)", f"block {chain.height}", "with eth_simulateV1"):
        assert part in found.detail


def test_every_account_is_named_and_no_device_is_asked(case: EthereumCase) -> None:
    asked = len(case.hands["one"].screens)
    found = {name: each for name, each in told(case.desk).items() if name.startswith("account ")}
    assert {each.verdict for each in found.values()} == {"OK"}
    assert set(found) == {f"account {each.name}" for each in case.desk.treasury.config.account}
    assert "m/44'/60'/0'/0/1 of one" in found["account owner-1"].detail
    assert "2 of 2 owners sign, sent by gas" in found["account cold-safe"].detail
    assert "only watched" in found["account watched"].detail
    assert len(case.hands["one"].screens) == asked


def test_a_node_that_cannot_simulate_is_to_be_looked_at(case: EthereumCase, chain: RunningChain) -> None:
    assert chain.chain is not None
    with EthereumServer(chain.chain, simulate_v1=False) as node, desk_of(case, chain=chain_at(node.url)) as d:
        found = told(d)["chain mainnet"]
    assert (found.verdict, found.code) == ("WARN", "ethereum.no_simulation")
    assert "without eth_simulateV1" in found.detail


def test_a_node_that_stands_still_is_to_be_looked_at(case: EthereumCase) -> None:
    case.clock.advance(3600)
    try:
        found = told(case.desk)["chain mainnet"]
    finally:
        case.clock.advance(-3600)
    assert (found.verdict, found.code) == ("WARN", "ethereum.stands_still")
    assert "minutes old" in found.hint


def test_a_node_of_another_chain_fails_and_its_safes_are_not_asked(case: EthereumCase) -> None:
    with EthereumServer(EthereumChain(chain_id=10)) as node, desk_of(case, chain=chain_at(node.url)) as desk:
        found = told(desk)
    assert (found["chain mainnet"].verdict, found["chain mainnet"].code) == (
        "FAIL",
        "ethereum.wrong_chain_id",
    )
    assert (found["account cold-safe"].verdict, found["account cold-safe"].detail) == (
        "SKIP",
        "not asked: ethereum.wrong_chain_id",
    )
    assert found["account gas"].verdict == "OK"


def test_a_chain_that_no_table_knows_fails(case: EthereumCase) -> None:
    with (
        EthereumServer(EthereumChain(chain_id=5)) as node,
        desk_of(case, chain=chain_at(node.url, chain_id=5)) as desk,
    ):
        assert told(desk)["chain mainnet"].code == "ethereum.unknown_chain"


def test_two_nodes_that_say_the_same_are_said_to(case: EthereumCase, chain: RunningChain) -> None:
    assert chain.chain is not None
    with EthereumServer(chain.chain) as node, desk_of(case, chain=chain_at(chain.url, node.url)) as desk:
        found = told(desk)
    assert {each.verdict for each in found.values()} == {"OK"}
    assert f"both have block {chain.height}" in found["chain mainnet witnesses"].detail


def test_two_nodes_on_different_chains_of_one_id_disagree(case: EthereumCase, chain: RunningChain) -> None:
    other = EthereumChain()
    other.mine(chain.height + 1)
    with EthereumServer(other) as node, desk_of(case, chain=chain_at(chain.url, node.url)) as desk:
        found = told(desk)
    assert [found[each].verdict for each in ("chain mainnet", "chain mainnet witness")] == ["OK", "OK"]
    assert found["chain mainnet witnesses"].code == "ethereum.nodes_disagree"
    assert found["account cold-safe"].verdict == "SKIP"


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.GARBAGE])
def test_a_silent_witness_fails_alone_and_nothing_is_compared(
    case: EthereumCase, chain: RunningChain, kind: FaultKind
) -> None:
    assert chain.chain is not None
    with EthereumServer(chain.chain) as node, desk_of(case, chain=chain_at(chain.url, node.url)) as desk:
        node.faults.add(Fault(kind, times=None))
        found = told(desk)
    assert found["chain mainnet"].verdict == "OK"
    assert found["chain mainnet witness"].verdict == "FAIL"
    assert found["chain mainnet witnesses"].verdict == "SKIP"


def test_a_safe_with_another_threshold_than_configured_fails(case: EthereumCase) -> None:
    accounts = tuple(
        each.model_copy(update={"safe": each.safe.model_copy(update={"threshold": 1})}) if each.safe else each
        for each in case.desk.treasury.config.account
    )
    with desk_of(case, account=accounts) as desk:
        found = told(desk)["account cold-safe"]
    assert (found.verdict, found.code, found.exit_status) == ("FAIL", "safe.threshold_changed", 36)


def test_two_addresses_at_one_path_of_a_device_fail(case: EthereumCase) -> None:
    taken = AccountSettings(
        name="twin", role="cold", chain="mainnet", address=STRANGER, device="one", path="m/44h/60h/0h/0/2"
    )
    with desk_of(case, account=(*case.desk.treasury.config.account, taken)) as desk:
        found = told(desk)
    assert found["account twin"].code == found["account gas"].code == "config.path_taken"
    assert found["account owner-0"].verdict == "OK"


def test_a_path_that_devices_refuse_fails_before_one_is_asked(case: EthereumCase) -> None:
    accounts = tuple(
        each.model_copy(update={"path": "m/44'/60'/0'/0/9999999"}) if each.name == "gas" else each
        for each in case.desk.treasury.config.account
    )
    with desk_of(case, account=accounts) as desk:
        assert told(desk)["account gas"].code == "device.forbidden_path"


def whole(treasury: Treasury) -> dict[str, Finding]:
    found = treasury_findings(treasury, lambda _line: None, lambda _prompt: None, AGREEING)
    return {each.what: each for each in found}


def test_the_whole_doctor_asks_nodes_too_and_knows_accounts_that_the_policy_names(
    case: EthereumCase,
) -> None:
    found = whole(case.desk.treasury)
    assert found["chain mainnet"].verdict == found["account cold-safe"].verdict == "OK"
    assert found["names in the policy"].verdict == "OK"
    without = whole(changed(case.desk.treasury, chain=(), account=()))
    assert "gas:1 needs [[chain]] of id 1" in without["names in the policy"].detail
    assert not [name for name in without if name.startswith(("chain ", "account "))]


def test_a_world_that_is_not_permitted_is_asked_nothing(case: EthereumCase) -> None:
    found = whole(changed(case.desk.treasury, chain=chain_at("https://node.example/v1")))
    assert found["permitted world"].verdict == "FAIL"
    assert {found[each].verdict for each in ("chain mainnet", "account cold-safe")} == {"SKIP"}


def test_without_a_chain_nothing_of_ethereum_is_imported(case: EthereumCase, repo_root: Path) -> None:
    code = (
        "import dataclasses, sys\n"
        "from pathlib import Path\n"
        "from vault.config import load_treasury\n"
        "from vault.treasury.doctor import treasury_findings\n"
        "from vault.device.connection.keyboard import Keyboard\n"
        "treasury = load_treasury(Path(sys.argv[1]))\n"
        "config = treasury.config.model_copy(update={'chain': (), 'account': (), 'device': ()})\n"
        "treasury = dataclasses.replace(treasury, config=config)\n"
        "list(treasury_findings(treasury, lambda _: None, lambda _: None, Keyboard()))\n"
        "print([each for each in sys.modules if each.split('.')[0] in ('web3', 'eth_account')\n"
        "       or each.startswith(('vault.ethereum', 'vault.treasury.ethereum'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(case.desk.treasury.path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=repo_root,
        env={**os.environ, "PYTHONPATH": str(repo_root)},
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
