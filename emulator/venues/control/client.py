"""A client for a venue's control paths, for scenarios and tests in another process. Standard library only.

Amounts go in and come out as strings. Raises ControlError with the server's words when it refuses.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

TIMEOUT_S = 30


class ControlError(RuntimeError):
    """The venue refused a control request; the message says what it expected."""


class VenueControl:
    """The scenario's hand on one venue at `url`."""

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/") + "/_emulator/"
        # Loopback only: a proxy from the environment must not see this.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, path: str, /, **fields: object) -> Any:
        """POST the fields that are not None and return the parsed answer; floats are refused."""
        body = {name: value for name, value in fields.items() if value is not None}
        _refuse_floats(body)
        request = urllib.request.Request(  # noqa: S310  always http to loopback
            self._base + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ControlError(f"{path}: {error.code} {error.read().decode('utf-8', 'replace')}") from None

    def state(self, account: str | None = None) -> Any:
        return self.call("state", account=account)

    def tick(self, count: int = 1) -> int:
        return int(self.call("tick", count=count)["ticks"])

    def mark(self, symbol: str, mark: str, *, last: str | None = None, index: str | None = None) -> None:
        """Move a price; accounts whose margin fails at it are liquidated before this returns."""
        self.call("mark", symbol=symbol, mark=mark, last=last, index=index)

    def mark_all(self, base: str, mark: str) -> None:
        """Move every contract of a coin together."""
        self.call("mark", base=base, mark=mark)

    def market(self, symbol: str | None = None, **fields: object) -> None:
        self.call("market", symbol=symbol, **fields)

    def history(self, symbol: str, **rows: Sequence[Sequence[object]]) -> None:
        """Add past rows to a symbol.

        funding=[[ms, rate, mark]], open_interest=[[ms, contracts, value]], candles=[[ms, o, h, l, c, v]],
        liquidations=[[ms, side, price, quantity]].
        """
        self.call("history", symbol=symbol, **rows)

    def funding(self, symbol: str, rate: str | None = None) -> None:
        """Pay funding now."""
        self.call("funding", symbol=symbol, rate=rate)

    def create_account(
        self,
        name: str,
        *,
        keys: Sequence[Mapping[str, object]] = (),
        wallets: Mapping[str, Mapping[str, str]] | None = None,
        positions: Sequence[Mapping[str, object]] = (),
        mode: str | None = None,
    ) -> int:
        """Create an account and return its uid; wallets and margin modes by the exchange's names.

        A position takes symbol, quantity, entry_price, leverage, isolated_margin and side; a key takes key,
        secret, passphrase, realm, ip_list, facts, and the rights read, addresses, transfer, withdraw, trade.
        """
        answer = self.call(
            "accounts",
            name=name,
            keys=list(keys),
            wallets=wallets,
            positions=list(positions),
            mode=mode,
        )
        return int(answer["uid"])

    def fault(
        self,
        kind: str,
        path: str,
        *,
        count: int = 1,
        skip: int = 0,
        seconds: str | None = None,
        method: str | None = None,
        api_key: str | None = None,
        field: str | None = None,
        entries: int | None = None,
        digits: int | None = None,
        lasting: bool | None = None,
    ) -> None:
        """Arm a fault; kinds and fields are those of emulator.venues.serving.faults.

        `lasting` keeps it until faults are cleared, whatever the count.
        """
        self.call(
            "fault",
            kind=kind,
            path=path,
            count=count,
            skip=skip,
            seconds=seconds,
            method=method,
            api_key=api_key,
            field=field,
            entries=entries,
            digits=digits,
            lasting=lasting,
        )

    def latency(self, ms: int) -> None:
        """Every answer comes so much later, without holding up another."""
        self.call("latency", ms=ms)

    def feeds(self, *, silent: bool | None = None, drop: bool | None = None) -> None:
        """Keep WebSocket clients connected and untold, or break their lines."""
        self.call("feeds", silent=silent, drop=drop)

    def hold(self, account: str, until_ms: int) -> None:
        """No withdrawal before that moment, as after a change of security settings."""
        self.call("account", account=account, held_until_ms=until_ms)

    def nonce(self, key: str, last: int) -> None:
        """Let the exchange have seen this nonce of the key."""
        self.call("nonces", key=key, last=last)

    def receive(self, coin: str, address: str, amount: str, **fields: object) -> str:
        """Somebody pays an address on a paper chain (network, tag, confirmations); returns the txid."""
        return str(self.call("receive", coin=coin, address=address, amount=amount, **fields)["txid"])

    def clear_faults(self) -> None:
        self.call("faults/clear")

    def freeze(self) -> None:
        """Account answers and marks go stale from now on."""
        self.call("freeze")

    def thaw(self) -> None:
        self.call("thaw")

    def clock(self, **fields: object) -> None:
        """offset_ms, announced_skew_ms, fixed_ms, run_free."""
        self.call("clock", **fields)

    def withdrawals(self, **fields: object) -> None:
        """fee_mode, client_ids, hold_at, run_free, reject_next, travel_rule_next, suspended, history lags."""
        self.call("withdrawals", **fields)

    def network(self, coin: str, **fields: object) -> None:
        self.call("network", coin=coin, **fields)

    def deposit_address(self, account: str, coin: str = "BTC", **fields: object) -> str:
        """The address shown; show="…" to lie, renew=True to change it, restore=True to stop lying."""
        return str(self.call("deposit_address", account=account, coin=coin, **fields)["address"])

    def requests(self, *, method: str | None = None, path: str | None = None) -> Any:
        """What arrived, raw, oldest first."""
        return self.call("requests", method=method, path=path)


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError(f"expected an exact amount as a string, found the float {value!r}")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            _refuse_floats(item)
