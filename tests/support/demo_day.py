"""A day of the demo after it was played, with its world still running: what the world itself says of it."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_keys import keys
from eth_utils import keccak

from emulator.chains.ethereum.deploy import USDC as USDC_TOKEN
from emulator.world_client import WorldProcess
from vault.cli.demo.scenes import Outcome, Payment, Scene
from vault.money import BTC, USDC, Amount, Asset
from vault.treasury.desk import Desk

# As far as any wallet of the day derives addresses.
ADDRESSES = 30
_SAFE_TX = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
_EXECUTE = [*_SAFE_TX.split(","), "bytes"]
_HASH = [*_SAFE_TX.split(","), "uint256"]
SIGNATURE_BYTES = 65


@dataclass(frozen=True)
class Execution:
    """What an execTransaction says, and who signed it, as the Safe's own contract hashes it."""

    to: str
    value: int
    data: bytes
    operation: int
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """The day after it was played, with the world still running."""

    persona: str
    scenes: tuple[Scene, ...]
    outcome: Outcome
    desk: Desk
    world: WorldProcess
    folder: Path

    def on_chain(self, wallet: str) -> Amount:
        """What the chain itself says all addresses of a wallet hold."""
        descriptor = self.desk.descriptor(wallet)
        held = [
            self.world.chain.balance(descriptor.address(change, index))
            for change in (False, True)
            for index in range(ADDRESSES)
        ]
        return Amount(BTC, sum(held))

    def at_venue(self, name: str, asset: Asset = BTC) -> Amount:
        wallets = self.world.venue.state(name)["wallets"]
        held = sum((Decimal(wallet.get(asset.symbol, "0")) for wallet in wallets.values()), Decimal(0))
        return Amount.from_decimal(held, asset)

    def confirmed(self, device: str) -> list[str]:
        """Every line that a person has said yes to on a device."""
        screens = self.world.device(device).control.screens()
        return [line for screen in screens if screen.answer == "confirmed" for line in screen.lines]

    def paid(self, network: str) -> list[Payment]:
        """The payments on one kind of chain: "bitcoin" or "eip155"."""
        return [each for each in self.outcome.payments if each.network.split(":")[0] == network]

    # Ethereum, asked without any code of the treasury's

    def rpc(self, method: str, *params: object) -> Any:
        assert self.world.report.ethereum is not None
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        url, headers = self.world.report.ethereum.url, {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310  loopback http
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())["result"]

    def account(self, name: str) -> str:
        return self.desk.treasury.account(name).address

    def usdc(self, name: str) -> Amount:
        held = self._call(USDC_TOKEN, "balanceOf(address)", ["address"], self.account(name))
        return Amount(USDC, int.from_bytes(held, "big"))

    def _call(self, to: str, signature: str, types: list[str], *values: object) -> bytes:
        data = keccak(text=signature)[:4] + encode(types, values)
        return bytes.fromhex(self.rpc("eth_call", {"to": to, "data": f"0x{data.hex()}"}, "latest")[2:])

    def safe_nonce(self) -> int:
        return int.from_bytes(self._call(self.account("safe"), "nonce()", []), "big")

    def execution(self, txid: str, nonce: int = 0) -> Execution:
        """The Safe's call in a transaction, with the owners recovered from all its signatures."""
        found = self.rpc("eth_getTransactionByHash", txid)
        data = bytes.fromhex(found["input"][2:])
        assert found["to"].lower() == self.account("safe").lower()
        assert data[:4] == keccak(text=f"execTransaction({_SAFE_TX},bytes)")[:4]
        *said, signatures = decode(_EXECUTE, data[4:])
        signed = self._call(
            self.account("safe"), f"getTransactionHash({_SAFE_TX},uint256)", _HASH, *said, nonce
        )
        owners = []
        for at in range(0, len(signatures), SIGNATURE_BYTES):
            one = signatures[at : at + SIGNATURE_BYTES]
            signature = keys.Signature(one[:64] + bytes([one[64] - 27]))
            owners.append(signature.recover_public_key_from_msg_hash(signed).to_checksum_address())
        return Execution(said[0], said[1], said[2], said[3], tuple(owners))
