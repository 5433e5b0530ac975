"""What the chain holds, asked in plain JSON-RPC and added up here: the measure of every case on Ethereum.

Nothing of the program is used to read it. Of what reached the mempool every byte is looked at as well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from emulator.chains.ethereum.hexes import checksummed
from emulator.chains.ethereum.transaction import decode
from tests.faults.ethereum.setting import Setting, Staged
from tests.support.ethereum_chains import ask
from tests.support.ethereum_treasury import TOKENS

TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
EXECUTED: Final = "0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e"
BALANCE_OF: Final = "0x70a08231"


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of the best chain: what each account holds and paid for gas, and every token that moved.

    `moved` are (asset, from, to, units), `executed` the Safes that did a call, one entry for each.
    """

    held: dict[str, dict[str, int]]
    gas: dict[str, int]
    mined: dict[str, list[tuple[int, str]]]  # sender: (nonce, transaction)
    moved: tuple[tuple[str, str, str, int], ...]
    executed: tuple[str, ...]

    def arrived(self, asset: str, address: str) -> list[int]:
        """What came to an address, payment by payment."""
        return [units for name, _, to, units in self.moved if (name, to) == (asset, address.lower())]


def read_ledger(setting: Setting) -> Ledger:
    """Every block from the first one on, every receipt of ours, every log."""
    url, staged = setting.judge, setting.staged
    names = {address.lower(): name for name, address in staged.accounts.items()}
    gas: dict[str, int] = defaultdict(int)
    mined: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number in range(_number(ask(url, "eth_blockNumber")) + 1):
        block: Any = ask(url, "eth_getBlockByNumber", hex(number), True)
        for each in block["transactions"]:
            if (name := names.get(each["from"].lower())) is not None:
                receipt: Any = ask(url, "eth_getTransactionReceipt", each["hash"])
                gas[name] += _number(receipt["gasUsed"]) * _number(receipt["effectiveGasPrice"])
                mined[name].append((_number(each["nonce"]), each["hash"]))
    logs: Any = ask(url, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    held = {
        name: {asset: _balance(url, asset, address) for asset in ("ETH", *TOKENS)}
        for name, address in staged.accounts.items()
    }
    return Ledger(held, dict(gas), dict(mined), tuple(_moves(logs)), tuple(_executions(logs)))


def _balance(url: str, asset: str, address: str) -> int:
    if asset == "ETH":
        return _number(ask(url, "eth_getBalance", address, "latest"))
    call = {"to": TOKENS[asset], "data": BALANCE_OF + address[2:].lower().zfill(64)}
    return _number(ask(url, "eth_call", call, "latest"))


def _moves(logs: Any) -> list[tuple[str, str, str, int]]:
    assets = {address.lower(): asset for asset, address in TOKENS.items()}
    return [
        (
            assets[log["address"].lower()],
            f"0x{log['topics'][1][-40:]}".lower(),
            f"0x{log['topics'][2][-40:]}".lower(),
            _number(log["data"]),
        )
        for log in logs
        if log["address"].lower() in assets and log["topics"][:1] == [TRANSFER]
    ]


def _executions(logs: Any) -> list[str]:
    return [log["address"].lower() for log in logs if log["topics"][:1] == [EXECUTED]]


def _number(text: object) -> int:
    return int(str(text), 16)


# -- what must be true -----------------------------------------------------------------------------------


def check_never_twice(setting: Setting, intended: int = 1) -> Ledger:
    """At any moment: at most one payment of the plan, and no nonce of ours used for two things.

    `intended` plans may have had a transaction of their own (an original and what is to replace it).
    """
    staged = setting.staged
    found = read_ledger(setting)
    signed: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    ours = {address.lower() for address in staged.accounts.values()}
    for raw in list(setting.submitted):
        transaction = decode(raw, setting.chain.chain_id)
        if (sender := checksummed(transaction.sender)).lower() in ours:
            signed[sender, transaction.nonce].add(raw)
    assert len(signed) <= 1, f"sent twice: nonces {sorted(signed)}"
    assert all(len(each) <= intended for each in signed.values()), f"sent twice: {signed}"
    assert sum(len(each) for each in found.mined.values()) <= 1, f"mined twice: {found.mined}"
    assert len(found.executed) <= 1, f"paid twice: {found.executed}"
    target = staged.deposit if staged.kind == "top-up" else staged.accounts["cold"]
    assert len(found.arrived("USDC", target)) + len(found.arrived("USDT", target)) <= 1, found.moved
    if staged.asset == "ETH":
        assert found.held["cold"]["ETH"] in {0, staged.paid.units}, f"paid twice: {found.held}"
    if staged.venue:
        check_venue_once(staged)
    return found


def check_venue_once(staged: Staged) -> None:
    state = venue_state(staged)
    assert len(state["withdrawals"]) <= (staged.kind == "sweep"), f"withdrawn twice: {state['withdrawals']}"
    assert len(state["deposits"]) <= (staged.kind == "top-up"), f"paid twice: {state['deposits']}"


def venue_state(staged: Staged) -> Any:
    """The exchange's own account of the trading account."""
    return staged.market.state("trading")


def at_venue(staged: Staged) -> int:
    """All dollars of the trading account, in base units, what is being withdrawn apart."""
    from decimal import Decimal

    wallets = venue_state(staged)["wallets"].values()
    return sum(int(Decimal(held.get("USDC", "0")) * 10**6) for held in wallets)


def check_done_once(setting: Setting, told: dict[str, Any], intended: int = 1) -> None:
    """What the treasury says happened has happened exactly once, to the wei, and nothing else."""
    staged, spec = setting.staged, setting.staged.spec
    found = check_never_twice(setting, max(intended, 2 if spec.replaces else 1))
    wanted = {name: dict(held) for name, held in staged.start.items()}
    paid = (int(told["amount"]) if staged.venue else staged.paid.units) if told["paid"] else 0
    target = "" if staged.kind == "top-up" else "cold"
    if target:
        wanted[target][staged.asset] += paid
    elif paid:
        assert found.arrived("USDC", staged.deposit) == [paid], found.moved
    if spec.sender:
        wanted[spec.payer][staged.asset] -= paid
        wanted[spec.sender]["ETH"] -= sum(found.gas.values())
        assert not paid or sum(found.gas.values()) > 0
    assert found.held == wanted, (found.held, wanted)
    check_books(setting, told, found)
    if staged.venue:
        out = paid + (int(told["fee"]) if paid else 0)
        left = staged.collateral + (paid if staged.kind == "top-up" else -out)
        assert at_venue(staged) == left, (at_venue(staged), left)


def check_books(setting: Setting, told: dict[str, Any], found: Ledger) -> None:
    """The books balance; every line is what the chain says, and gas is booked to the wei."""
    staged = setting.staged
    books = told["books"]
    assert books["balanced"], books
    observed = {
        (line["place"].removeprefix("wallet:"), line["asset"]): int(line["units"])
        for line in books["lines"]
        if line["place"].startswith("wallet:")
    }
    assert observed, books
    for (name, asset), units in observed.items():
        assert found.held[name][asset] == units, (name, asset, units, found.held)
    assert {name for name, _ in observed} == {"hot", "cold", "gas", "vault"}, observed
    assert sum(int(each) for each in told["gas_paid"]) == sum(found.gas.values()), (told, found.gas)
    assert int(books["fees"].get("ETH", 0)) == sum(found.gas.values()), (books, found.gas)
    kept = int(told["fee"]) if staged.kind == "sweep" and told["paid"] else 0
    assert int(books["fees"].get("USDC", 0)) == kept, books
