"""A key with ETH on the emulated chain, and signed transactions of any shape from it."""

from __future__ import annotations

from eth_keys.datatypes import PrivateKey

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.transaction import sign

GWEI = 10**9
ETHER = 10**18
SOMEBODY = "0x" + "5a" * 20


class EthereumPurse:
    """Nonces are given: tests are about them."""

    def __init__(self, chain: EthereumChain, number: int = 7, wei: int = 10 * ETHER) -> None:
        self.chain = chain
        self.key = PrivateKey(bytes([number]) * 32)
        self.address = str(self.key.public_key.to_checksum_address())
        chain.set_balance(self.address, wei)

    def transfer(
        self,
        nonce: int,
        *,
        value: int = 1,
        max_fee: int = 20 * GWEI,
        max_tip: int = GWEI,
        to: str = SOMEBODY,
        gas: int = 21_000,
        data: bytes = b"",
        chain_id: int | None = None,
    ) -> bytes:
        return sign(
            self.key,
            chain_id=self.chain.chain_id if chain_id is None else chain_id,
            nonce=nonce,
            to=bytes.fromhex(to[2:]),
            value=value,
            data=data,
            gas=gas,
            max_fee=max_fee,
            max_tip=max_tip,
        )
