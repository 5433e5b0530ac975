"""Client of the emulated chain's control interface; standard library only.

For scenarios, the demo and tests in another process. Every refusal is an EthereumControlError with the
reason. Calls of tokens are encoded here for addresses, numbers and nothing else.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIMEOUT_SECONDS = 60


class EthereumControlError(Exception):
    """The chain refused an order, or did not answer."""


@dataclass(frozen=True, slots=True)
class EthereumState:
    """`mempool` holds everything that waits, `queued` what waits behind a gap; `asked` the methods called."""

    chain_id: int
    height: int
    tip: str
    base_fee: int
    next_base_fee: int
    faucet: str
    mempool: tuple[str, ...]
    queued: tuple[str, ...]
    asked: tuple[str, ...]


class EthereumControl:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    # --- blocks

    def mine(
        self, blocks: int = 1, *, transactions: Sequence[bytes] = (), include_mempool: bool = True
    ) -> list[str]:
        """Mine blocks; returns their hashes. `transactions` go into the first, past the mempool."""
        order = {"blocks": blocks, "transactions": _hexes(transactions), "include_mempool": include_mempool}
        return _strings(self._post("mine", order), "hashes")

    def reorg(
        self,
        depth: int,
        *,
        extra: int = 1,
        keep_transactions: bool = True,
        transactions: Sequence[bytes] = (),
    ) -> list[str]:
        """Replace the last `depth` blocks by `depth + extra` others; their transactions wait, or not."""
        order = {
            "depth": depth,
            "extra": extra,
            "keep_transactions": keep_transactions,
            "transactions": _hexes(transactions),
        }
        return _strings(self._post("reorg", order), "hashes")

    def automine(self, on: bool) -> None:
        self._post("automine", {"on": on})

    def set_base_fee(self, wei: int) -> None:
        """Base fee of the next block."""
        self._post("base_fee", {"wei": wei})

    def drop(self, txid: str) -> bool:
        """Take a transaction out of the mempool; False when it was not there."""
        return self._post("drop", {"txid": txid})["dropped"] is True

    # --- accounts and contracts

    def fund(self, address: str, wei: int, *, confirmations: int = 1) -> str:
        """Send ETH from the faucet; returns the txid."""
        order = {"address": address, "wei": wei, "confirmations": confirmations}
        return str(self._post("fund", order)["txid"])

    def set_balance(self, address: str, wei: int) -> None:
        self._post("set", {"address": address, "balance": wei})

    def set_nonce(self, address: str, nonce: int) -> None:
        self._post("set", {"address": address, "nonce": nonce})

    def set_code(self, address: str, code: bytes) -> None:
        self._post("set", {"address": address, "code": "0x" + code.hex()})

    def set_storage(self, address: str, slot: int, value: int) -> None:
        self._post("set", {"address": address, "slot": slot, "value": value})

    def deploy(self, name: str, arguments: bytes = b"") -> str:
        """One of the committed contracts, its constructor's arguments ABI-encoded; returns the address."""
        return str(self._post("deploy", {"name": name, "arguments": "0x" + arguments.hex()})["address"])

    def deploy_safe(self, owners: Sequence[str], threshold: int, *, salt_nonce: int = 0) -> str:
        """A Safe 1.4.1 (SafeL2) through the real factory; returns the address."""
        order = {"owners": list(owners), "threshold": threshold, "salt_nonce": salt_nonce}
        return str(self._post("safe", order)["address"])

    # --- tokens

    def mint(self, token: str, to: str, amount: int) -> str:
        """Returns the txid, as all below."""
        return self._token(token, "mint(address,uint256)", to, amount)

    def pause(self, token: str, *, on: bool = True) -> str:
        return self._token(token, "pause()" if on else "unpause()")

    def blacklist(self, token: str, address: str, *, on: bool = True) -> str:
        """In the token's own words for it."""
        return str(self._post("blacklist", {"token": token, "address": address, "on": on})["txid"])

    def set_token_fee(self, token: str, basis_points: int, maximum: int) -> str:
        """USDT's fee: under 20 basis points, at most `maximum` whole tokens, under 50."""
        return self._token(token, "setParams(uint256,uint256)", basis_points, maximum)

    def upgrade_token(self, token: str, implementation: str) -> str:
        """Other code behind USDC's proxy."""
        return self._token(token, "upgradeTo(address)", implementation)

    def _token(self, token: str, call: str, *values: str | int) -> str:
        words = (f"{value if isinstance(value, int) else int(value, 16):064x}" for value in values)
        order = {"token": token, "call": call, "arguments": "0x" + "".join(words)}
        return str(self._post("token", order)["txid"])

    # --- faults and state

    def fault(self, kind: str, **options: object) -> None:
        """Arm a fault (`emulator.chains.ethereum.faults`): method, times, result, seconds …"""
        self._post("fault", {"kind": kind, **options})

    def clear_faults(self) -> None:
        self._post("fault", {"kind": "clear"})

    def state(self) -> EthereumState:
        answer = self._request("/_emulator/state", None)
        return EthereumState(
            chain_id=_integer(answer, "chain_id"),
            height=_integer(answer, "height"),
            tip=str(answer["tip"]),
            base_fee=_integer(answer, "base_fee"),
            next_base_fee=_integer(answer, "next_base_fee"),
            faucet=str(answer["faucet"]),
            mempool=tuple(_strings(answer, "mempool")),
            queued=tuple(_strings(answer, "queued")),
            asked=tuple(_strings(answer, "asked")),
        )

    # --- transport

    def _post(self, name: str, order: Mapping[str, object]) -> dict[str, object]:
        return self._request(f"/_emulator/{name}", json.dumps(order).encode())

    def _request(self, path: str, body: bytes | None) -> dict[str, object]:
        request = urllib.request.Request(self.url + path, data=body)  # noqa: S310  a loopback http address
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise EthereumControlError(f"{path}: {error.code} {error.read().decode()}") from error
        except (OSError, ValueError) as error:
            raise EthereumControlError(f"{self.url}{path}: {error}") from error
        if not isinstance(answer, dict):
            raise EthereumControlError(f"expected a JSON object, found {str(answer)[:80]!r}")
        return answer


def _hexes(transactions: Sequence[bytes]) -> list[str]:
    return ["0x" + raw.hex() for raw in transactions]


def _strings(answer: Mapping[str, object], key: str) -> list[str]:
    value = answer.get(key)
    if not isinstance(value, list):
        raise EthereumControlError(f"{key}: expected a list, found {value!r}")
    return [str(item) for item in value]


def _integer(answer: Mapping[str, object], key: str) -> int:
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise EthereumControlError(f"{key}: expected an integer, found {value!r}")
    return value
