"""The random cases on Ethereum: who pays what, what breaks when, who is killed. A number is one case."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.ethereum.kinds import KINDS, Kind
from tests.soak.venues.days import VenueFault, one_gap, venue_fault

PERSONAS: Final = ("trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro")
SEEING: Final = ("trezor-core", "onekey-pro")  # two owners who saw only hashes are no quorum
EXCHANGES: Final = ("binance", "bybit")
_KINDS: Final[tuple[Kind, ...]] = (
    "payment", "payment", "payment", "safe", "safe", "safe", "bump", "bump", "cancel", "sweep", "sweep",
    "top-up", "top-up",
)  # fmt: skip
SEND: Final = "eth_sendRawTransaction"
_ASKED: Final = (
    "*", "eth_call", "eth_getBalance", "eth_getTransactionCount", "eth_getTransactionReceipt",
    "eth_getTransactionByHash", "eth_getBlockByNumber", "eth_blockNumber", "eth_simulateV1", "eth_feeHistory",
    "eth_estimateGas", "eth_getLogs", "eth_getCode", "eth_getStorageAt", "eth_chainId",
)  # fmt: skip
# A node that breaks off, says nothing, or says what is no answer; and what it refuses in words.
_BROKEN: Final = ("hang", "error", "drop", "drop_after", "garbage", "rate_limit", "wrong_id", "rpc_error")
_LOST: Final = (
    "drop_after",
    "drop_after",
    "hang",
    "garbage",
    "drop",
    "error",
    "wrong_id",
    "rpc_error",
    "lie",
)
# What a lying witness says, by method: nothing is there, nothing was used, another transaction was taken.
_LIES: Final[tuple[tuple[str, Any], ...]] = (
    ("eth_getTransactionReceipt", None),
    ("eth_getTransactionByHash", None),
    ("eth_getTransactionCount", "0x0"),
    ("eth_getTransactionCount", "0x7"),
    ("eth_getBalance", "0x56bc75e2d63100000"),
    ("eth_call", "0x" + f"{10**15:064x}"),
    ("eth_blockNumber", "0xffff"),
    ("eth_getLogs", []),
    ("eth_estimateGas", hex(25_000_000)),
)
_WORDS: Final = (
    "already known", "nonce too low", "replacement transaction underpriced", "transaction underpriced",
    "insufficient funds for gas * price + value", "internal error", "request timed out",
)  # fmt: skip
_QUESTIONS: Final = {"payment": 200, "safe": 250, "bump": 170, "cancel": 170, "sweep": 50, "top-up": 270}
GWEI: Final = 10**9


@dataclass(frozen=True, slots=True)
class Event:
    """`what` happens at the `at`-th question to the nodes (0: at once); `node` 0 or 1, the witness.

    `what` is a fault of the node with its `values`, or reorg, swap (a reorganisation that has the original
    in the place of what replaced it), echo (all that was ever signed is sent once more, by somebody), forget
    (the mempool) or spike (of the base fee).
    """

    at: int
    what: str
    node: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Day:
    """What happens in one case; it follows from seed and number alone.

    Of `kills` and `events` the first are those of the first run, the second those of the recovery. A kill is
    ``#3`` at the third stop of the journal, ``~30`` at the thirtieth question to the nodes, ``>1`` when the
    first transaction was just sent.
    """

    number: int
    kind: Kind
    asset: str
    amount: str
    personas: tuple[str, str]
    exchange: str
    witnessed: bool
    kills: tuple[str, str]
    events: tuple[tuple[Event, ...], tuple[Event, ...]]
    faults: tuple[VenueFault, ...]
    weather: str  # of withdrawals at the exchange: hold, reject, or as usual
    gives_up: bool  # the person cancels what was not sent, and asks for it anew

    @classmethod
    def of(cls, seed: int, number: int) -> Day:
        dice = random.Random(f"ethereum/{seed}/{number}")
        kind = dice.choice(_KINDS)
        spec = KINDS[kind]
        asset = "USDC" if spec.venue else dice.choice(("ETH", "USDC", "USDC", "USDT"))
        one = dice.choice(PERSONAS)
        two = dice.choice(PERSONAS if one in SEEING else SEEING)
        witnessed = dice.random() < 0.4
        # About as many questions as a whole line asks; of two nodes each is asked.
        most = _QUESTIONS[kind] * (2 if witnessed else 1)
        exchange = dice.choice(EXCHANGES)
        count = dice.choice((0, 1, 1, 2)) if spec.venue else 0
        kills = (_kill(dice, 0.7, most), _kill(dice, 0.4, most))
        first = _events(dice, kind, witnessed, most, (1, 2, 2, 3, 4))
        second = _events(dice, kind, witnessed, most, (0, 1, 2))
        gives_up = kind in {"payment", "safe"} and dice.random() < 0.3
        if gives_up:  # it was sent, nobody has it, the person goes another way, and then it comes back
            kills = (">1", kills[1])
            back = Event(dice.randint(1, most), "echo", 0, {})
            first, second = first[:1], (Event(0, "forget", 0, {}), back, *second)
        return cls(
            number,
            kind,
            asset,
            _amount(dice, asset),
            (one, two),
            exchange,
            witnessed,
            kills,
            (first, second),
            one_gap(tuple(venue_fault(dice, exchange) for _ in range(count))),
            dice.choice(("", "", "", "hold", "reject")) if kind == "sweep" else "",
            gives_up,
        )

    @property
    def calm(self) -> bool:
        """Whether nothing at all happens."""
        return not (any(self.kills) or any(self.events) or self.faults or self.weather)


def _amount(dice: random.Random, asset: str) -> str:
    """From one base unit to about half of what there is."""
    most = 45 * 10**17 if asset == "ETH" else 19_000 * 10**6
    digits = 18 if asset == "ETH" else 6
    units = dice.choice((1, dice.randint(1, most), dice.randint(1, most), dice.randint(1, most)))
    return f"{units // 10**digits}.{units % 10**digits:0{digits}d}"


def _kill(dice: random.Random, chance: float, questions: int) -> str:
    if dice.random() >= chance:
        return ""
    how = dice.choice("###~~>")
    most = {"#": 46, "~": questions, ">": 1}[how]
    return f"{how}{dice.randint(1, most)}"


def _events(
    dice: random.Random, kind: Kind, witnessed: bool, questions: int, counts: tuple[int, ...]
) -> tuple[Event, ...]:
    return tuple(_event(dice, kind, witnessed, questions) for _ in range(dice.choice(counts)))


def _event(dice: random.Random, kind: Kind, witnessed: bool, questions: int) -> Event:
    at = dice.choice((0, *(dice.randint(1, questions) for _ in range(3))))
    where = dice.random()
    node = dice.randint(0, 1) if witnessed else 0
    if where < 0.3:
        values = {"depth": dice.randint(1, 4), "extra": dice.randint(0, 2), "keep": dice.random() < 0.6}
        swap = KINDS[kind].replaces and dice.random() < 0.8
        return Event(at, "swap" if swap else "reorg", node, values)
    if where < 0.37:
        return Event(at, "forget", node, {})
    if where < 0.43:
        return Event(at, "echo", node, {})
    if where < 0.5:
        return Event(at, "spike", node, {"wei": dice.choice((5, 20, 60, 95, 300)) * GWEI})
    if where < 0.6:
        return Event(at, "lag", node, {"behind": dice.randint(1, 6)})
    if where < 0.75:
        what = dice.choice(_LOST)
        if what == "lie":
            return Event(at, "answer", node, {"method": SEND, "result": "0x" + "ab" * 32})
        return Event(at, what, node, {"method": SEND, **_values(dice, what)})
    if where < 0.85 and witnessed:
        method, result = dice.choice(_LIES)
        times = dice.choice((1, 2, 5, None))
        return Event(at, "answer", node, {"method": method, "result": result, "times": times})
    if where < 0.9:
        return Event(at, "no_method", node, {"method": "eth_simulateV1", "times": None})
    what = dice.choice(_BROKEN)
    times = dice.choice((1, 1, 3)) if what != "hang" else 1
    return Event(at, what, node, {"method": dice.choice(_ASKED), "times": times, **_values(dice, what)})


def _values(dice: random.Random, what: str) -> dict[str, Any]:
    if what == "rpc_error":
        return {"code": dice.choice((-32000, -32603, -32005)), "message": dice.choice(_WORDS)}
    return {"seconds": 600} if what == "hang" else {}
