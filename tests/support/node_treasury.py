"""Treasuries on a real bitcoind: wallets of one key on two makes of device, taproot, a group of 2 of 3.

A treasury reaches the chain as its `reach` says; what its wallets hold is asked of the node itself.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from emulator.chains.signing import Key
from emulator.scenario_accounts import HERE, allow_address
from tests.faults.treasury import line, stage
from tests.faults.treasury.stage import NETWORK, TREASURER
from tests.support.node_bench import DEVICES, NodeBench
from vault.bitcoin.descriptor import Descriptor, Kind
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.transaction import Transaction
from vault.clock import SystemClock
from vault.config import Treasury, load_treasury
from vault.device.attest import attestation_public_key
from vault.device.connection.keyboard import Keyboard
from vault.device.paths import parse_path
from vault.device.prompt import silent
from vault.device.session import open_device
from vault.policy.book import AddressBook, Entry, dump_book
from vault.store import records
from vault.store.database import Store
from vault.treasury import approve, books, execute
from vault.treasury.add_wallet import Signer, WalletRequest, add_wallet, enrol
from vault.treasury.cosign import as_it_stands
from vault.treasury.desk import Desk
from vault.treasury.inspection import find_plan
from vault.treasury.plan import Plan, Transfer
from vault.treasury.spending import verify_transfer

REACHES: Final = ("bitcoind", "electrum", "esplora", "bitcoind and electrum")
SINGLE: Final[dict[str, tuple[str, Kind, str]]] = {
    "cold": ("cold", "p2wpkh", "m/84h/1h/{}h"),
    "staging": ("staging", "p2wpkh", "m/84h/1h/{}h"),
    "taproot": ("third", "p2tr", "m/86h/1h/{}h"),
    "many": ("third", "p2wpkh", "m/84h/1h/{}h"),
}
COLD_ENTRIES: Final = 20
OUTSIDE_ENTRIES: Final = 5
COIN_SAT: Final = 3_000_000
COINS: Final = 6
MANY: Final = 200
SMALL_COIN_SAT: Final = 25_000
COLLATERAL: Final = "0.14"
COMMAND_SECONDS: Final = 90
_PYTHONPATH: Final = os.pathsep.join(map(str, (stage.ROOT, stage.HELPERS)))

_CONFIG = """\
schema = 1
treasury_id = "{treasury_id}"
emulated = true

[bitcoin]
network = "regtest"
confirmations = 2
{reach}

[[venue]]
name = "trading"
exchange = "binance"
account_uid = "{uid}"
url = "{venue}"
history_lag_seconds = 0
submit_seconds = 5
recv_window_ms = 1000

[[attester]]
name = "treasurer"
device = "cold"
public_key = "{public_key}"
roles = ["policy", "address-book", "approve"]
"""
_DEVICE = """
[[device]]
name = "{name}"
kind = "{kind}"
path = "{path}"
root_fingerprint = "{fingerprint}"
timeout_seconds = 60
"""
_WALLET = """
[[wallet]]
name = "{name}"
role = "{role}"
descriptor = "{descriptor}"
device = "{device}"
"""
# A day of tests pays more fees than a day of a treasury; the band fits an account of a tenth of a bitcoin.
_POLICY: Final = (
    ('floor = "10000"', 'floor = "100"'),
    ('target = "250000"', 'target = "2500"'),
    ('ceiling = "350000"', 'ceiling = "3500"'),
    ('min_change = "0.05"', 'min_change = "0.005"'),
    ('window_amount = "0.005"', 'window_amount = "0.05"'),
    ('window_share = "0.02"', 'window_share = "0.2"'),
    ('max_fee_share = "0.02"', 'max_fee_share = "0.1"'),
    ("'transfer.fee_rate <= 10'", "'transfer.fee_rate <= 20'"),
)


# -- a treasury ----------------------------------------------------------------------------------------


@dataclass
class NodeTreasury:
    """A treasury with its documents signed and its books open."""

    bench: NodeBench
    account: str
    desk: Desk
    deposit: str

    @property
    def treasury(self) -> Treasury:
        return self.desk.treasury

    def address(self, wallet: str, index: int, *, change: bool = False) -> str:
        return self.desk.descriptor(wallet).address(change, index)

    def plan(self, ident: str) -> Plan:
        return find_plan(self.desk, ident)

    def command(self, *arguments: str) -> Any:
        """`vault ... --json` in a process of its own, which must succeed; its document."""
        ran = subprocess.run(
            [sys.executable, "-m", "vault", *arguments, "--json"],
            cwd=self.treasury.folder,
            env={**os.environ, **stage.own_keyring(self.bench.folder), "PYTHONPATH": _PYTHONPATH},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert ran.returncode == 0, (
            f"vault {' '.join(arguments)}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        )
        return json.loads(ran.stdout)

    # -- a plan's way

    def prove(self, plan: Plan) -> None:
        """bitcoind finalises each signed transfer to our bytes, and would take the transaction."""
        for transfer in plan.body.transfers:
            if not transfer.on_chain:
                continue
            step = self.spend_step(plan, transfer)
            raw = str(step.facts["raw"])
            told = self.bench.node.call(
                "finalizepsbt", base64.b64encode(self._signed(transfer, step)).decode()
            )
            assert (told["complete"], told["hex"]) == (True, raw)
            (verdict,) = self.bench.node.call("testmempoolaccept", [raw])
            assert verdict["allowed"], verdict

    def _signed(self, transfer: Transfer, step: records.IntentRow) -> bytes:
        """The plan's PSBT with every signature in its field, nothing finalised."""
        verified = verify_transfer(self.desk, transfer)
        if verified.expected.descriptor.group:
            return as_it_stands(verified, step).psbt
        psbt = Psbt.parse(verified.psbt)
        final = Transaction.parse(bytes.fromhex(str(step.facts["raw"])))
        for number, each in enumerate(final.inputs):
            fields = psbt.inputs[number]
            if verified.expected.descriptor.kind == "p2tr":
                fields = fields.put(In.TAP_KEY_SIG, each.witness[0])
            else:
                fields = fields.put(In.PARTIAL_SIG, *each.witness)
            psbt = psbt.with_input(number, fields)
        return psbt.serialise()

    def spend_step(self, plan: Plan, transfer: Transfer) -> records.IntentRow:
        return next(
            step for step in self.steps(plan) if (step.transfer, step.kind) == (transfer.number, "spend")
        )

    def steps(self, plan: Plan) -> list[records.IntentRow]:
        with self.desk.store.read() as connection:
            return records.intents(connection, plan.plan_id)

    def states(self, plan: Plan) -> list[str]:
        return [step.state for step in self.steps(plan)]

    def state(self, plan: Plan) -> str:
        with self.desk.store.read() as connection:
            row = records.find_plan(connection, plan.plan_id)
        assert row is not None
        return row.state

    def txid(self, plan: Plan) -> str:
        return str(self.spend_step(plan, plan.transfer(1)).facts["txid"])

    def sign(self, plan: Plan, *devices: str) -> None:
        """Approved and signed, with the proof of a real node that the bytes are right."""
        if self.state(plan) == "proposed":
            approve.approve(self.desk, plan, TREASURER)
        for device in devices or (None,):
            approve.sign(self.desk, plan, device)
        self.prove(plan)

    def send(self, plan: Plan, *devices: str) -> Plan:
        """Approved, signed, proven and sent."""
        self.sign(plan, *devices)
        execute.send(self.desk, plan)
        self.seen(plan)
        return plan

    def seen(self, plan: Plan) -> None:
        """Return when ElectrumX has what was sent."""
        for transfer in plan.body.transfers:
            if transfer.on_chain:
                descriptor = self.desk.descriptor(transfer.source)
                _await_spent(self.bench, descriptor, transfer)

    def finish(self, plan: Plan) -> None:
        """Blocks and the exchange's clockwork pass until the plan is done."""
        if self.state(plan) == "sending":
            line.follow(self.desk, self.bench, plan)
        assert self.state(plan) == "done", (self.state(plan), self.steps(plan))

    def close_books(self) -> books.Books:
        """Balanced, nothing on its way, and every wallet holds what the node itself says."""
        self.still()
        found = books.close_books(self.desk)
        assert found.balanced, found
        assert found.in_transit.units == 0
        observed = {line.place: line.observed.units for line in found.lines}
        for settings in self.treasury.config.wallet:
            truth = self.bench.unspent(self.desk.descriptor(settings.name))
            assert observed[f"wallet:{settings.name}"] == truth, (settings.name, observed, truth)
        self.desk.store.verify()
        return found

    def still(self) -> None:
        """Nothing waits for a block any more."""
        self.bench.chain.mine(1)
        assert self.bench.node.call("getrawmempool") == []


def _await_spent(bench: NodeBench, descriptor: Descriptor, transfer: Transfer) -> None:
    from vault.bitcoin.transaction import OutPoint as Point

    point = Point.parse(transfer.coins[0])
    raw = bench.chain.raw_transaction(point.txid)
    bench.electrum.await_waiting(Transaction.parse(raw).outputs[point.vout].script, 2)


def make_node_treasury(bench: NodeBench, reach: str) -> NodeTreasury:
    """Account, wallets, configuration, keys, policy, book, coins; everything signed, the books open."""
    number = next(bench.numbers)
    name = f"{reach.replace(' ', '-')}-{number}"
    folder = bench.folder / "treasuries" / name
    folder.mkdir(parents=True)
    keys = {role: (f"{role}-key-{name}", f"{role}-secret-{name}") for role in ("read", "withdraw")}
    uid = _open_account(bench, name, keys)
    config = _CONFIG.format(
        treasury_id=name,
        reach=bench.reach(reach),
        uid=uid,
        venue=bench.world.venue_url,
        public_key=_public_key(bench),
    )
    tables = [_device_table(bench, each) for each in DEVICES]
    tables += [_wallet_table(bench, each, number) for each in SINGLE]
    (folder / "treasury.toml").write_text(config + "".join(tables), encoding="utf-8")
    treasury = load_treasury(folder / "treasury.toml")
    policy = (stage.ROOT / "policies" / "default.toml").read_text(encoding="utf-8")
    for before, after in _POLICY:
        assert before in policy, before
        policy = policy.replace(before, after)
    treasury.policy_path.write_text(policy, encoding="utf-8")
    parts = {role: dict(zip(("key", "secret"), pair, strict=True)) for role, pair in keys.items()}
    stage.store_keys(bench.folder, name, parts)
    Store.open(treasury.store_url, name, SystemClock(), create=True).close()
    group = WalletRequest("shared", "staging", "p2wsh", 2, tuple(Signer(each, number) for each in DEVICES))
    new = add_wallet(treasury, group, Keyboard(confirm=lambda _address: True), silent)
    with Desk(treasury) as desk:
        treasury = enrol(treasury, desk.store, new)
    _fund(bench, treasury)
    desk = Desk(treasury)
    try:
        deposit = bench.exchange.deposit_address(name)
        stage.sign_documents(desk, _write_book(treasury, desk, deposit))
        home = desk.book().book.find("cold-1").address
        allow_address(bench.exchange, name, "binance", home, "cold-1")
        made = NodeTreasury(bench, name, desk, deposit)
        opened = books.close_books(desk)
        assert opened.balanced, opened
    except BaseException:
        desk.close()
        raise
    return made


def _open_account(bench: NodeBench, name: str, keys: Mapping[str, tuple[str, str]]) -> int:
    return bench.exchange.create_account(
        name,
        keys=[
            {"key": keys["read"][0], "secret": keys["read"][1], "transfer": False},
            {
                "key": keys["withdraw"][0],
                "secret": keys["withdraw"][1],
                "withdraw": True,
                "ip_list": [HERE],
            },
        ],
        wallets={"futures": {"BTC": COLLATERAL, "USDT": "0"}},
        positions=[{"symbol": "BTCUSDT", "quantity": "0.1", "entry_price": "89000", "leverage": 20}],
    )


def _kind(persona: str) -> Any:
    return "onekey" if persona.startswith("onekey") else "trezor"


def _session(bench: NodeBench, device: str) -> Any:
    emulated = bench.devices[device]
    return open_device(
        emulated.path,
        kind=_kind(DEVICES[device][0]),
        expected_fingerprint=emulated.root_fingerprint or "",
        timeout_s=20,
    )


def _public_key(bench: NodeBench) -> str:
    with _session(bench, "cold") as session:
        return attestation_public_key(session, NETWORK)


def _device_table(bench: NodeBench, device: str) -> str:
    emulated = bench.devices[device]
    return _DEVICE.format(
        name=device,
        kind=_kind(DEVICES[device][0]),
        path=emulated.path,
        fingerprint=emulated.root_fingerprint,
    )


def _wallet_table(bench: NodeBench, wallet: str, number: int) -> str:
    device, kind, pattern = SINGLE[wallet]
    path = pattern.format(number)
    with _session(bench, device) as session:
        xpub = session.xpub(path, NETWORK)
    fingerprint = bench.devices[device].root_fingerprint or ""
    text = Descriptor.build(kind, NETWORK, fingerprint, parse_path(path), xpub).text()
    role = "cold" if wallet == "cold" else "staging"
    return _WALLET.format(name=wallet, role=role, descriptor=text, device=device)


def _fund(bench: NodeBench, treasury: Treasury) -> None:
    """The coins that the wallets start with."""
    for settings in treasury.config.wallet:
        descriptor = Descriptor.parse(settings.descriptor, NETWORK)
        if settings.name == "many":
            bench.spread([descriptor.address(False, index % 15) for index in range(MANY)], SMALL_COIN_SAT)
        else:
            bench.spread([descriptor.address(False, index) for index in range(COINS)], COIN_SAT, outputs=3)


def _write_book(treasury: Treasury, desk: Desk, deposit: str) -> AddressBook:
    """Addresses of the cold wallet beyond those that hold coins, cold ones elsewhere, and the deposit."""
    network, now, cold = f"bitcoin:{NETWORK.name}", SystemClock().now(), desk.descriptor("cold")
    blank = Entry("x", "BTC", network, deposit, None, "cold", None, None, None, now, True, None)
    entries = [
        replace(
            blank, id=f"cold-{number + 1}", address=cold.address(False, index), wallet="cold", index=index
        )
        for number, index in enumerate(range(COINS, COINS + COLD_ENTRIES))
    ]
    entries += [
        replace(blank, id=f"vault-{number + 1}", address=Key(b"vault", str(number)).address)
        for number in range(OUTSIDE_ENTRIES)
    ]
    entries.append(replace(blank, id="trading-deposit", purpose="venue_deposit", venue="trading"))
    book = AddressBook(1, tuple(entries))
    treasury.book_path.write_text(dump_book(book), encoding="utf-8")
    return book
