"""The committed contracts are those of their sources and settings, and belong at their true addresses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.artefacts import FOLDER, load, names
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.hexes import hashed

CODE_HASHES = {  # of the contracts on mainnet, as Safe's deployment records publish them
    "Safe": "0x1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4",
    "SafeL2": "0xb1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff",
}


@pytest.mark.parametrize("name", names())
def test_every_artefact_names_the_sources_it_was_made_of(name: str) -> None:
    artefact = load(name)
    assert artefact.file in artefact.sources
    assert artefact.compiler.startswith(("0.7.6+", "0.8.30+"))
    for file, digest in artefact.sources.items():
        source = (FOLDER / file).read_bytes()
        assert hashlib.sha256(source).hexdigest() == digest, f"{file} changed: run `make contracts`"
        assert source.splitlines()[0] == f"// SPDX-License-Identifier: {artefact.license}".encode()
    assert artefact.runtime and artefact.runtime in artefact.bytecode


def test_every_source_belongs_to_an_artefact() -> None:
    held = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.sol")}
    assert held == {file for name in names() for file in load(name).sources}


@pytest.mark.parametrize("name", deploy.SAFE_CONTRACTS)
def test_safe_contracts_have_the_bytecode_their_addresses_commit_to(name: str) -> None:
    artefact = load(name)
    assert artefact.license == "LGPL-3.0-only"
    found = deploy.create2_address(deploy.CREATE2_DEPLOYER, bytes(32), artefact.bytecode)
    assert found == deploy.SAFE_CONTRACTS[name]
    assert CODE_HASHES.get(name) in (None, "0x" + hashed(artefact.runtime).hex())


def test_safes_licence_text_travels_with_its_sources() -> None:
    text = (FOLDER / "src" / "safe-1.4.1" / "LICENSE").read_text(encoding="utf-8")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text


def test_the_runtime_is_what_stands_on_chain() -> None:
    chain = EthereumChain()
    deploy.place_safe_contracts(chain)
    for name, address in deploy.SAFE_CONTRACTS.items():
        code, expected = chain.code(address), load(name).runtime
        if name == "MultiSend":  # keeps its own address as an immutable
            expected = expected.replace(bytes(32), bytes(12) + bytes.fromhex(address[2:]))
        assert code == expected, name


def test_usdcs_proxy_uses_the_slots_of_zeppelinos() -> None:
    chain = EthereumChain()
    deploy.place_tokens(chain)
    slot = int.from_bytes(hashed(b"org.zeppelinos.proxy.implementation"), "big")
    assert hex(slot) == "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3"
    assert chain.storage(deploy.USDC, slot) == int(deploy.USDC_IMPLEMENTATION, 16)


def test_lock_files_pin_hashes_and_name_no_host(repo_root: Path) -> None:
    for folder in ("contracts", "anvil"):
        lock = json.loads((repo_root / "scripts" / folder / "package-lock.json").read_text(encoding="utf-8"))
        for path, package in lock["packages"].items():
            assert "resolved" not in package
            assert not path or package["integrity"].startswith("sha512-")
