"""A chain behind Esplora on a free loopback port, and bdk wallets that talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import bdkpython as bdk
import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.control import ChainControl
from emulator.chains.esplora import EsploraServer

MNEMONIC = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
KINDS = {"wpkh": bdk.Descriptor.new_bip84, "tr": bdk.Descriptor.new_bip86}


@dataclass
class BdkWallet:
    """A bdk wallet with keys, and its client: nothing of it is patched."""

    wallet: bdk.Wallet
    client: bdk.EsploraClient

    def address(self) -> str:
        return str(self.wallet.reveal_next_address(bdk.KeychainKind.EXTERNAL).address)

    def scan(self) -> int:
        """Full scan; returns the balance in satoshi."""
        request = self.wallet.start_full_scan().build()
        self.wallet.apply_update(self.client.full_scan(request, 5, 1))
        return self.balance()

    def sync(self) -> int:
        request = self.wallet.start_sync_with_revealed_spks().build()
        self.wallet.apply_update(self.client.sync(request, 1))
        return self.balance()

    def balance(self) -> int:
        return int(self.wallet.balance().total.to_sat())

    def build(self, address: str, amount: int, rate: int = 3) -> bdk.Transaction:
        """A signed payment."""
        script = bdk.Address(address, bdk.Network.REGTEST).script_pubkey()
        builder = bdk.TxBuilder().add_recipient(script, bdk.Amount.from_sat(amount))
        return self.sign(builder.fee_rate(bdk.FeeRate.from_sat_per_vb(rate)).finish(self.wallet))

    def sign(self, psbt: bdk.Psbt) -> bdk.Transaction:
        assert self.wallet.sign(psbt)
        return psbt.extract_tx()


@pytest.fixture
def chain() -> Iterator[BitcoinChain]:
    with BitcoinChain(start_blocks=110) as made:
        yield made


@pytest.fixture
def esplora(chain: BitcoinChain) -> Iterator[EsploraServer]:
    with EsploraServer(chain) as server:
        yield server


@pytest.fixture
def control(esplora: EsploraServer) -> ChainControl:
    return ChainControl(esplora.url)


@pytest.fixture
def make_wallet(esplora: EsploraServer) -> Callable[[str], BdkWallet]:
    def make(kind: str) -> BdkWallet:
        secret = bdk.DescriptorSecretKey(bdk.NetworkKind.TEST, bdk.Mnemonic.from_string(MNEMONIC), None)
        descriptors = [
            KINDS[kind](secret, keychain, bdk.NetworkKind.TEST)
            for keychain in (bdk.KeychainKind.EXTERNAL, bdk.KeychainKind.INTERNAL)
        ]
        wallet = bdk.Wallet(*descriptors, bdk.Network.REGTEST, bdk.Persister.new_in_memory())
        return BdkWallet(wallet, bdk.EsploraClient(esplora.url))

    return make
