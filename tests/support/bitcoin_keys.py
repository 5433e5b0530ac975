"""A seed in the test's own hands: derives accounts, signs verified spends, builds clean sample PSBTs.

For tests only: it plays the part of a signing device, and of a wallet that builds PSBTs field by field.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from coincurve import PrivateKey

from vault.address import Network, hash160, network_of
from vault.bip32 import HARDENED, ExtendedKey, tagged_hash
from vault.bitcoin.descriptor import Descriptor, Kind
from vault.bitcoin.psbt import FieldMap, KeyOrigin, Psbt, PsbtInput, PsbtOutput
from vault.bitcoin.psbt_fields import Global, In, Out
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import RBF_SEQUENCE, ExpectedSpend, FeeLimits, VerifiedSpend
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.money import BTC, Amount

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
REGTEST = network_of("regtest")
PURPOSE = {"p2wpkh": 84, "p2tr": 86}
STRANGER = b"\x00\x14" + b"\x66" * 20


@dataclass(frozen=True)
class Forgery:
    """What is forged, and the code it must be refused with. `kinds`: the wallets it applies to."""

    make: Callable[..., Any]
    code: str
    kinds: tuple[str, ...] = ("p2wpkh", "p2tr")


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
        return PrivateKey(((secret + tweak) % ORDER).to_bytes(32, "big")).sign_schnorr(digest)


@dataclass(frozen=True)
class TestAccount:
    """A wallet whose seed the test holds."""

    __test__ = False

    node: PrivateNode
    descriptor: Descriptor

    def sign(self, verified: VerifiedSpend) -> tuple[tuple[int, bytes], ...]:
        """What an honest device answers."""
        parts = SighashParts.of(verified.unsigned, [each.spent for each in verified.inputs])
        return tuple(
            (number, self.sign_digest(each.change, each.index, parts.digest(number)))
            for number, each in enumerate(verified.inputs)
        )

    def sign_digest(self, change: bool, index: int, digest: bytes) -> bytes:
        node = self.node.child(int(change)).child(index)
        return node.schnorr(digest) if self.descriptor.kind == "p2tr" else node.ecdsa(digest)


def account_of(seed: bytes, kind: Kind, network: Network = REGTEST) -> TestAccount:
    """Account 0 of a seed."""
    digest = hmac.new(b"Bitcoin seed", seed, hashlib.sha512).digest()
    node = PrivateNode(digest[:32], digest[32:])
    fingerprint = hash160(node.public)[:4].hex()
    path = (PURPOSE[kind] | HARDENED, network.coin_type | HARDENED, 0 | HARDENED)
    parent = node
    for step in path:
        parent, node = node, node.child(step)
    key = ExtendedKey(node.public, node.chain_code, len(path), hash160(parent.public)[:4], path[-1])
    return TestAccount(node, Descriptor.build(kind, network, fingerprint, path, key.text(network)))


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
    """A clean PSBT of three coins, two payments and change, with the plan it fulfils."""

    account: TestAccount
    psbt: Psbt
    expected: ExpectedSpend
    limits: FeeLimits

    @property
    def descriptor(self) -> Descriptor:
        return self.account.descriptor

    @property
    def taproot(self) -> bool:
        return self.descriptor.kind == "p2tr"

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

    def input_map(self, change: bool, index: int, previous: Transaction) -> PsbtInput:
        """The fields a builder writes for one of our coins (output 1 of `previous`)."""
        fields = FieldMap(()).put(In.NON_WITNESS_UTXO, previous.serialise())
        fields = fields.put(In.WITNESS_UTXO, previous.outputs[1].serialise())
        return PsbtInput(self.origin_fields(fields, In, change, index).fields)

    def output_map(self, change: bool, index: int) -> PsbtOutput:
        """The fields a builder writes for an output of ours."""
        return PsbtOutput(self.origin_fields(FieldMap(()), Out, change, index).fields)

    def origin_fields(
        self, fields: FieldMap, kinds: type[In] | type[Out], change: bool, index: int
    ) -> FieldMap:
        key, path = self.descriptor.key(change, index), self.descriptor.path(change, index)
        origin = KeyOrigin(key, self.descriptor.origin_fingerprint, path)
        if not self.taproot:
            return fields.put(kinds.BIP32_DERIVATION, origin.value(taproot=False), key)
        fields = fields.put(kinds.TAP_INTERNAL_KEY, key[1:])
        return fields.put(kinds.TAP_BIP32_DERIVATION, origin.value(taproot=True), key[1:])

    def serialise(self) -> bytes:
        return self.psbt.serialise()


PLACES = ((False, 0), (False, 3), (True, 1))
VALUES = (30_000_000, 45_000_000, 60_000_000)
PAYMENTS = (50_000_000, 40_000_000)
CHANGE_INDEX = 5
FEE = 2_500


def sample_of(kind: Kind, seed: bytes = b"a seed of the tests") -> Sample:
    """The clean PSBT all forgeries start from."""
    account = account_of(seed, kind)
    descriptor = account.descriptor
    previous = [
        previous_of(descriptor.script_pubkey(*place), value, number)
        for number, (place, value) in enumerate(zip(PLACES, VALUES, strict=True))
    ]
    payments = tuple((foreign_script(100 + n), Amount(BTC, value)) for n, value in enumerate(PAYMENTS))
    change = sum(VALUES) - sum(PAYMENTS) - FEE
    unsigned = Transaction(
        2,
        tuple(TxIn(OutPoint(each.txid, 1), b"", RBF_SEQUENCE) for each in previous),
        (
            *(TxOut(amount.units, script) for script, amount in payments),
            TxOut(change, descriptor.script_pubkey(True, CHANGE_INDEX)),
        ),
        0,
    )
    expected = ExpectedSpend(
        descriptor,
        payments,
        REGTEST,
        change_gap=50,
        inputs=tuple(each.outpoint for each in unsigned.inputs),
        fee=Amount(BTC, FEE),
    )
    limits = FeeLimits(Amount(BTC, 100_000), Decimal(50), Decimal("0.01"))
    sample = Sample(account, Psbt.create(unsigned), expected, limits)
    psbt = sample.psbt
    for number, (place, made) in enumerate(zip(PLACES, previous, strict=True)):
        psbt = psbt.with_input(number, sample.input_map(*place, made))
    psbt = psbt.with_output(2, sample.output_map(True, CHANGE_INDEX))
    return replace(sample, psbt=psbt)
