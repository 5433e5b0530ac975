"""A second, independent implementation of derivation and addresses: bitcoinlib, and only here.

Witness version 0 only: its taproot addresses are wrong and are never asked for. Its wallets, services
and PSBTs are never used; it is kept from writing anywhere but a temporary directory.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from vault.address import NETWORKS, address_of
from vault.bip32 import ExtendedKey
from vault.bitcoin.descriptor import Descriptor
from vault.errors import AddressError

# Importing bitcoinlib writes its settings somewhere: there, and gone with the process.
_CONFIG: Final = "[logs]\nenable_bitcoinlib_logging=False\n[common]\nservice_caching_enabled=False\n"
_PROVIDERS: Final = "{}\n"
_directory: list[tempfile.TemporaryDirectory[str]] = []


def has_second_opinion(descriptor: Descriptor) -> bool:
    """Whether a second implementation can check this wallet's addresses."""
    return descriptor.kind == "p2wpkh"


def check_address(descriptor: Descriptor, change: bool, index: int) -> str:
    """Derive the address a second time, with bitcoinlib; returns it when both agree.

    Raises `AddressError`: ``address.second_opinion`` when they differ, ``address.no_second_opinion``
    for a kind of wallet that bitcoinlib gets wrong.
    """
    if not has_second_opinion(descriptor):
        raise AddressError(
            "no_second_opinion",
            f"expected a p2wpkh wallet, found {descriptor.kind}: no second implementation is trusted with it",
            hint="Compare the address on the device's screen instead.",
        )
    ours = descriptor.address(change, index)
    # bitcoinlib has no regtest keys; all test networks share them, only the address prefix differs.
    network = NETWORKS["mainnet" if descriptor.network.name == "mainnet" else "testnet4"]
    same_script = address_of(descriptor.script_pubkey(change, index), network)
    theirs = _derive(descriptor.account, network.name, change, index)
    if theirs != same_script:
        raise AddressError(
            "second_opinion",
            f"{'change' if change else 'receive'} index {index}: expected {same_script}, "
            f"bitcoinlib derives {theirs}",
            hint="One of the two is broken or was tampered with. Do not use this address.",
        )
    return ours


def _derive(account: ExtendedKey, network: str, change: bool, index: int) -> str:
    keys = _bitcoinlib()
    name = "bitcoin" if network == "mainnet" else "testnet"
    key = keys.HDKey(account.text(NETWORKS[network]), network=name, witness_type="segwit")
    child = key.child_public(int(change)).child_public(index)
    return str(child.address(script_type="p2wpkh", encoding="bech32"))


def _bitcoinlib() -> Any:
    """bitcoinlib's key module, with its data directory set before the first import."""
    if "bitcoinlib" not in sys.modules:
        directory = tempfile.TemporaryDirectory(prefix="vault-bitcoinlib-")
        _directory.append(directory)
        Path(directory.name, "config.ini").write_text(_CONFIG, encoding="utf-8")
        Path(directory.name, "providers.json").write_text(_PROVIDERS, encoding="utf-8")
        os.environ["BCL_DATA_DIR"] = directory.name
    from bitcoinlib import keys

    return keys
