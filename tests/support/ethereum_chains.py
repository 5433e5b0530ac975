"""A chain for tests of Ethereum: the emulated one on py-evm, or anvil, prepared alike and driven alike.

anvil is found through VAULT_ANVIL or in .anvil (`make anvil`); without it its tests are skipped with the
reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from eth_utils import to_checksum_address

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.server import EthereumServer

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("py-evm", "anvil")
SECONDS = 30


class RpcAnswerError(Exception):
    """The node answered with an error."""

    def __init__(self, code: int, message: str, data: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.data = data


class ChainGround(deploy.Ground, Protocol):
    def set_balance(self, address: str, wei: int) -> None: ...


@dataclass(slots=True)
class RunningChain:
    """One chain behind JSON-RPC; `chain` and `server` only where it is ours."""

    kind: str
    url: str
    chain_id: int
    ground: ChainGround
    chain: EthereumChain | None = None
    server: EthereumServer | None = None

    def rpc(self, method: str, *params: object) -> object:
        """Raises RpcAnswerError."""
        return ask(self.url, method, *params)

    @property
    def height(self) -> int:
        return int(str(self.rpc("eth_blockNumber")), 16)

    def mine(self, blocks: int = 1) -> None:
        if self.chain is not None:
            self.chain.mine(blocks)
        else:
            self.rpc("anvil_mine", hex(blocks))

    def automine(self, on: bool) -> None:
        if self.chain is not None:
            self.chain.automine = on
        else:
            self.rpc("evm_setAutomine", on)

    def reorg(self, depth: int, *, extra: int = 0, keep_transactions: bool = True) -> None:
        """Replace the last blocks; anvil always forgets their transactions, so ask it for nothing else."""
        if self.chain is not None:
            self.chain.reorg(depth, extra=extra, keep_transactions=keep_transactions)
            return
        if keep_transactions:
            raise ValueError("anvil does not take dropped transactions back")
        self.rpc("anvil_reorg", depth, [])
        if extra:
            self.mine(extra)

    def set_base_fee(self, wei: int) -> None:
        if self.chain is not None:
            self.chain.set_base_fee(wei)
        else:
            self.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def fund(self, address: str, wei: int = 10**18) -> None:
        """Set a balance: no block is made."""
        self.ground.set_balance(address, wei)

    def set_code(self, address: str, code: bytes) -> None:
        self.ground.set_code(address, code)

    def set_storage(self, address: str, slot: int, value: int) -> None:
        self.ground.set_storage(address, slot, value)

    def mint(self, token: str, to: str, amount: int) -> None:
        with self._mining():
            deploy.mint(self.ground, token, to, amount)

    def token_balance(self, token: str, address: str) -> int:
        return deploy.token_balance(self.ground, token, address)

    def own(self, token: str, signature: str, *values: object) -> None:
        """A call by the owner of the tokens."""
        with self._mining():
            self.ground.send(token, deploy.calldata(signature, *values))

    def deploy(self, name: str, arguments: bytes = b"") -> str:
        with self._mining():
            return deploy.deploy_contract(self.ground, name, arguments)

    def deploy_safe(self, owners: Sequence[str], threshold: int, *, salt_nonce: int = 0) -> str:
        with self._mining():
            return deploy.deploy_safe(self.ground, owners, threshold, salt_nonce=salt_nonce)

    @contextlib.contextmanager
    def _mining(self) -> Iterator[None]:
        """anvil makes blocks for transactions only with automine; ours mines its own past the mempool."""
        if self.chain is not None or self.rpc("anvil_getAutomine"):
            yield
            return
        self.automine(True)
        try:
            yield
        finally:
            self.automine(False)


@contextlib.contextmanager
def start_chain(
    kind: str = "py-evm", *, chain_id: int = 1, prepared: bool = True, simulate_v1: bool = True
) -> Iterator[RunningChain]:
    """`prepared`: with tokens and Safe contracts at their addresses. Skips where there is no anvil."""
    with contextlib.ExitStack() as stack:
        if kind == "anvil":
            url = stack.enter_context(running_anvil(chain_id))
            running = RunningChain(kind, url, chain_id, AnvilGround(url, chain_id))
        else:
            chain = EthereumChain(chain_id=chain_id)
            server = stack.enter_context(EthereumServer(chain, simulate_v1=simulate_v1))
            running = RunningChain(kind, server.url, chain_id, chain, chain, server)
        if prepared:
            deploy.prepare(running.ground)
        yield running


@pytest.fixture(params=KINDS)
def ethereum_chain(request: pytest.FixtureRequest) -> Iterator[RunningChain]:
    """A prepared chain of chain id 1, once as py-evm and once as anvil."""
    with start_chain(request.param) as running:
        yield running


def require_anvil() -> str:
    """Path of an anvil that runs; skips the test where there is none."""
    local = sorted((ROOT / ".anvil" / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))
    binary = os.environ.get("VAULT_ANVIL") or (str(local[0]) if local else None)
    if not binary:
        pytest.skip("no anvil: none named by VAULT_ANVIL or made by `make anvil`")
    return binary


@contextlib.contextmanager
def running_anvil(chain_id: int) -> Iterator[str]:
    command = [require_anvil(), "--port", "0", "--chain-id", str(chain_id), "--host", "127.0.0.1"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = None
        for line in process.stdout:
            if found := re.search(r"Listening on (127\.0\.0\.1:\d+)", line):
                address = found.group(1)
                break
        if address is None:
            raise RuntimeError("anvil ended before it listened")
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)


class AnvilGround:
    """anvil, prepared through its own methods; its first account owns the tokens."""

    def __init__(self, url: str, chain_id: int) -> None:
        self._url = url
        self._chain_id = chain_id
        accounts = ask(url, "eth_accounts")
        assert isinstance(accounts, list)
        self._owner = str(to_checksum_address(accounts[0]))

    @property
    def chain_id(self) -> int:
        return self._chain_id

    @property
    def owner(self) -> str:
        return self._owner

    def set_code(self, address: str, code: bytes) -> None:
        ask(self._url, "anvil_setCode", address, "0x" + code.hex())

    def set_storage(self, address: str, slot: int, value: int) -> None:
        ask(self._url, "anvil_setStorageAt", address, f"0x{slot:064x}", f"0x{value:064x}")

    def set_balance(self, address: str, wei: int) -> None:
        ask(self._url, "anvil_setBalance", address, hex(wei))

    def call(self, to: str, data: bytes) -> bytes:
        answer = ask(self._url, "eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")
        return bytes.fromhex(str(answer)[2:])

    def send(self, to: str | None, data: bytes) -> str:
        call = {"from": self._owner, "data": "0x" + data.hex(), "gas": hex(12_000_000)}
        receipt = ask(self._url, "eth_sendTransactionSync", call if to is None else {**call, "to": to})
        assert isinstance(receipt, dict)
        txid = str(receipt["transactionHash"])
        assert receipt["status"] == "0x1", f"{txid} reverted"
        return txid

    def contract_made_by(self, txid: str) -> str:
        receipt = ask(self._url, "eth_getTransactionReceipt", txid)
        assert isinstance(receipt, dict)
        return str(to_checksum_address(receipt["contractAddress"]))


def ask(url: str, method: str, *params: object) -> object:
    """One JSON-RPC call. Raises RpcAnswerError."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=SECONDS) as response:
        answer = json.loads(response.read())
    if "error" in answer:
        error = answer["error"]
        raise RpcAnswerError(error["code"], error["message"], error.get("data"))
    return answer["result"]
