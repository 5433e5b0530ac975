"""A Safe with three owners whose keys are in software, on an emulated chain in this process, or on paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from coincurve import PrivateKey
from eth_keys import keys

from emulator.chains.ethereum.artefacts import load
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import USDC, deploy_safe, mint, prepare
from emulator.chains.ethereum.errors import RpcRefusal
from tests.support.ethereum_calls import address_of
from vault.errors import EthereumError
from vault.ethereum.contracts.erc20 import TRANSFER
from vault.ethereum.safe.signatures import OwnerSignature, Saw
from vault.ethereum.safe.state import SafeState, planned, read_safe
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.ethereum.view import CallOutcome, CallRequest
from vault.evm.call import SafeCall

ALICE, BOB, CAROL, MALLORY = (PrivateKey(bytes(31) + bytes([number])) for number in (0xA1, 0xB2, 0xC3, 0xD4))
OWNERS = tuple(address_of(key) for key in (ALICE, BOB, CAROL))
STRANGER = address_of(MALLORY)
RECIPIENT = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"
SAFE = "0x5aFE3855358E112B5647B952709E6165e1c1eEEe"
SINGLETON = "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"
HANDLER = "0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99"
TOKENS = 1_500_000_000  # 1,500 USDC
PAYS = TRANSFER.encode(RECIPIENT, TOKENS)
KEY_OF = dict(zip(OWNERS, (ALICE, BOB, CAROL), strict=True))


def safe_call(**changes: Any) -> SafeCall:
    """1,500 USDC to the recipient, 2 of 3."""
    call = SafeCall(
        address=SAFE,
        version="1.4.1",
        implementation=SINGLETON,
        nonce=3,
        to=USDC,
        value=0,
        data=f"0x{PAYS.hex()}",
        owners=OWNERS,
        threshold=2,
    )
    return replace(call, **changes)


def raw_signature(key: PrivateKey, digest: bytes) -> bytes:
    """65 bytes r, s, v with v 27 or 28."""
    compact = key.sign_recoverable(digest, hasher=None)
    return compact[:64] + bytes([27 + compact[64]])


def signed_by(
    call: SafeCall, *signers: PrivateKey, chain_id: int = 1, saw: Saw = "data"
) -> list[OwnerSignature]:
    digest = hashes(safe_tx(chain_id, call)).safe_tx
    return [OwnerSignature(address_of(key), raw_signature(key, digest), saw) for key in signers]


def state(**changes: Any) -> SafeState:
    """The Safe of `safe_call` as it should be."""
    from vault.ethereum.safe.versions import PROXY_CODE_HASHES, require_singleton

    found = SafeState(
        chain_id=1,
        address=SAFE,
        block=20_000_000,
        block_hash="0x" + "b1" * 32,
        version="1.4.1",
        implementation=SINGLETON,
        implementation_code_hash=require_singleton("1.4.1", SINGLETON).code_hash,
        proxy_code_hash=PROXY_CODE_HASHES["1.4.1"],
        owners=OWNERS,
        threshold=2,
        nonce=3,
        modules=(),
        guard="0x" + "0" * 40,
        fallback_handler=HANDLER,
    )
    return replace(found, **changes)


@dataclass
class ChainView:
    """The tip of an emulated chain in this process, as one of its blocks."""

    chain: EthereumChain

    @property
    def chain_id(self) -> int:
        return self.chain.chain_id

    @property
    def number(self) -> int:
        return self.chain.height

    @property
    def block_hash(self) -> str:
        return self.chain.tip_hash

    def code(self, address: str) -> bytes:
        return self.chain.code(address)

    def storage(self, address: str, slot: int) -> bytes:
        return self.chain.storage(address, slot).to_bytes(32, "big")

    def balance(self, address: str) -> int:
        return self.chain.balance(address)

    def call(self, to: str, data: bytes) -> bytes:
        try:
            return self.chain.call(to, data)
        except RpcRefusal as error:
            raise EthereumError("call_reverted", str(error)) from None

    def attempt(self, request: CallRequest) -> CallOutcome:
        raise NotImplementedError

    def simulate(self, requests: tuple[CallRequest, ...]) -> tuple[CallOutcome, ...] | None:
        raise NotImplementedError


@dataclass
class LiveSafe:
    """A Safe through the real factory; `carrier` is who sends its transactions."""

    chain: EthereumChain
    address: str
    carrier: keys.PrivateKey = field(default_factory=lambda: keys.PrivateKey(bytes(31) + b"\xee"))

    @property
    def view(self) -> ChainView:
        return ChainView(self.chain)

    def state(self) -> SafeState:
        return read_safe(self.view, self.address)

    def plan(self, to: str = USDC, value: int = 0, data: bytes = PAYS) -> SafeCall:
        return planned(self.state(), to, value, data)

    def send(self, data: bytes) -> str:
        """The carrier's transaction to the Safe; returns its txid, mined."""
        return self.chain.pay(self.carrier, bytes.fromhex(self.address[2:]), data=data)

    def succeeded(self, txid: str) -> bool:
        found = self.chain.find(txid)
        return found is not None and found[1].succeeded

    def set_singleton(self, address: str) -> None:
        self.chain.set_storage(self.address, 0, int(address, 16))


def safe_chain(chain_id: int = 1) -> EthereumChain:
    """A chain with tokens and Safe's contracts."""
    chain = EthereumChain(chain_id=chain_id)
    prepare(chain)
    return chain


def live_safe(
    chain: EthereumChain, owners: Iterable[str] = OWNERS, threshold: int = 2, salt: int = 0
) -> LiveSafe:
    """A new Safe that holds 10,000 USDC and 5 ether."""
    found = LiveSafe(chain, deploy_safe(chain, list(owners), threshold, salt_nonce=salt))
    mint(chain, USDC, found.address, 10_000_000_000)
    chain.fund(found.address, 5 * 10**18)
    chain.fund(found.carrier.public_key.to_checksum_address(), 10**18)
    return found


def runtime(name: str) -> bytes:
    return load(name).runtime
