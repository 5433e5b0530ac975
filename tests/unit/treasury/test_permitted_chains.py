"""Nodes of Ethereum are on this machine or are not asked; entries are on a chain that is configured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.asset_ledger import entry
from vault.config_chains import ChainSettings
from vault.errors import AddressError, GuardError
from vault.treasury.authority import require_known_network, require_permitted_world

HERE = "http://127.0.0.1:8545"


def config(**chain: Any) -> Any:
    made = ChainSettings.model_validate({"name": "mainnet", "id": 1, "rpc": HERE, **chain})
    bitcoin = SimpleNamespace(network="regtest", backends=(), fee_source=())
    return SimpleNamespace(bitcoin=bitcoin, chain=(made,), venue=(), price=(), device=(), emulated=True)


@pytest.mark.parametrize("rpc", ["http://127.0.0.1:1", "http://[::1]:8545/v3", "http://127.9.9.9:8545/{key}"])
def test_a_node_on_this_machine_is_permitted(rpc: str) -> None:
    require_permitted_world(config(rpc=rpc))


@pytest.mark.parametrize(
    "rpc",
    [
        "https://mainnet.example.org/v3/{key}",
        "http://10.0.0.7:8545",
        "http://localhost.example.org:8545",
        "http://localhost:8545",
        "http://0.0.0.0:8545",
    ],
)
def test_every_other_node_is_refused_and_so_is_a_witness(rpc: str) -> None:
    for found, where in (
        (config(rpc=rpc), "chain mainnet.rpc"),
        (config(witness={"rpc": rpc}), "witness.rpc"),
    ):
        with pytest.raises(GuardError) as caught:
            require_permitted_world(found)
        assert caught.value.code == "guard.not_loopback"
        assert where in caught.value.message


def test_an_entry_is_on_a_chain_of_this_treasury() -> None:
    require_known_network(config(), entry("safe-usdc", "USDC"))
    for network in ("eip155:42161", "eip155:11155111"):
        with pytest.raises(AddressError) as caught:
            require_known_network(config(), entry("safe-usdc", "USDC", network=network))
        assert caught.value.code == "address.wrong_network"
