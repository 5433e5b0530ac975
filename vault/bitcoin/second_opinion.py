"""A second, independent implementation of derivation and addresses: bitcoinlib, and only here.

Wallets of one key without taproot: its taproot addresses are wrong and are never asked for, nor are
groups. Its wallets, services and PSBTs are never used; it writes to a temporary directory only.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from vault.address import NETWORKS, Network, address_of
from vault.bitcoin.descriptor import Descriptor
from vault.errors import AddressError

# Importing bitcoinlib writes its settings somewhere: there, and gone with the process.
_CONFIG: Final = "[logs]\nenable_bitcoinlib_logging=False\n[common]\nservice_caching_enabled=False\n"
_PROVIDERS: Final = "{}\n"
# Kind of wallet: bitcoinlib's words for the key, for the script and for the address.
_WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "p2pkh": ("legacy", "p2pkh", "base58"),
    "p2sh-p2wpkh": ("p2sh-segwit", "p2sh_p2wpkh", "base58"),
    "p2wpkh": ("segwit", "p2wpkh", "bech32"),
}
_directory: list[tempfile.TemporaryDirectory[str]] = []


def has_second_opinion(descriptor: Descriptor) -> bool:
    """Whether a second implementation can check this wallet's addresses."""
    return descriptor.kind in _WORDS


def check_address(descriptor: Descriptor, change: bool, index: int) -> str:
    """Derive the address a second time, with bitcoinlib; returns it when both agree.

    Raises `AddressError`: ``address.second_opinion`` when they differ, ``address.no_second_opinion``
    for a kind of wallet that bitcoinlib gets wrong.
    """
    if not has_second_opinion(descriptor):
        raise AddressError(
            "no_second_opinion",
            f"expected a wallet of {', '.join(_WORDS)}, found {descriptor.kind}: no second implementation is "
            "trusted with it",
            hint="Compare the address on the device's screen instead.",
        )
    ours = descriptor.address(change, index)
    # bitcoinlib has no regtest keys; all test networks share them, only the address prefix differs.
    network = NETWORKS["mainnet" if descriptor.network.name == "mainnet" else "testnet4"]
    same_script = address_of(descriptor.script_pubkey(change, index), network)
    theirs = _derive(descriptor, network, change, index)
    if theirs != same_script:
        raise AddressError(
            "second_opinion",
            f"{'change' if change else 'receive'} index {index}: expected {same_script}, "
            f"bitcoinlib derives {theirs}",
            hint="One of the two is broken or was tampered with. Do not use this address.",
        )
    return ours


def _derive(descriptor: Descriptor, network: Network, change: bool, index: int) -> str:
    keys = _bitcoinlib()
    name = "bitcoin" if network.name == "mainnet" else "testnet"
    witness_type, script_type, encoding = _WORDS[descriptor.kind]
    key = keys.HDKey(descriptor.account.text(network), network=name, witness_type=witness_type)
    child = key.child_public(int(change)).child_public(index)
    return str(child.address(script_type=script_type, encoding=encoding))


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
