"""Control of the emulated chain over HTTP, under `/_emulator/`: blocks, accounts, tokens, Safes, faults.

Only scenarios and tests use it. Unknown keys and wrong types are refused with the key's name.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import web

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.faults import EthereumFaults, Fault, FaultKind
from emulator.chains.ethereum.hexes import data, parse_data
from emulator.chains.orders import ControlError, Order, integer, only

MAX_BLOCKS = 100_000
UINT256 = 2**256 - 1


def control_routes(chain: EthereumChain, faults: EthereumFaults, asked: deque[str]) -> list[web.RouteDef]:
    """Routes to add to the application that serves `chain`; `asked` are the methods called so far."""
    control = _Control(chain, faults, asked)
    posts: dict[str, Callable[[Order], Order]] = {
        "mine": control.mine,
        "reorg": control.reorg,
        "automine": control.automine,
        "base_fee": control.base_fee,
        "fund": control.fund,
        "set": control.set_account,
        "drop": control.drop,
        "deploy": control.deploy,
        "token": control.token,
        "blacklist": control.blacklist,
        "safe": control.safe,
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
            return web.json_response(await asyncio.to_thread(action, order))
        except (RpcRefusal, ValueError, LookupError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle


class _Control:
    def __init__(self, chain: EthereumChain, faults: EthereumFaults, asked: deque[str]) -> None:
        self._chain = chain
        self._faults = faults
        self._asked = asked

    def mine(self, order: Order) -> Order:
        only(order, "blocks", "transactions", "include_mempool")
        hashes = self._chain.mine(
            integer(order, "blocks", 1, most=MAX_BLOCKS),
            transactions=_raw_list(order),
            include_mempool=order.get("include_mempool", True) is True,
        )
        return {"hashes": hashes, **self.state({})}

    def reorg(self, order: Order) -> Order:
        only(order, "depth", "extra", "keep_transactions", "transactions")
        hashes = self._chain.reorg(
            integer(order, "depth", 1, most=MAX_BLOCKS),
            extra=integer(order, "extra", 1, most=MAX_BLOCKS),
            keep_transactions=order.get("keep_transactions", True) is True,
            transactions=_raw_list(order),
        )
        return {"hashes": hashes, **self.state({})}

    def automine(self, order: Order) -> Order:
        only(order, "on")
        self._chain.automine = order.get("on") is True
        return self.state({})

    def base_fee(self, order: Order) -> Order:
        only(order, "wei")
        self._chain.set_base_fee(integer(order, "wei", 0, most=UINT256))
        return self.state({})

    def fund(self, order: Order) -> Order:
        only(order, "address", "wei", "confirmations")
        confirmations = integer(order, "confirmations", 1, most=MAX_BLOCKS)
        wei = integer(order, "wei", 0, most=UINT256)
        txid = self._chain.fund(_text(order, "address"), wei, confirmations=confirmations)
        return {"txid": txid, **self.state({})}

    def set_account(self, order: Order) -> Order:
        only(order, "address", "balance", "nonce", "code", "slot", "value")
        address = _text(order, "address")
        if "balance" in order:
            self._chain.set_balance(address, integer(order, "balance", 0, most=UINT256))
        if "nonce" in order:
            self._chain.set_nonce(address, integer(order, "nonce", 0, most=2**64 - 1))
        if "code" in order:
            self._chain.set_code(address, parse_data(order["code"], "code"))
        if "slot" in order:
            self._chain.set_storage(
                address, integer(order, "slot", 0, most=UINT256), integer(order, "value", 0, most=UINT256)
            )
        return self.state({})

    def drop(self, order: Order) -> Order:
        only(order, "txid")
        with self._chain.lock:
            return {"dropped": self._chain.mempool.evict(_text(order, "txid")), **self.state({})}

    def deploy(self, order: Order) -> Order:
        only(order, "name", "arguments")
        arguments = parse_data(order.get("arguments", "0x"), "arguments")
        return {"address": deploy.deploy_contract(self._chain, _text(order, "name"), arguments)}

    def token(self, order: Order) -> Order:
        """A call of a token's owner: `call` is the function's signature."""
        only(order, "token", "call", "arguments")
        arguments = parse_data(order.get("arguments", "0x"), "arguments")
        txid = deploy.own(self._chain, _text(order, "token"), _text(order, "call"), arguments)
        return {"txid": txid, **self.state({})}

    def blacklist(self, order: Order) -> Order:
        only(order, "token", "address", "on")
        token, address = _text(order, "token"), _text(order, "address")
        return {"txid": deploy.blacklist(self._chain, token, address, on=order.get("on") is True)}

    def safe(self, order: Order) -> Order:
        only(order, "owners", "threshold", "salt_nonce")
        owners = order.get("owners")
        if not isinstance(owners, list) or not all(isinstance(owner, str) for owner in owners):
            raise ControlError(f"owners: expected a list of addresses, found {owners!r}")
        address = deploy.deploy_safe(
            self._chain,
            owners,
            integer(order, "threshold", 1, most=UINT256),
            salt_nonce=integer(order, "salt_nonce", 0, most=UINT256),
        )
        return {"address": address}

    def fault(self, order: Order) -> Order:
        only(
            order, "kind", "method", "times", "status", "seconds", "height", "code", "message", "result",
            "contains",
        )  # fmt: skip
        if order.get("kind") == "clear":
            self._faults.clear()
            return {"faults": []}
        try:
            kind = FaultKind(str(order.get("kind")))
        except ValueError:
            known = ", ".join(["clear", *FaultKind])
            raise ControlError(f"kind: expected one of {known}, found {order.get('kind')!r}") from None
        code = order.get("code", -32000)
        seconds = order.get("seconds", 600)
        fault = Fault(
            kind,
            method=_text(order, "method", "*"),
            times=None if order.get("times", 1) is None else integer(order, "times", 1, most=UINT256),
            status=integer(order, "status", 500, most=599),
            seconds=float(seconds) if isinstance(seconds, (int, float)) else 600.0,
            height=integer(order, "height", self._chain.height, most=UINT256),
            code=code if isinstance(code, int) else -32000,
            message=_text(order, "message", "internal error"),
            result=order.get("result"),
            contains=_text(order, "contains", ""),
        )
        self._faults.add(fault)
        return {"faults": [each.kind.value for each in self._faults.pending]}

    def state(self, _: Order) -> Order:
        with self._chain.lock:
            return {
                "chain_id": self._chain.chain_id,
                "height": self._chain.height,
                "tip": self._chain.tip_hash,
                "base_fee": self._chain.tip.base_fee,
                "next_base_fee": self._chain.next_base_fee,
                "automine": self._chain.automine,
                "faucet": data(self._chain.faucet_address),
                "mempool": [tx.txid for tx in self._chain.mempool],
                "queued": [tx.txid for tx in self._chain.mempool.queued],
                "faults": [each.kind.value for each in self._faults.pending],
                "asked": list(self._asked),
            }


def _text(order: Order, key: str, default: str | None = None) -> str:
    value = order.get(key, default)
    if not isinstance(value, str):
        raise ControlError(f"{key}: expected a string, found {value!r}")
    return value


def _raw_list(order: Order) -> list[bytes]:
    value = order.get("transactions", [])
    if not isinstance(value, list):
        raise ControlError("transactions: expected a list of hexadecimal transactions")
    return [parse_data(item, "transactions") for item in value]
