"""Treasuries whose staging wallet is a group: devices of the bench as cosigners, and one outside of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Bench, Case, ShiftedClock
from tests.support.bitcoin_keys import PrivateNode, group_of
from vault.bitcoin.descriptor import Descriptor, KeyExpression
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.scripts import Kind
from vault.bitcoin.sighash import SighashParts
from vault.config import Treasury, load_treasury
from vault.device.connection.keyboard import Keyboard
from vault.device.prompt import silent
from vault.treasury.add_wallet import NewWallet, Signer, WalletRequest, add_wallet, enrol
from vault.treasury.desk import Desk

AGREEING = Keyboard(confirm=lambda _address: True)
_ACCOUNTS = count(1)


@dataclass(frozen=True)
class Outsider:
    """A cosigner whose seed the test holds, as an air-gapped signer would."""

    node: PrivateNode
    key: KeyExpression

    @property
    def text(self) -> str:
        """The key as other programs export it."""
        path = "/".join(str(step & 0x7FFFFFFF) + "h" for step in self.key.path)
        return f"[{self.key.fingerprint}/{path}]{self.key.account.text(stage.NETWORK)}"

    def sign(self, psbt: Psbt, descriptor: Descriptor) -> Psbt:
        """The PSBT with this cosigner's signature on every input, as an honest signer returns it."""
        places, spent = [], []
        for tx_in, fields in zip(psbt.unsigned.inputs, psbt.inputs, strict=True):
            previous = fields.previous_transaction()
            assert previous is not None
            coin = previous.outputs[tx_in.outpoint.vout]
            spent.append(coin)
            found = descriptor.find(coin.script, None, 20)
            assert found is not None
            places.append(descriptor.place(*found))
        parts = SighashParts.of(psbt.unsigned, spent)
        for number, place in enumerate(places):
            node = self.node.child(int(place.change)).child(place.index)
            signature = node.ecdsa(parts.digest(number, place.script_code)) + b"\x01"
            psbt = psbt.with_input(number, psbt.inputs[number].put(In.PARTIAL_SIG, signature, node.public))
        return psbt


def outsider(name: str, kind: Kind = "p2wsh") -> Outsider:
    """A cosigner of his own seed."""
    account = group_of([name.encode(), b"nobody"], 1, kind)
    return Outsider(account.nodes[0], account.descriptor.keys[0])


def request(
    *signers: tuple[str, int], kind: Kind = "p2wsh", threshold: int = 2, outside: tuple[Outsider, ...] = ()
) -> WalletRequest:
    """The staging wallet of these accounts of devices."""
    return WalletRequest(
        "staging",
        "staging",
        kind,
        threshold,
        tuple(Signer(*each) for each in signers),
        tuple(each.key for each in outside),
    )


@dataclass
class GroupCase:
    """A case whose staging wallet is a group."""

    case: Case
    wallet: NewWallet
    outside: tuple[Outsider, ...]

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor.parse(self.wallet.descriptor, stage.NETWORK)


@contextmanager
def group_treasury(
    bench: Bench,
    folder_name: str,
    *,
    kind: Kind = "p2wsh",
    threshold: int = 2,
    signers: tuple[str, ...] = ("cold", "staging"),
    outsiders: int = 1,
    change: Callable[[WalletRequest], WalletRequest] = lambda wanted: wanted,
) -> Iterator[GroupCase]:
    """A funded treasury with an evacuation proposed out of its group; every device has shown the wallet."""
    number = next(bench._numbers)
    folder = bench._folder / f"{folder_name}-{number}"
    staged = stage.make_treasury(bench.scene, folder, "evacuation", number, keyring=bench._folder)
    treasury = without_wallet(load_treasury(staged.config), "staging")
    outside = tuple(outsider(f"{folder_name} {number} {each}", kind) for each in range(outsiders))
    wanted = change(
        request(*((name, number) for name in signers), kind=kind, threshold=threshold, outside=outside)
    )
    new = add_wallet(treasury, wanted, AGREEING, silent)
    with Desk(treasury) as desk:
        treasury = enrol(treasury, desk.store, new)
    descriptors = tuple(
        (name, new.descriptor if name == "staging" else text) for name, text in staged.descriptors
    )
    staged = replace(staged, descriptors=descriptors)
    stage.fund(bench.scene, staged)
    clock = ShiftedClock()
    with Desk(treasury, clock=clock) as desk:
        line.prepare(desk, staged)
        plan = line.propose_plan(desk)
        yield GroupCase(
            Case(bench.scene, staged, desk, plan, clock, bench.hands, bench.devices), new, outside
        )


def without_wallet(treasury: Treasury, name: str) -> Treasury:
    """treasury.toml without the table of a wallet."""
    head, *tables = treasury.path.read_text(encoding="utf-8").split("\n[[")
    kept = [each for each in tables if not (each.startswith("wallet]]") and f'name = "{name}"' in each)]
    assert len(kept) == len(tables) - 1
    treasury.path.write_text("\n[[".join([head, *kept]), encoding="utf-8")
    return load_treasury(treasury.path)
