"""Control of the emulated chain over HTTP, under `/_emulator/`: mine, fund, fees, reorg, faults, state.

Only scenarios and tests use it. Unknown keys and wrong types are refused with the key's name.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation

from aiohttp import web

from emulator.chains.chain import BitcoinChain
from emulator.chains.errors import ChainError
from emulator.chains.faults import Fault, FaultInjector, FaultKind
from emulator.chains.orders import ControlError, Order, integer, only

MAX_BLOCKS = 100_000
MOST = 1_000_000  # of any number that has no bound of its own


def control_routes(chain: BitcoinChain, faults: FaultInjector) -> list[web.RouteDef]:
    """Routes to add to the application that serves `chain`."""
    control = _Control(chain, faults)
    posts: dict[str, Callable[[Order], Order]] = {
        "mine": control.mine,
        "fund": control.fund,
        "fees": control.fees,
        "reorg": control.reorg,
        "evict": control.evict,
        "fault": control.fault,
    }
    routes = [web.post(f"/_emulator/{name}", _handler(action)) for name, action in posts.items()]
    return [*routes, web.get("/_emulator/state", _handler(control.state))]


def _handler(action: Callable[[Order], Order]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            body = await request.text()
            order = json.loads(body) if body else {}
            if not isinstance(order, dict):
                raise ControlError("expected a JSON object")
            return web.json_response(action(order))
        except (ChainError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle


class _Control:
    def __init__(self, chain: BitcoinChain, faults: FaultInjector) -> None:
        self._chain = chain
        self._faults = faults

    def mine(self, order: Order) -> Order:
        only(order, "blocks", "address", "parent", "include_mempool", "min_fee_rate", "transactions")
        hashes = self._chain.mine(
            integer(order, "blocks", 1, most=MAX_BLOCKS),
            _text(order, "address"),
            parent=_text(order, "parent"),
            transactions=_raw_list(order, "transactions"),
            include_mempool=order.get("include_mempool", True) is True,
            min_fee_rate=_decimal(order.get("min_fee_rate", "0"), "min_fee_rate"),
        )
        return {"hashes": hashes, **self.state({})}

    def fund(self, order: Order) -> Order:
        only(order, "address", "amount_sat", "confirmations")
        address = _text(order, "address")
        if address is None:
            raise ControlError("address: missing")
        amount = integer(order, "amount_sat", 0, most=21_000_000 * 100_000_000)
        confirmations = integer(order, "confirmations", 1, most=MAX_BLOCKS)
        return {"txid": self._chain.fund(address, amount, confirmations=confirmations), **self.state({})}

    def fees(self, order: Order) -> Order:
        only(order, "estimates")
        estimates = order.get("estimates")
        if not isinstance(estimates, dict):
            raise ControlError("estimates: expected an object of target: sat/vB")
        parsed = {int(target): _decimal(rate, f"estimates.{target}") for target, rate in estimates.items()}
        with self._chain.lock:
            self._chain.fee_estimates = parsed
        return self.state({})

    def reorg(self, order: Order) -> Order:
        only(order, "depth", "extra", "transactions")
        depth = integer(order, "depth", 1, most=MAX_BLOCKS)
        extra = integer(order, "extra", 1, most=MAX_BLOCKS)
        hashes = self._chain.reorg(depth, extra=extra, transactions=_raw_list(order, "transactions"))
        return {"hashes": hashes, **self.state({})}

    def evict(self, order: Order) -> Order:
        only(order, "txid")
        with self._chain.lock:
            return {"evicted": self._chain.mempool.evict(_text(order, "txid") or ""), **self.state({})}

    def fault(self, order: Order) -> Order:
        only(order, "kind", "path", "method", "times", "status", "seconds", "height")
        if order.get("kind") == "clear":
            self._faults.clear()
            return {"faults": []}
        try:
            kind = FaultKind(str(order.get("kind")))
        except ValueError:
            known = ", ".join(["clear", *FaultKind])
            raise ControlError(f"kind: expected one of {known}, found {order.get('kind')!r}") from None
        fault = Fault(
            kind,
            path=_text(order, "path") or "/",
            method=_text(order, "method") or "*",
            times=None if order.get("times", 1) is None else integer(order, "times", 1, most=MOST),
            status=integer(order, "status", 500, most=599),
            seconds=integer(order, "seconds", 600, most=MOST),
            height=integer(order, "height", self._chain.height, most=MOST),
        )
        self._faults.add(fault)
        return {"faults": [each.kind.value for each in self._faults.pending]}

    def state(self, _: Order) -> Order:
        with self._chain.lock:
            return {
                "height": self._chain.height,
                "tip": self._chain.tip_hash,
                "mempool": list(self._chain.mempool.entries),
                "fee_estimates": {str(key): str(rate) for key, rate in self._chain.fee_estimates.items()},
                "faults": [each.kind.value for each in self._faults.pending],
            }


def _text(order: Order, key: str) -> str | None:
    value = order.get(key)
    if value is not None and not isinstance(value, str):
        raise ControlError(f"{key}: expected a string, found {value!r}")
    return value


def _decimal(value: object, key: str) -> Decimal:
    if not isinstance(value, str):
        raise ControlError(f"{key}: expected a decimal in a string, found {value!r}")
    try:
        parsed = Decimal(value)
    except InvalidOperation:
        raise ControlError(f"{key}: expected a decimal, found {value!r}") from None
    if not parsed.is_finite() or parsed < 0:
        raise ControlError(f"{key}: expected zero or more, found {value!r}")
    return parsed


def _raw_list(order: Order, key: str) -> list[bytes]:
    value = order.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ControlError(f"{key}: expected a list of hexadecimal transactions")
    return [bytes.fromhex(item) for item in value]
