"""Where one case happens: a chain of its own behind one node or two, devices, an exchange, and a treasury.

Chain, exchange and devices live in this process; the treasury is worked on by others, which may be killed.
What is written down about it (`Staged`) is all that they are told.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from emulator import scenario_accounts
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.control import EthereumControl
from emulator.chains.ethereum.deploy import prepare
from emulator.chains.ethereum.hot_wallet import EthereumPort
from emulator.chains.ethereum.server import EthereumServer
from emulator.device.server import DeviceEmulator
from emulator.scenario_accounts import Holding
from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.faults.ethereum.kinds import DEVICES, KINDS, Kind, Spec
from tests.faults.treasury.stage import Scene, _key, store_keys
from tests.support.ethereum_chains import RunningChain
from tests.support.ethereum_treasury import (
    ADDED,
    CONFIRMATIONS,
    ETHER,
    TOKENS,
    AccountSpec,
    EthereumCase,
    Hand,
    address_of,
    device_account,
    entry,
    opened_devices,
    opened_treasury,
    private_key,
)
from vault.config import Treasury, load_treasury
from vault.money import Amount, asset_of
from vault.policy.book import Entry
from vault.treasury.ethereum import observe
from vault.treasury.opening import record_opening

OUTSIDE: Final = address_of(private_key("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"))
STOCK: Final = {"ETH": 500 * ETHER, "USDC": 10**13, "USDT": 10**13}
HELD: Final = {"ETH": 10 * ETHER, "USDC": 40_000 * 10**6, "USDT": 40_000 * 10**6}
GAS_HELD: Final = 5 * ETHER
NOWHERE: Final = Scene("", (), ())
ACCOUNT: Final = "trading"
DEAR: Final = 4 * 10**9
BURIED: Final = 12  # blocks, deeper than reorganisations go

_SAFE: Final = (
    'safe = {{ owners = ["owner-one", "owner-two"], outside = ["{0}"], threshold = 2, executor = "gas" }}\n'
)
_VENUE: Final = """
[[venue]]
name = "trading"
exchange = "{exchange}"
product = "usdm"
account_uid = "{uid}"
url = "{url}"
timeout_seconds = 10
history_lag_seconds = {lag}
submit_seconds = 5
recv_window_ms = 1000
"""
_WITNESS: Final = """
[chain.witness]
rpc = "{url}"
timeout_seconds = 2
"""


@dataclass(frozen=True, slots=True)
class Staged:
    """What a treasury was made of; `safe` and `deposit` are addresses, `start` what each account held."""

    folder: str
    kind: Kind
    asset: str
    amount: str
    node: str
    witness: str
    venue: str
    exchange: str
    network: str
    safe: str
    deposit: str
    accounts: dict[str, str]
    start: dict[str, dict[str, int]]
    collateral: int

    @property
    def spec(self) -> Spec:
        return KINDS[self.kind]

    @property
    def paid(self) -> Amount:
        return Amount.parse(self.amount, asset_of(self.asset))

    @property
    def chain(self) -> EthereumControl:
        return EthereumControl(self.node)

    @property
    def market(self) -> VenueControl:
        return VenueControl(self.venue)

    def treasury(self) -> Treasury:
        return load_treasury(Path(self.folder) / "treasury.toml")

    def save(self) -> None:
        (Path(self.folder) / "staged.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Staged:
        return cls(**json.loads((folder / "staged.json").read_text(encoding="utf-8")))


@dataclass(slots=True)
class Setting:
    """A case's world; `submitted` are the transactions that reached its mempool, whoever sent them.

    `judge` is a node without faults that nobody but the judge asks.
    """

    chain: EthereumChain
    nodes: tuple[EthereumServer, ...]
    judge: str
    venue: VenueServer | None
    staged: Staged
    submitted: list[bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a case is about."""

    kind: Kind
    asset: str
    amount: str
    exchange: str = "binance"
    witnessed: bool = False
    collateral: str = ""
    history_lag: int = 0
    node_timeout: int = 10
    opened: bool = False  # whether the books of all accounts are open before the first plan


Devices = dict[str, tuple[DeviceEmulator, Hand]]


@contextlib.contextmanager
def devices_of(one: str, two: str) -> Iterator[Devices]:
    """The two devices of every case, of these personas."""
    personas = {name: (persona, DEVICES[name]) for name, persona in (("one", one), ("two", two))}
    with opened_devices(personas) as found:
        yield found


@contextlib.contextmanager
def opened_setting(folder: Path, wanted: Wanted, devices: Devices) -> Iterator[Setting]:
    """The world of one case, and its treasury with signed documents and funds that are final."""
    with contextlib.ExitStack() as stack:
        spec = KINDS[wanted.kind]
        venue = stack.enter_context(VenueServer(wanted.exchange)) if spec.venue else None
        chain = (
            EthereumChain()
            if venue is None
            else EthereumChain(clock=lambda: venue.venue.clock.now_ms() // 1000)
        )
        prepare(chain)
        count = 2 if wanted.witnessed else 1
        nodes = tuple(stack.enter_context(EthereumServer(chain)) for _ in range(count))
        running = RunningChain("py-evm", nodes[0].url, 1, chain, chain, nodes[0])
        submitted: list[bytes] = []
        _listen(chain, submitted)
        staged = _stage(folder, wanted, running, nodes, venue, devices)
        chain.automine = False
        judge = stack.enter_context(EthereumServer(chain)).url
        yield Setting(chain, nodes, judge, venue, staged, submitted)


def _listen(chain: EthereumChain, submitted: list[bytes]) -> None:
    submit = chain.submit

    def listening(raw: bytes) -> str:
        submitted.append(raw)
        return submit(raw)

    chain.submit = listening  # type: ignore[method-assign]


def _stage(  # noqa: PLR0917
    folder: Path,
    wanted: Wanted,
    running: RunningChain,
    nodes: tuple[EthereumServer, ...],
    venue: VenueServer | None,
    devices: Devices,
) -> Staged:
    folder.mkdir(parents=True, exist_ok=True)
    accounts = _accounts(running)
    by_name = {each.name: each for each in accounts}
    start = _fund(running, accounts)
    deposit = network = ""
    config = _WITNESS.format(url=nodes[1].url) if len(nodes) > 1 else ""
    entries: tuple[Entry, ...] = tuple(
        entry(f"cold-{asset.lower()}", asset, by_name["cold"]) for asset in ("ETH", *TOKENS)
    )
    policy = ""
    collateral = wanted.collateral or KINDS[wanted.kind].collateral
    if venue is not None:
        uid, network = _open_account(folder, venue, running, wanted, collateral, by_name["cold"].address)
        deposit = VenueControl(venue.url).deposit_address(ACCOUNT, "USDC", network=network)
        config += _VENUE.format(exchange=wanted.exchange, uid=uid, url=venue.url, lag=wanted.history_lag)
        entries += (
            Entry(
                "trading-deposit", "USDC", "eip155:1", deposit, None, "venue_deposit", None, None, "trading",
                ADDED, True, None,
            ),
        )  # fmt: skip
        policy = KINDS[wanted.kind].policy.replace("NETWORK", network)
    with opened_treasury(folder, running, devices, accounts, entries, policy=policy, config=config) as case:
        running.mine(BURIED)
        if wanted.opened:
            _open_books(case)
        if KINDS[wanted.kind].replaces:
            _send_original(case, wanted)
    _set_timeout(folder, wanted.node_timeout)
    staged = Staged(
        str(folder),
        wanted.kind,
        wanted.asset,
        wanted.amount,
        nodes[0].url,
        nodes[1].url if len(nodes) > 1 else "",
        "" if venue is None else venue.url,
        wanted.exchange,
        network,
        by_name["vault"].address,
        deposit,
        {each.name: each.address for each in accounts},
        start,
        Amount.from_decimal(Decimal(collateral or "0"), asset_of("USDC")).units,
    )
    staged.save()
    return staged


def _open_books(case: EthereumCase) -> None:
    """As after any look at the accounts: a node may be silent when the first plan is made."""
    look = observe.account_balances(case.desk)
    assert not look.failures, look.failures
    with case.desk.store.write() as writer:
        for each in look.balances:
            record_opening(writer, f"wallet:{each.name}", each.confirmed + each.pending)


def _send_original(case: EthereumCase, wanted: Wanted) -> None:
    """What is to be replaced waits for a block, because gas has become dear."""
    case.chain.automine(False)
    plan = case.pay("hot", f"cold-{wanted.asset.lower()}", wanted.amount, wanted.asset)
    assert case.out(plan).state == "accepted"
    case.chain.set_base_fee(DEAR)
    case.chain.mine()


def _set_timeout(folder: Path, seconds: int) -> None:
    path = folder / "treasury.toml"
    text = path.read_text(encoding="utf-8")
    wanted = f"confirmations = {CONFIRMATIONS}\n"
    assert wanted in text
    path.write_text(text.replace(wanted, f"{wanted}timeout_seconds = {seconds}\n"), encoding="utf-8")


def _accounts(running: RunningChain) -> tuple[AccountSpec, ...]:
    """An account that pays by itself, and a Safe of two devices and of somebody outside."""
    hot = device_account("hot", "staging", "one", DEVICES["one"], 0)
    cold = device_account("cold", "cold", "one", DEVICES["one"], 1)
    gas = device_account("gas", "gas", "one", DEVICES["one"], 2)
    owners = (
        device_account("owner-one", "signer", "one", DEVICES["one"], 3),
        device_account("owner-two", "signer", "two", DEVICES["two"], 0),
    )
    safe = running.deploy_safe([*(each.address for each in owners), OUTSIDE], 2)
    return (hot, cold, gas, *owners, AccountSpec("vault", "cold", safe, _SAFE.format(OUTSIDE)))


def _fund(running: RunningChain, accounts: tuple[AccountSpec, ...]) -> dict[str, dict[str, int]]:
    start = {each.name: dict.fromkeys(HELD, 0) for each in accounts}
    for each in accounts:
        held = HELD if each.name in {"hot", "vault"} else {"ETH": GAS_HELD} if each.name == "gas" else {}
        for asset, units in held.items():
            if asset == "ETH":
                running.fund(each.address, units)
            else:
                running.mint(TOKENS[asset], each.address, units)
            start[each.name][asset] = units
    return start


def _open_account(  # noqa: PLR0917
    folder: Path, venue: VenueServer, running: RunningChain, wanted: Wanted, collateral: str, home: str
) -> tuple[str, str]:
    """The trading account with its margin in dollars; its uid, and the exchange's name for the network."""
    control, exchange = VenueControl(venue.url), wanted.exchange
    codes = dict(scenario_accounts.ethereum_networks(exchange))
    assert running.chain is not None
    for asset, code in codes.items():
        port = EthereumPort(running.chain, b"hot", token=TOKENS.get(asset))
        venue.venue.chains[asset, code] = port
        network = venue.venue.network(asset, code)
        network.withdraw_enabled = network.deposit_enabled = True
        if asset == "ETH":
            running.chain.fund(port.funding_address, STOCK["ETH"])
        else:
            running.mint(TOKENS[asset], port.funding_address, STOCK[asset])
    keys = {role: _key(exchange, f"{role}-key") for role in ("read", "withdraw")}
    uid = scenario_accounts.open_account(
        control,
        exchange,
        ACCOUNT,
        read=keys["read"],
        withdraw=keys["withdraw"],
        margin={"USDC": collateral},
        holdings=[Holding("BTC", Decimal("0.1"), Decimal(89_000), 20)],
    )
    scenario_accounts.allow_on_ethereum(control, ACCOUNT, exchange, {"USDC": (home, "cold-usdc")})
    store_keys(folder, "ethereum", {role: key.parts() for role, key in keys.items()})
    return scenario_accounts.account_uid(exchange, uid), codes["USDC"]
