"""A chain on paper: tokens, balances and code in dictionaries, asked through the port that a node has."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vault.errors import EthereumError
from vault.ethereum.contracts import erc20
from vault.ethereum.simulate import ETHER_LOGS
from vault.ethereum.tokens import Token
from vault.ethereum.view import CallOutcome, CallRequest, EventLog
from vault.evm.abi import encode
from vault.evm.address import ZERO_ADDRESS

TRUE = (1).to_bytes(32, "big")
FALSE = bytes(32)
CODE = b"\x60\x80token"
# What a contract does when it is called.
Contract = Callable[["PaperView", CallRequest], CallOutcome]
IMPLEMENTATION = "0x43506849D7C04F9138D1A2050bbF3A0c054402dd"


def reverted(reason: str) -> bytes:
    """The revert data of ``require(false, reason)``."""
    return bytes.fromhex("08c379a0") + encode(["string"], [reason])


def word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


def transfer_log(token: str, source: str, target: str, units: int) -> EventLog:
    topics = (erc20.TRANSFER_EVENT.topic, word(source), word(target))
    return EventLog(token, topics, units.to_bytes(32, "big"))


@dataclass
class PaperToken:
    """A token as `token` is registered; the rest is how this one behaves."""

    token: Token
    decimals: bytes = (6).to_bytes(32, "big")
    symbol: bytes = b""
    balances: dict[str, int] = field(default_factory=dict)
    allowances: dict[tuple[str, str], int] = field(default_factory=dict)
    returns: bytes = TRUE
    skim: int = 0  # taken from what arrives, with an event
    burn: int = 0  # taken from what arrives, without a word
    revert: bytes | None = None
    extra: tuple[EventLog, ...] = ()
    views: dict[bytes, bytes] = field(default_factory=dict)  # calldata (or its selector) -> answer

    def __post_init__(self) -> None:
        self.symbol = self.symbol or encode(["string"], [self.token.symbols[0]])
        if self.token.returns_nothing and self.returns == TRUE:
            self.returns = b""

    def answer(self, sender: str, data: bytes) -> CallOutcome:
        selector = data[:4]
        if selector == erc20.DECIMALS.selector:
            return CallOutcome(True, self.decimals)
        if selector == erc20.SYMBOL.selector:
            return CallOutcome(True, self.symbol)
        if selector == erc20.BALANCE_OF.selector:
            (account,) = erc20.BALANCE_OF.decode(data)
            return CallOutcome(True, self.balances.get(str(account), 0).to_bytes(32, "big"))
        if selector == erc20.ALLOWANCE.selector:
            owner, spender = map(str, erc20.ALLOWANCE.decode(data))
            return CallOutcome(True, self.allowances.get((owner, spender), 0).to_bytes(32, "big"))
        if selector == erc20.TRANSFER.selector:
            return self._transfer(sender, *erc20.TRANSFER.decode(data))
        if selector == erc20.APPROVE.selector:
            return self._approve(sender, *erc20.APPROVE.decode(data))
        return CallOutcome(True, self.views.get(data, self.views.get(selector, FALSE)))

    def _transfer(self, sender: str, to: Any, units: Any) -> CallOutcome:
        if self.revert is not None:
            return CallOutcome(False, self.revert)
        if self.balances.get(sender, 0) < units:
            return CallOutcome(False, reverted("transfer amount exceeds balance"))
        if self.returns == FALSE:
            return CallOutcome(True, FALSE)
        arrives = units - self.skim - self.burn
        self.balances[sender] -= units
        self.balances[to] = self.balances.get(to, 0) + arrives
        address = self.token.address
        logs = [transfer_log(address, sender, to, units - self.skim)]
        if self.skim:
            logs.append(transfer_log(address, sender, address, self.skim))
        return CallOutcome(True, self.returns, (*logs, *self.extra), 51_000)

    def _approve(self, sender: str, spender: Any, units: Any) -> CallOutcome:
        if self.revert is not None:
            return CallOutcome(False, self.revert)
        self.allowances[sender, spender] = units
        topics = (erc20.APPROVAL_EVENT.topic, word(sender), word(spender))
        log = EventLog(self.token.address, topics, units.to_bytes(32, "big"))
        return CallOutcome(True, self.returns, (log, *self.extra), 46_000)


@dataclass
class PaperView:
    """The `BlockView` of a script."""

    chain_id: int = 1
    number: int = 20_000_000
    block_hash: str = "0x" + "b1" * 32
    codes: dict[str, bytes] = field(default_factory=dict)
    slots: dict[tuple[str, int], bytes] = field(default_factory=dict)
    tokens: dict[str, PaperToken] = field(default_factory=dict)
    ether: dict[str, int] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)  # what calls of others do
    simulates: bool = True
    surplus: tuple[CallOutcome, ...] = ()  # answers that nobody asked for

    def put(self, token: PaperToken) -> PaperToken:
        """Place a token with its code, and an implementation behind a proxy."""
        address = token.token.address
        self.tokens[address], self.codes[address] = token, CODE
        if (slot := token.token.implementation_slot) is not None:
            self.slots[address, slot] = word(IMPLEMENTATION)
            self.codes[IMPLEMENTATION] = CODE + b"1"
        return token

    def code(self, address: str) -> bytes:
        return self.codes.get(address, b"")

    def storage(self, address: str, slot: int) -> bytes:
        return self.slots.get((address, slot), bytes(32))

    def balance(self, address: str) -> int:
        return self.ether.get(address, 0)

    def call(self, to: str, data: bytes) -> bytes:
        outcome = self.attempt(CallRequest(to, data))
        if not outcome.succeeded:
            raise EthereumError("call_reverted", "the call reverted")
        return outcome.output

    def attempt(self, request: CallRequest) -> CallOutcome:
        outcome = copy.deepcopy(self).run(request)
        return CallOutcome(outcome.succeeded, outcome.output)

    def simulate(self, requests: tuple[CallRequest, ...]) -> tuple[CallOutcome, ...] | None:
        if not self.simulates:
            return None
        paper = copy.deepcopy(self)
        return (*(paper.run(each) for each in requests), *self.surplus)

    def run(self, request: CallRequest) -> CallOutcome:
        if (contract := self.contracts.get(request.to)) is not None:
            return contract(self, request)
        logs = []
        if request.value:
            if self.ether.get(request.sender, 0) < request.value:
                return CallOutcome(False, b"")
            self.ether[request.sender] -= request.value
            self.ether[request.to] = self.balance(request.to) + request.value
            logs.append(transfer_log(ETHER_LOGS, request.sender, request.to, request.value))
        if request.data and request.to in self.tokens:
            assert request.sender != ZERO_ADDRESS or request.data[:4] != erc20.TRANSFER.selector
            return self.tokens[request.to].answer(request.sender, request.data)
        return CallOutcome(True, b"", tuple(logs), 21_000)
