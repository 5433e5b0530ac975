"""Client of the emulated chain's control interface and of its public API; standard library only.

For scenarios, the demo and tests in another process. Every refusal is a ChainControlError with the reason.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

TIMEOUT_SECONDS = 30


class ChainControlError(Exception):
    """The chain refused an order, or did not answer."""


@dataclass(frozen=True, slots=True)
class ChainState:
    height: int
    tip: str
    mempool: tuple[str, ...]


class ChainControl:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    # --- orders

    def mine(
        self,
        blocks: int = 1,
        address: str | None = None,
        *,
        parent: str | None = None,
        transactions: Sequence[bytes] = (),
        include_mempool: bool = True,
        min_fee_rate: Decimal = Decimal(0),
    ) -> list[str]:
        """Mine blocks; returns their hashes."""
        answer = self._post(
            "mine",
            {
                "blocks": blocks,
                "address": address,
                "parent": parent,
                "transactions": [raw.hex() for raw in transactions],
                "include_mempool": include_mempool,
                "min_fee_rate": str(min_fee_rate),
            },
        )
        return _strings(answer, "hashes")

    def fund(self, address: str, amount_sat: int, *, confirmations: int = 1) -> str:
        """Pay an address from the faucet; returns the txid."""
        order = {"address": address, "amount_sat": amount_sat, "confirmations": confirmations}
        return str(self._post("fund", order)["txid"])

    def set_fees(self, estimates: Mapping[int, Decimal]) -> None:
        """Fee estimates in sat/vB by target in blocks."""
        self._post("fees", {"estimates": {str(target): str(rate) for target, rate in estimates.items()}})

    def reorg(self, depth: int, *, extra: int = 1, transactions: Sequence[bytes] = ()) -> list[str]:
        """Replace the last `depth` blocks; returns the new hashes."""
        order = {"depth": depth, "extra": extra, "transactions": [raw.hex() for raw in transactions]}
        return _strings(self._post("reorg", order), "hashes")

    def evict(self, txid: str) -> list[str]:
        """Make the mempool forget a transaction and its descendants."""
        return _strings(self._post("evict", {"txid": txid}), "evicted")

    def fault(
        self,
        kind: str,
        *,
        path: str = "/",
        method: str = "*",
        times: int | None = 1,
        status: int = 500,
        seconds: int = 600,
        height: int | None = None,
    ) -> None:
        """Order a fault (see emulator.chains.faults.FaultKind)."""
        order: dict[str, object] = {
            "kind": kind,
            "path": path,
            "method": method,
            "times": times,
            "status": status,
            "seconds": seconds,
        }
        self._post("fault", order if height is None else {**order, "height": height})

    def clear_faults(self) -> None:
        self._post("fault", {"kind": "clear"})

    # --- reading

    def state(self) -> ChainState:
        answer = self._decode(self._request("/_emulator/state", None))
        return ChainState(_integer(answer, "height"), str(answer["tip"]), tuple(_strings(answer, "mempool")))

    def height(self) -> int:
        return self.state().height

    def confirmations(self, txid: str) -> int | None:
        """None when unknown, 0 in the mempool, else the depth."""
        try:
            self._request(f"/tx/{txid}/hex", None)
        except ChainControlError as error:
            if "not found" in str(error):
                return None
            raise
        status = self._decode(self._request(f"/tx/{txid}/status", None))
        if status.get("confirmed") is not True:
            return 0
        return self.height() - _integer(status, "block_height") + 1

    def balance(self, address: str) -> int:
        """Satoshi at an address, waiting transactions included."""
        answer = self._decode(self._request(f"/address/{address}", None))
        total = 0
        for part in ("chain_stats", "mempool_stats"):
            stats = answer[part]
            if not isinstance(stats, dict):
                raise ChainControlError(f"{part}: expected an object")
            total += _integer(stats, "funded_txo_sum") - _integer(stats, "spent_txo_sum")
        return total

    def raw_transaction(self, txid: str) -> bytes:
        return bytes.fromhex(self._request(f"/tx/{txid}/hex", None))

    def submit(self, raw: bytes) -> str:
        """Broadcast; raises ChainControlError with bitcoind's reject string."""
        return self._request("/tx", raw.hex().encode())

    # --- transport

    def _post(self, name: str, order: Mapping[str, object]) -> dict[str, object]:
        return self._decode(self._request(f"/_emulator/{name}", json.dumps(order).encode()))

    def _request(self, path: str, body: bytes | None) -> str:
        request = urllib.request.Request(self.url + path, data=body)  # noqa: S310  a loopback http address
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise ChainControlError(f"{path}: {error.code} {error.read().decode()}") from error
        except (OSError, ValueError) as error:
            raise ChainControlError(f"{self.url}{path}: {error}") from error

    def _decode(self, text: str) -> dict[str, object]:
        answer = json.loads(text)
        if not isinstance(answer, dict):
            raise ChainControlError(f"expected a JSON object, found {text[:80]!r}")
        return answer


def _strings(answer: Mapping[str, object], key: str) -> list[str]:
    value = answer.get(key)
    if not isinstance(value, list):
        raise ChainControlError(f"{key}: expected a list, found {value!r}")
    return [str(item) for item in value]


def _integer(answer: Mapping[str, object], key: str) -> int:
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ChainControlError(f"{key}: expected an integer, found {value!r}")
    return value
