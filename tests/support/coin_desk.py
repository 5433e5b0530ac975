"""A treasury of two wallets on an emulated chain, no venue, no device; its documents signed by a test key.

For tests of coins: whoever pays these wallets is played by the chain's own miner, or by a stranger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from coincurve import PrivateKey

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from emulator.chains.index import Coin
from emulator.chains.script import script_of
from emulator.chains.signing import Key, OwnedCoin, build_payment
from emulator.chains.transaction import OutPoint, TxOut
from tests.support import bitcoin_keys as keys
from tests.support import statements
from vault.attestation import Statement, signed_text
from vault.canonical import canonical_json
from vault.clock import ManualClock, to_iso
from vault.codec import encode
from vault.config import load_treasury
from vault.policy.book import AddressBook, Entry, dump_book
from vault.store import coins as said
from vault.store import records
from vault.store.database import Store
from vault.treasury import authority, books, coins, observe
from vault.treasury.desk import Desk
from vault.treasury.plan import PLAN_SCHEMA, Move, Payment, Plan, PlanBody, Transfer

ROOT: Final = Path(__file__).resolve().parents[2]
NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
ATTESTER: Final = PrivateKey(b"\x11" * 32)
HOME: Final = 4  # the receive address of the cold wallet that the address book knows

_CONFIG: Final = """\
schema = 1
treasury_id = "coins"
emulated = true

[bitcoin]
network = "regtest"
esplora = "{esplora}"
confirmations = 2
{more}

[[device]]
name = "hand"
kind = "trezor"
path = "udp:127.0.0.1:1"
root_fingerprint = "00000000"

[[attester]]
name = "alice"
device = "hand"
public_key = "{public_key}"
roles = ["policy", "address-book", "approve"]
"""
_WALLET: Final = """
[[wallet]]
name = "{name}"
role = "{name}"
descriptor = "{descriptor}"
device = "hand"
"""


@dataclass
class CoinDesk:
    """The desk, the chain it looks at, and somebody who pays."""

    desk: Desk
    chain: BitcoinChain
    clock: ManualClock
    accounts: dict[str, keys.TestAccount]

    def address(self, wallet: str, index: int, *, change: bool = False) -> str:
        return self.accounts[wallet].descriptor.address(change, index)

    @property
    def home(self) -> str:
        """The cold wallet's entry of the address book."""
        return self.address("cold", HOME)

    def look(self) -> books.Books:
        """Observe and compare the books."""
        return books.close_books(self.desk, observe.take_snapshot(self.desk))

    def pay(self, *outputs: tuple[str, int], payer: Key | None = None, blocks: int = 1) -> str:
        """A stranger pays, in one transaction; returns its id."""
        key = payer or Key(b"tests", "stranger")
        amount = sum(value for _, value in outputs) + 20_000
        txid = self.chain.fund(key.address, amount)
        known = self.chain.transaction(txid)
        assert known is not None
        vout = [output.script_pubkey for output in known.tx.outputs].index(key.script)
        coin = OwnedCoin(Coin(OutPoint(txid, vout), known.tx.outputs[vout], 0, is_coinbase=False), key)
        paid = [TxOut(value, script_of(address)) for address, value in outputs]
        sent = build_payment([coin], paid, key.script, 3)
        self.chain.submit(sent.raw)
        if blocks:
            self.chain.mine(blocks)
        return sent.txid

    def plan(self, *transfers: Transfer, state: str = "sending") -> Plan:
        """A recorded plan."""
        now = self.clock.now()
        body = PlanBody(
            PLAN_SCHEMA,
            "coins",
            "regtest",
            now,
            now.replace(hour=23),
            "default",
            1,
            self.desk.policy().digest,
            1,
            self.desk.book().digest,
            "3" * 64,
            "4" * 64,
            1,
            (),
            transfers,
        )
        plan = Plan.of(body)
        row = records.PlanRow(
            plan.plan_id,
            plan.digest,
            to_iso(now),
            to_iso(body.expires_at),
            state,
            canonical_json(encode(body)),
        )
        with self.desk.store.write() as writer:
            records.save_plan(writer, row)
        return plan

    def withdrawal(self, amount: int) -> Transfer:
        """A sweep of a venue account to the cold wallet's entry."""
        from vault.money import BTC, Amount

        return Transfer(
            number=1,
            action="sweep",
            kind="venue_withdrawal",
            source="trading",
            venue_account="trading",
            network="bitcoin:regtest",
            venue_network="BTC",
            payments=(Payment("cold-1", self.home, Amount(BTC, amount)),),
            fee=Amount(BTC, 1_000),
            moves=(Move("futures", "spot"),),
        )

    def step(self, plan: Plan, kind: str) -> records.IntentRow:
        with self.desk.store.read() as connection:
            return next(step for step in records.intents(connection, plan.plan_id) if step.kind == kind)

    def walk(self, plan: Plan, kind: str, *states: str, reference: str = "") -> records.IntentRow:
        """Move a step through states, as sending and reconciling do."""
        from vault.treasury.steps import ensure_intents

        ensure_intents(self.desk.store, plan)
        for state in states:
            step = self.step(plan, kind)
            with self.desk.store.write() as writer:
                self.clock.advance(1)
                records.move_intent(
                    writer, step, state, reference=reference or None, submitted_at=to_iso(self.clock.now())
                )
        return self.step(plan, kind)


def make_coin_desk(
    folder: Path,
    server: EsploraServer,
    seed: bytes,
    *,
    opening: tuple[int, ...] = (5_000_000,),
    more: str = "",
) -> CoinDesk:
    """A treasury whose cold wallet holds `opening`, each at an address of its own; the books are open."""
    accounts = {name: keys.account_of(seed + name.encode(), "p2wpkh") for name in ("cold", "staging")}
    public_key = ATTESTER.public_key.format(compressed=True).hex()
    text = _CONFIG.format(esplora=server.url, public_key=public_key, more=more)
    text += "".join(
        _WALLET.format(name=name, descriptor=account.descriptor.text()) for name, account in accounts.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "treasury.toml").write_text(text, encoding="utf-8")
    treasury = load_treasury(folder / "treasury.toml")
    clock = ManualClock(NOW)
    treasury.policy_path.write_bytes((ROOT / "policies" / "default.toml").read_bytes())
    Store.open(treasury.store_url, "coins", clock, create=True).close()
    made = CoinDesk(Desk(treasury, clock=clock), server.chain, clock, accounts)
    _sign_documents(made)
    for index, amount in enumerate(opening):
        server.chain.fund(made.address("cold", index), amount)
    opened = made.look()
    assert opened.balanced, opened
    return made


def _sign_documents(made: CoinDesk) -> None:
    desk = made.desk
    blank = Entry(
        "cold-1", "BTC", "bitcoin:regtest", made.home, None, "cold", "cold", HOME, None, NOW, True, None
    )
    other = replace(blank, id="vault-1", address=Key(b"vault", "1").address, wallet=None, index=None)
    book = AddressBook(1, (blank, other))
    desk.treasury.book_path.write_text(dump_book(book), encoding="utf-8")
    policy, digest = authority.read_policy(desk.treasury)
    for kind, name, version, found in (
        ("policy", policy.policy_id, policy.version, digest),
        ("address-book", authority.BOOK_NAME, book.version, book.digest()),
    ):
        kind_: authority.DocumentKind = "policy" if kind == "policy" else "address-book"
        statement = authority.document_statement(desk.treasury, kind_, name, version, found)
        path = authority.document_path(desk.treasury, kind_)
        authority.write_signature(path, _signed(statement))


def _signed(statement: Statement) -> statements.SignedStatement:
    raw = statements.sign(signed_text(statement, "alice"), ATTESTER)
    return statements.signed(raw, statement, "alice")


def coin_of(made: CoinDesk, txid: str, wallet: str = "cold") -> coins.KnownCoin:
    found = coins.of_wallet(made.desk, wallet).known(spent=True)
    (coin,) = (each for each in found if each.outpoint.txid == txid)
    return coin


def state_of(made: CoinDesk, txid: str) -> str:
    return coin_of(made, txid).state


def give(made: CoinDesk, index: int, note: str = "") -> str:
    """An address given out, as `receive` does after the device showed it."""
    address = made.address("cold", index)
    with made.desk.store.write() as writer:
        said.give(writer, "cold", index, address, said.Said("anna", note))
    return address
