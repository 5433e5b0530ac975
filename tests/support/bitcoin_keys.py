"""Seeds in the test's own hands: derives accounts of every kind, signs verified spends, builds clean PSBTs.

For tests only: it plays the part of signing devices, and of a wallet that builds PSBTs field by field.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from coincurve import PrivateKey

from vault.address import Network, hash160, network_of
from vault.bip32 import HARDENED, ExtendedKey, tagged_hash
from vault.bitcoin.descriptor import Descriptor, KeyExpression, Kind
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import FieldMap, KeyOrigin, PsbtInput, PsbtOutput
from vault.bitcoin.scripts import GROUP_KINDS, KINDS
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import RBF_SEQUENCE, ExpectedSpend, FeeLimits, PartialSignature, VerifiedSpend
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.money import BTC, Amount

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
REGTEST = network_of("regtest")
PURPOSE = {"p2pkh": 44, "p2sh-p2wpkh": 49, "p2wpkh": 84, "p2tr": 86, "p2wsh": 48, "p2sh-p2wsh": 48}
GROUP_STEP = {"p2wsh": 2, "p2sh-p2wsh": 1}
SINGLE_SEGWIT = ("p2sh-p2wpkh", "p2wpkh", "p2tr")
STRANGER = b"\x00\x14" + b"\x66" * 20


@dataclass(frozen=True)
class Forgery:
    """What is forged, and the code it must be refused with. `kinds`: the wallets it applies to.

    `like` names the forgery whose code it shares: the same lie told in another way.
    """

    make: Callable[..., Any]
    code: str
    kinds: tuple[Kind, ...] = KINDS
    like: str = ""


@dataclass(frozen=True)
class PrivateNode:
    """A node of a BIP32 tree, private."""

    secret: bytes
    chain_code: bytes

    @property
    def public(self) -> bytes:
        return PrivateKey(self.secret).public_key.format()

    def child(self, step: int) -> PrivateNode:
        head = b"\0" + self.secret if step & HARDENED else self.public
        digest = hmac.new(self.chain_code, head + step.to_bytes(4, "big"), hashlib.sha512).digest()
        number = (int.from_bytes(digest[:32], "big") + int.from_bytes(self.secret, "big")) % ORDER
        return PrivateNode(number.to_bytes(32, "big"), digest[32:])

    def ecdsa(self, digest: bytes) -> bytes:
        return PrivateKey(self.secret).sign(digest, hasher=None)

    def schnorr(self, digest: bytes) -> bytes:
        """With the BIP86 output key."""
        secret = int.from_bytes(self.secret, "big")
        if self.public[0] == 3:
            secret = ORDER - secret
        tweak = int.from_bytes(tagged_hash("TapTweak", self.public[1:]), "big")
        return PrivateKey(((secret + tweak) % ORDER).to_bytes(32, "big")).sign_schnorr(digest, bytes(32))


Answer = tuple[tuple[int, bytes], ...] | tuple[PartialSignature, ...]


@dataclass(frozen=True)
class TestAccount:
    """A wallet whose seeds the test holds: one account key, or one of every cosigner."""

    __test__ = False

    nodes: tuple[PrivateNode, ...]
    descriptor: Descriptor

    def sign(self, verified: VerifiedSpend) -> tuple[tuple[int, bytes], ...]:
        """What an honest device answers for a wallet of one key."""
        parts = SighashParts.of(verified.unsigned, verified.spent)
        return tuple(
            (number, self.sign_digest(place.change, place.index, parts.digest(number, place.script_code)))
            for number, place in enumerate(each.place for each in verified.inputs)
        )

    def cosign(self, verified: VerifiedSpend, cosigner: int) -> tuple[PartialSignature, ...]:
        """What an honest cosigner's device answers."""
        parts = SighashParts.of(verified.unsigned, verified.spent)
        answer = []
        for number, coin in enumerate(verified.inputs):
            place = coin.place
            key = next(each.key for each in place.keys if each.cosigner == cosigner)
            digest = parts.digest(number, place.script_code)
            signature = self.sign_digest(place.change, place.index, digest, cosigner)
            answer.append(PartialSignature(number, key, signature))
        return tuple(answer)

    def honest(self, verified: VerifiedSpend) -> Answer:
        """What is enough: the one key's signatures, or those of as many cosigners as are needed."""
        if not self.descriptor.group:
            return self.sign(verified)
        signers = range(self.descriptor.threshold)
        return tuple(each for signer in signers for each in self.cosign(verified, signer))

    def sign_digest(self, change: bool, index: int, digest: bytes, cosigner: int = 0) -> bytes:
        node = self.nodes[cosigner].child(int(change)).child(index)
        return node.schnorr(digest) if self.descriptor.kind == "p2tr" else node.ecdsa(digest)


def account_of(seed: bytes, kind: Kind, network: Network = REGTEST) -> TestAccount:
    """Account 0 of a seed; of a kind for groups a 2-of-3 of three seeds made from it."""
    if kind in GROUP_KINDS:
        return group_of([seed + bytes([number]) for number in range(3)], 2, kind, network)
    node, key = _account_key(seed, kind, network)
    return TestAccount((node,), Descriptor.of_keys(kind, network, 1, (key,)))


def group_of(seeds: Sequence[bytes], threshold: int, kind: Kind, network: Network = REGTEST) -> TestAccount:
    """A group with account 0 of every seed."""
    nodes, keys = zip(*(_account_key(seed, kind, network) for seed in seeds), strict=True)
    return TestAccount(nodes, Descriptor.of_keys(kind, network, threshold, keys))


def _account_key(seed: bytes, kind: Kind, network: Network) -> tuple[PrivateNode, KeyExpression]:
    digest = hmac.new(b"Bitcoin seed", seed, hashlib.sha512).digest()
    node = PrivateNode(digest[:32], digest[32:])
    fingerprint = hash160(node.public)[:4].hex()
    steps = (PURPOSE[kind], network.coin_type, 0, *((GROUP_STEP[kind],) if kind in GROUP_STEP else ()))
    path = tuple(step | HARDENED for step in steps)
    parent = node
    for step in path:
        parent, node = node, node.child(step)
    account = ExtendedKey(node.public, node.chain_code, len(path), hash160(parent.public)[:4], path[-1])
    return node, KeyExpression(fingerprint, path, account)


def foreign_script(number: int) -> bytes:
    """An output script of nobody we know."""
    return b"\x00\x14" + hashlib.sha256(f"stranger {number}".encode()).digest()[:20]


def previous_of(script: bytes, value: int, salt: int) -> Transaction:
    """A transaction whose output 1 is the coin."""
    origin = OutPoint(hashlib.sha256(f"coin {salt}".encode()).hexdigest(), salt)
    outputs = (TxOut(7_777, foreign_script(salt)), TxOut(value, script))
    return Transaction(2, (TxIn(origin, b"", 0xFFFFFFFF, (b"\x01" * 64,)),), outputs, 0)


@dataclass(frozen=True)
class Sample:
    """A clean PSBT with the plan it fulfils; of `sample_of` three coins, two payments and change."""

    account: TestAccount
    psbt: Psbt
    expected: ExpectedSpend
    limits: FeeLimits

    @property
    def descriptor(self) -> Descriptor:
        return self.account.descriptor

    @property
    def kind(self) -> Kind:
        return self.descriptor.kind

    @property
    def taproot(self) -> bool:
        return self.kind == "p2tr"

    @property
    def unsigned(self) -> Transaction:
        return self.psbt.unsigned

    def retold(self, unsigned: Transaction, psbt: Psbt | None = None) -> Psbt:
        """The PSBT with another unsigned transaction but the same maps."""
        base = psbt or self.psbt
        raw = unsigned.serialise(witness=False)
        return replace(base, unsigned=unsigned, globals=base.globals.put(Global.UNSIGNED_TX, raw))

    def with_inputs(self, *inputs: TxIn) -> Psbt:
        return self.retold(replace(self.unsigned, inputs=inputs))

    def with_outputs(self, *outputs: TxOut) -> Psbt:
        return self.retold(replace(self.unsigned, outputs=outputs))

    def put_input(self, number: int, kind: int, value: bytes, key: bytes = b"") -> Psbt:
        """The PSBT with one field of an input set."""
        return self.psbt.with_input(number, self.psbt.inputs[number].put(kind, value, key))

    def put_output(self, number: int, kind: int, value: bytes, key: bytes = b"") -> Psbt:
        """The PSBT with one field of an output set."""
        return self.psbt.with_output(number, self.psbt.outputs[number].put(kind, value, key))

    def input_map(self, change: bool, index: int, previous: Transaction) -> PsbtInput:
        """The fields a builder writes for one of our coins (output 1 of `previous`)."""
        fields = FieldMap(()).put(In.NON_WITNESS_UTXO, previous.serialise())
        if self.kind != "p2pkh":
            fields = fields.put(In.WITNESS_UTXO, previous.outputs[1].serialise())
        return PsbtInput(self.origin_fields(fields, In, change, index).fields)

    def output_map(self, change: bool, index: int) -> PsbtOutput:
        """The fields a builder writes for an output of ours."""
        return PsbtOutput(self.origin_fields(FieldMap(()), Out, change, index).fields)

    def origin_fields(
        self, fields: FieldMap, kinds: type[In] | type[Out], change: bool, index: int
    ) -> FieldMap:
        place = self.descriptor.place(change, index)
        if place.redeem_script:
            fields = fields.put(kinds.REDEEM_SCRIPT, place.redeem_script)
        if place.witness_script:
            fields = fields.put(kinds.WITNESS_SCRIPT, place.witness_script)
        if self.taproot:
            fields = fields.put(kinds.TAP_INTERNAL_KEY, place.keys[0].key[1:])
        for each in place.keys:
            key = each.key[1:] if self.taproot else each.key
            kind = kinds.TAP_BIP32_DERIVATION if self.taproot else kinds.BIP32_DERIVATION
            origin = KeyOrigin(key, each.fingerprint, each.path)
            fields = fields.put(kind, origin.value(taproot=self.taproot), key)
        return fields

    def serialise(self) -> bytes:
        return self.psbt.serialise()


PLACES = ((False, 0), (False, 3), (True, 1))
VALUES = (30_000_000, 45_000_000, 60_000_000)
PAYMENTS = (50_000_000, 40_000_000)
CHANGE_INDEX = 5
FEE = 2_500
LIMITS = FeeLimits(Amount(BTC, 100_000), Decimal(50), Decimal("0.01"))


def sample_of(kind: Kind, seed: bytes = b"a seed of the tests") -> Sample:
    """The clean PSBT all forgeries start from."""
    return make_sample(account_of(seed, kind))


def make_sample(
    account: TestAccount,
    *,
    places: Sequence[tuple[bool, int]] = PLACES,
    values: Sequence[int] = VALUES,
    payments: Sequence[int] = PAYMENTS,
    change_index: int | None = CHANGE_INDEX,
    fee: int = FEE,
    locktime: int = 0,
    sequence: int = RBF_SEQUENCE,
) -> Sample:
    """A clean PSBT of coins at `places`; without a change index the last payment takes what is left."""
    descriptor = account.descriptor
    previous = [
        previous_of(descriptor.script_pubkey(*place), value, number)
        for number, (place, value) in enumerate(zip(places, values, strict=True))
    ]
    left = sum(values) - sum(payments) - fee
    amounts = [*payments[:-1], payments[-1] + left] if change_index is None else list(payments)
    paid = tuple((foreign_script(100 + n), Amount(BTC, value)) for n, value in enumerate(amounts))
    outputs = [TxOut(amount.units, script) for script, amount in paid]
    if change_index is not None:
        outputs.append(TxOut(left, descriptor.script_pubkey(True, change_index)))
    inputs = tuple(TxIn(OutPoint(each.txid, 1), b"", sequence) for each in previous)
    unsigned = Transaction(2, inputs, tuple(outputs), locktime)
    expected = ExpectedSpend(
        descriptor,
        paid,
        descriptor.network,
        change_gap=50,
        locktime=locktime,
        sequence=sequence,
        inputs=tuple(each.outpoint for each in inputs),
        fee=Amount(BTC, fee),
    )
    sample = Sample(account, Psbt.create(unsigned), expected, LIMITS)
    maps = tuple(sample.input_map(*place, made) for place, made in zip(places, previous, strict=True))
    psbt = replace(sample.psbt, inputs=maps)
    if change_index is not None:
        psbt = psbt.with_output(len(outputs) - 1, sample.output_map(True, change_index))
    return replace(sample, psbt=psbt)
