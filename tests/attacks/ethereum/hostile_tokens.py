"""On the chain: tokens that are no longer what was registered, and calls that do more than they say."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.ethereum_calls import (
    ONE_ETHER,
    RECIPIENT,
    SENDER,
    THIEF,
    USDC_1500,
    USDT_99,
    address_of,
    call_of,
    planned,
)
from tests.support.ethereum_paper import (
    FALSE,
    IMPLEMENTATION,
    TRUE,
    PaperToken,
    PaperView,
    reverted,
    transfer_log,
    word,
)
from tests.support.hostile import Collection
from vault.ethereum.contracts import erc20
from vault.ethereum.simulate import simulate
from vault.ethereum.token_checks import check_token, read_pin
from vault.ethereum.tokens import require_token, token_of
from vault.ethereum.view import CallOutcome, EventLog
from vault.evm.abi import encode
from vault.money import USDC, USDT, Amount

hostile_token = Collection()
ROBBER = address_of(THIEF)
USDC_1, USDT_1 = token_of(1, USDC), token_of(1, USDT)
Harm = Callable[[PaperView, PaperToken], object]


def paper() -> PaperView:
    view = PaperView(ether={SENDER: 3 * 10**18})
    for token in (USDC_1, USDT_1):
        view.put(PaperToken(token, balances={SENDER: 10**10}))
    return view


def check(name: str, code: str, harm: Harm, amount: Amount = USDC_1500) -> None:
    """The token was pinned; then this happened to it."""

    def attempt() -> object:
        view, token = paper(), token_of(1, amount.asset)
        pin = read_pin(view, token)
        harm(view, view.tokens[token.address])
        return check_token(view, token, pin, (SENDER, RECIPIENT), amount.units)

    hostile_token.add(name, code, attempt)


def tried(name: str, code: str, harm: Harm, amount: Amount = USDC_1500) -> None:
    """The call was verified; on this chain it is tried."""

    def attempt() -> object:
        view, (part, expected) = paper(), planned(amount)
        asset = amount.asset if amount.asset in {USDC, USDT} else USDC
        harm(view, view.tokens[token_of(1, asset).address])
        return simulate(view, call_of(part), expected)

    hostile_token.add(name, code, attempt)


check(
    "18 decimals on the chain",
    "wrong_decimals",
    lambda v, t: setattr(t, "decimals", (18).to_bytes(32, "big")),
)
check("decimals of 300", "bad_answer", lambda v, t: setattr(t, "decimals", (300).to_bytes(32, "big")))
check(
    "another symbol on the chain",
    "wrong_symbol",
    lambda v, t: setattr(t, "symbol", encode(["string"], ["USDC\u200b"])),
)
check(
    "a proxy that runs another implementation",
    "proxy_changed",
    lambda v, t: (
        v.slots.update({(USDC_1.address, USDC_1.implementation_slot or 0): word(RECIPIENT)})
        or v.codes.update({RECIPIENT: b"\x60"})
    ),
)
check(
    "an implementation whose code changed",
    "code_changed",
    lambda v, t: v.codes.update({IMPLEMENTATION: b"\x60"}),
)
check("a token whose code changed", "code_changed", lambda v, t: v.codes.update({USDC_1.address: b"\x60"}))
check("a token that destroyed itself", "no_code", lambda v, t: v.codes.pop(USDC_1.address))
check("a paused token", "token_paused", lambda v, t: t.views.update({erc20.PAUSED.selector: TRUE}))
check(
    "a recipient on USDC's blacklist",
    "token_blocks",
    lambda v, t: t.views.update({erc20.IS_BLACKLISTED.encode(RECIPIENT): TRUE}),
)
check(
    "our own account on USDT's blacklist",
    "token_blocks",
    lambda v, t: t.views.update({erc20.IS_BLACK_LISTED.encode(SENDER): TRUE}),
    USDT_99,
)
check(
    "USDT that handed over to another contract",
    "token_retired",
    lambda v, t: t.views.update({erc20.DEPRECATED.selector: TRUE}),
    USDT_99,
)
check(
    "USDT with its fee turned on",
    "token_takes_fee",
    lambda v, t: t.views.update(
        {
            erc20.BASIS_POINTS_RATE.selector: (20).to_bytes(32, "big"),
            erc20.MAXIMUM_FEE.selector: (50).to_bytes(32, "big"),
        }
    ),
    USDT_99,
)

tried("a token that returns false", "token_refuses", lambda v, t: setattr(t, "returns", FALSE))
tried("a token that returns two words", "token_refuses", lambda v, t: setattr(t, "returns", TRUE + TRUE))
tried("a token that takes a fee and says so", "token_takes_fee", lambda v, t: setattr(t, "skim", 7), USDT_99)
tried("a token that takes a fee in silence", "token_takes_fee", lambda v, t: setattr(t, "burn", 7))
tried("a token that would revert", "simulation_failed", lambda v, t: setattr(t, "revert", reverted("no")))
tried(
    "a transfer that takes a second token along",
    "simulation_differs",
    lambda v, t: setattr(t, "extra", (transfer_log(USDT_1.address, SENDER, ROBBER, 9),)),
)
tried(
    "a transfer that grants an allowance",
    "simulation_differs",
    lambda v, t: setattr(
        t,
        "extra",
        (EventLog(USDC_1.address, (erc20.APPROVAL_EVENT.topic, word(SENDER), word(ROBBER)), TRUE),),
    ),
)
tried(
    "ether for a contract that spends an old allowance",
    "simulation_differs",
    lambda v, t: v.contracts.update(
        {RECIPIENT: lambda *_: CallOutcome(True, b"", (transfer_log(USDC_1.address, SENDER, ROBBER, 5),))}
    ),
    ONE_ETHER,
)
tried("a node of another chain", "wrong_chain_id", lambda v, t: setattr(v, "chain_id", 11155111))


@hostile_token("a contract elsewhere that calls itself USDC", "lookalike")
def _() -> object:
    return require_token(1, ROBBER, "USDC")


@hostile_token("a contract elsewhere with Cyrillic letters in its symbol", "lookalike")
def _() -> object:
    return require_token(1, ROBBER, "US\u0501\u0421")
