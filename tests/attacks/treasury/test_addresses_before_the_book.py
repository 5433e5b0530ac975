"""An address of ours enters the book only when two implementations derive the same one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from vault.address import network_of
from vault.bitcoin import second_opinion
from vault.bitcoin.descriptor import Descriptor, descriptor_checksum
from vault.errors import AddressError
from vault.treasury import documents

# BIP84's master key of "abandon … about" at 84'/1'/0', as every test network writes it.
_BODY = (
    "wpkh([73c5da0a/84h/1h/0h]tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQA"
    "m397zwQSQoQgewGiYZqrA9DsP4zbQ1M/<0;1>/*)"
)


def test_an_address_that_the_second_implementation_derives_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    descriptor = Descriptor.parse(f"{_BODY}#{descriptor_checksum(_BODY)}", network_of("regtest"))
    shown: list[Any] = []

    def device(name: str) -> Any:
        shown.append(name)
        raise AssertionError("the device was asked to show an address that is in doubt")

    desk = SimpleNamespace(
        treasury=SimpleNamespace(wallet=lambda name: SimpleNamespace(role="cold", group=False)),
        descriptor=lambda wallet: descriptor,
        device=device,
    )
    monkeypatch.setattr(second_opinion, "_derive", lambda *arguments: "tb1qsomethingelse")
    with pytest.raises(AddressError) as caught:
        documents.add_own_address(desk, "cold-1", "cold", 0)  # type: ignore[arg-type]
    assert caught.value.code == "address.second_opinion"
    assert not shown
