"""What a PSBT does, in facts that a person can judge: coins, payments, change, fee, signatures, warnings.

Nothing is believed: amounts are proven by hashed previous transactions, what is ours is derived again, and
signatures are checked. Contradictions are faults, which make a PSBT invalid; what only deserves a look warns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from typing import Final, Literal

from vault.address import Network, address_of, script_type
from vault.bitcoin.claims import (
    check_no_other_script,
    is_our_xpub,
    origin_fields,
    path_hint,
    require_claims,
)
from vault.bitcoin.descriptor import Descriptor, PlaceFinder
from vault.bitcoin.descriptor_places import Place
from vault.bitcoin.finalise import opened
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global
from vault.bitcoin.psbt.maps import PsbtInput, PsbtOutput
from vault.bitcoin.psbt.signer_checks import check_signer_rules
from vault.bitcoin.psbt_remarks import Remark, warnings_of
from vault.bitcoin.spend import RBF_SEQUENCE
from vault.bitcoin.standard_inputs import HeldSignature, StandardInput, checked_transaction, read_inputs
from vault.bitcoin.transaction import MAX_MONEY, OutPoint, TxIn
from vault.bitcoin.wire import counted
from vault.errors import AddressError, PsbtError
from vault.money import BTC, CONTEXT, Amount

# Scripts that no field places are looked for up to this index of each wallet.
SEARCH_GAP: Final = 100
# Coins of ours from this index on are found by nobody who restores the wallet from its seed.
FAR_INDEX: Final = 1000
# Rules for signers that a PSBT breaks while it is still being filled.
_STILL_TO_COME: Final = frozenset(
    {"psbt.utxo_missing", "psbt.redeem_script_missing", "psbt.witness_script_missing", "psbt.sighash"}
)
_LEAVES_OPEN: Final = frozenset(
    {
        "unknown_amount",
        "unproven_amount",
        "unknown_field",
        "proprietary_field",
        "unusual_sighash",
        "still_modifiable",
        "unfinished",
    }
)
What = Literal["payment", "change", "ours", "data", "script"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What names and wallets there are to recognise; scripts of the address book by their entry's name."""

    network: Network
    wallets: Mapping[str, Descriptor]
    names: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """Whose signature it is: the cosigner's fingerprint where the wallet is ours, else empty.

    `state`: ``valid``, ``invalid`` or ``not checked``.
    """

    key: str
    fingerprint: str
    state: Literal["valid", "invalid", "not checked"]


@dataclass(frozen=True, slots=True)
class InputLine:
    """`proven`: the amount is out of the hashed previous transaction. `wallet` is empty for strangers'.

    `needed` signatures open it; 0 where that is not known.
    """

    number: int
    coin: str
    sequence: int
    amount: Amount | None
    proven: bool
    address: str
    wallet: str
    place: str
    sighash: int | None
    needed: int
    signatures: tuple[SignatureLine, ...]
    final: bool


@dataclass(frozen=True, slots=True)
class OutputLine:
    """`what` it is, by our own derivation; `name` is the address book's or the wallet's."""

    number: int
    amount: Amount
    address: str
    what: What
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class PsbtReport:
    """`fee` None where an amount is not known; `fee_rate` is sat/vB of the transaction once it is signed."""

    version: int
    txid: str
    tx_version: int
    locktime: int
    replaceable: bool
    inputs: tuple[InputLine, ...]
    outputs: tuple[OutputLine, ...]
    fee: Amount | None
    fee_proven: bool
    vsize: int | None
    fee_rate: Decimal | None
    complete: bool
    faults: tuple[Remark, ...]
    warnings: tuple[Remark, ...]

    @property
    def doubts(self) -> tuple[Remark, ...]:
        """Faults, and warnings that leave open what would be signed."""
        return (*self.faults, *(each for each in self.warnings if each.code in _LEAVES_OPEN))


def report(psbt: Psbt, around: Surroundings) -> PsbtReport:
    """Everything there is to say. Raises nothing for what the PSBT says: faults are listed."""
    reader = _Reader(psbt, around)
    faults, facts = reader.faults, read_inputs(psbt)
    inputs = tuple(reader.input(each) for each in facts)
    outputs = tuple(reader.output(number) for number in range(len(psbt.outputs)))
    fee, proven = _fee(psbt, facts, faults)
    vsize = _vsize(psbt, facts)
    rate = None if fee is None or vsize is None else CONTEXT.divide(Decimal(fee.units), Decimal(vsize))
    complete = bool(facts) and all(each.final for each in facts)
    if complete and all(each.coin for each in facts):
        _run(psbt, faults)
    _twice(psbt, faults)
    strange = reader.strange_keys(all(each.wallet for each in inputs))
    found = PsbtReport(
        psbt.version,
        psbt.unsigned.txid,
        psbt.unsigned.version,
        psbt.unsigned.locktime,
        any(each.sequence <= RBF_SEQUENCE for each in psbt.unsigned.inputs),
        inputs,
        outputs,
        fee,
        proven,
        vsize,
        None if rate is None else rate.quantize(Decimal("0.001"), rounding=ROUND_UP),
        complete,
        tuple(faults),
        (),
    )
    return replace(found, warnings=(*_warnings(psbt, found, around), *reader.far, *strange))


def _warnings(psbt: Psbt, found: PsbtReport, around: Surroundings) -> Iterator[Remark]:
    yield from warnings_of(psbt)
    for each in found.inputs:
        if each.amount is None:
            yield Remark("unknown_amount", f"input {each.number}", "no field says what it is worth")
        elif not each.proven:
            yield Remark(
                "unproven_amount",
                f"input {each.number}",
                "its amount is claimed, and no previous transaction proves it",
            )
    if around.wallets and not any(each.wallet for each in found.inputs):
        yield Remark("nothing_ours", "inputs", "no coin of a wallet known here is spent")
    if len(owners := {each.wallet for each in found.inputs}) > 1:
        names = ", ".join(name or "strangers" for name in sorted(owners))
        yield Remark("mixed_inputs", "inputs", f"coins of several owners are spent together: {names}")
    if found.fee is not None:
        yield from _high_fee(found, found.fee)
    for line in found.outputs:
        if line.what == "payment" and around.names and not line.name:
            yield Remark(
                "unknown_payee", f"output {line.number}", "pays to an address that is in no address book"
            )


# Above these a person should look twice; a policy has its own caps.
_HIGH_RATE: Final = Decimal(200)
_HIGH_SHARE: Final = Decimal("0.05")


def _high_fee(found: PsbtReport, fee: Amount) -> Iterator[Remark]:
    if found.fee_rate is not None and found.fee_rate > _HIGH_RATE:
        yield Remark("high_fee_rate", "fee", f"{found.fee_rate} sat/vB is above {_HIGH_RATE}")
    paid = sum(each.amount.units for each in found.outputs)
    if Decimal(fee.units) > CONTEXT.multiply(_HIGH_SHARE, Decimal(paid)):
        yield Remark("high_fee", "fee", f"{fee} is more than {_HIGH_SHARE * 100:.0f} % of what is paid")


class _Reader:
    """Reads inputs and outputs of one PSBT, and gathers what contradicts itself."""

    def __init__(self, psbt: Psbt, around: Surroundings) -> None:
        self._psbt, self._around = psbt, around
        self._finders = {name: PlaceFinder(each, SEARCH_GAP) for name, each in around.wallets.items()}
        self._accounts = {
            (key.fingerprint, key.path) for each in around.wallets.values() for key in each.keys
        }
        self.faults: list[Remark] = []
        self.far: list[Remark] = []

    def input(self, each: StandardInput) -> InputLine:
        """One input, its signatures judged."""
        name, fields = f"input {each.number}", self._psbt.inputs[each.number]
        tx_in = self._psbt.unsigned.inputs[each.number]
        if not each.final:
            self._by_the_rules(name, tx_in, fields)
        script = each.coin.script if each.coin else b""
        if each.coin and each.coin.value > MAX_MONEY:
            message = f"expected at most {MAX_MONEY} sat, found {each.coin.value}"
            self.faults.append(Remark("bad_coin_amount", name, message))
        wallet, place = self._ours(name, script, fields, final=each.final)
        who = {key.key: key.fingerprint for key in place.keys} if place else {}
        for held in each.signatures:
            if held.fault:
                message = f"the signature of {held.key.hex()}: {held.fault}"
                self.faults.append(Remark("signature_invalid", name, message))
        return InputLine(
            each.number,
            str(tx_in.outpoint),
            tx_in.sequence,
            Amount(BTC, each.coin.value) if each.coin else None,
            each.proven,
            _address(script, self._around.network) if each.coin else "",
            wallet,
            place.where if place else "",
            fields.sighash(),
            each.place.threshold if each.place else 0,
            tuple(_signature(held, who) for held in each.signatures),
            each.final,
        )

    def output(self, number: int) -> OutputLine:
        """One output, and what it is by our own derivation."""
        tx_out, fields = self._psbt.unsigned.outputs[number], self._psbt.outputs[number]
        wallet, place = self._ours(f"output {number}", tx_out.script, fields)
        kind = script_type(tx_out.script)
        what: What = "payment"
        if place is not None:
            what = "change" if place.change else "ours"
        elif kind in {"op_return", "unknown"}:
            what = "data" if kind == "op_return" else "script"
        return OutputLine(
            number,
            Amount(BTC, tx_out.value),
            _address(tx_out.script, self._around.network),
            what,
            self._around.names.get(tx_out.script, "") or wallet,
            place.where if place else "",
        )

    def strange_keys(self, all_ours: bool) -> tuple[Remark, ...]:
        """Extended keys that are none of ours beside coins that all are; false origins are faults."""
        found, name = [], "global map"
        for field in self._psbt.globals.all(Global.XPUB):
            try:
                ours = any(is_our_xpub(field, each) for each in self._around.wallets.values())
            except PsbtError as error:
                self.faults.append(_fault(name, error))
                continue
            if all_ours and not ours:
                message = (
                    f"extended key {field.key.hex()} is none of ours: a signer could take it for a cosigner"
                )
                found.append(Remark("foreign_xpub", name, message))
        return tuple(found)

    def _by_the_rules(self, name: str, tx_in: TxIn, fields: PsbtInput) -> None:
        """BIP174's rules for signers, input by input, so that each breach is named."""
        unsigned = replace(self._psbt.unsigned, inputs=(tx_in,))
        try:
            check_signer_rules(replace(self._psbt, unsigned=unsigned, inputs=(fields,)))
        except PsbtError as error:
            if error.code not in _STILL_TO_COME:
                self.faults.append(_fault(name, error, "input 0"))

    def _ours(
        self, name: str, script: bytes, fields: PsbtInput | PsbtOutput, *, final: bool = False
    ) -> tuple[str, Place | None]:
        """The wallet that a script belongs to, and where in it; false claims about it are faults."""
        for wallet, descriptor in self._around.wallets.items():
            origins = origin_fields(fields, descriptor.kind)
            place = self._finders[wallet].find(script, path_hint(origins))
            if place is None:
                continue
            try:
                if not final:
                    require_claims(name, fields, origins, place)
                    check_no_other_script(name, fields, place.kind)
            except PsbtError as error:
                self.faults.append(_fault(name, error))
            if place.index >= FAR_INDEX:
                message = f"{wallet} at {place.where} is not looked for by a wallet restored from its seed"
                self.far.append(Remark("far_index", name, message))
            return wallet, place
        claims = (each for taproot in (False, True) for each in fields.origins(taproot=taproot))
        if script and any((each.fingerprint, each.path[:-2]) in self._accounts for each in claims):
            self.faults.append(
                Remark("claims_to_be_ours", name, "names keys of our wallets, and is none of their scripts")
            )
        return "", None


def _signature(held: HeldSignature, who: Mapping[bytes, str]) -> SignatureLine:
    state: Literal["valid", "invalid", "not checked"] = "valid" if held.holds else "not checked"
    return SignatureLine(held.key.hex(), who.get(held.key, ""), "invalid" if held.fault else state)


def _fee(psbt: Psbt, facts: Sequence[StandardInput], faults: list[Remark]) -> tuple[Amount | None, bool]:
    coins = [each.coin for each in facts]
    if not coins or any(coin is None for coin in coins):
        return None, False
    left = sum(coin.value for coin in coins if coin) - sum(each.value for each in psbt.unsigned.outputs)
    if left < 0:
        faults.append(
            Remark("outputs_above_inputs", "fee", f"the outputs pay {-left} sat more than is spent")
        )
        return None, False
    return Amount(BTC, left), all(each.proven for each in facts)


def _vsize(psbt: Psbt, facts: Sequence[StandardInput]) -> int | None:
    """Virtual size once all has been signed, with the longest signatures; None where that is not known."""
    weight, witnesses = 4 * len(psbt.unsigned.serialise(witness=False)), False
    for each in facts:
        if each.place is None:
            return None
        longest = bytes(64 if each.place.kind == "p2tr" else 71)
        script_sig, witness = opened(each.place, (longest,) * each.place.threshold)
        weight += 4 * len(script_sig) + 1 + sum(len(counted(item)) for item in witness)
        witnesses = witnesses or bool(witness)
    return (weight + (2 if witnesses else -len(facts)) + 3) // 4


def _run(psbt: Psbt, faults: list[Remark]) -> None:
    try:
        checked_transaction(psbt)
    except PsbtError as error:
        faults.append(_fault("transaction", error))


def _twice(psbt: Psbt, faults: list[Remark]) -> None:
    seen: set[OutPoint] = set()
    for each in psbt.unsigned.inputs:
        if each.outpoint in seen:
            faults.append(Remark("duplicate_input", "inputs", f"{each.outpoint} is spent twice"))
        seen.add(each.outpoint)


def _address(script: bytes, network: Network) -> str:
    try:
        return address_of(script, network)
    except AddressError:
        return f"script {script[:100].hex()}" + (f"... ({len(script)} bytes)" if len(script) > 100 else "")


def _fault(where: str, error: PsbtError, named: str = "") -> Remark:
    """A refusal as a remark; its message begins with the place it was found under."""
    return Remark(error.code.partition(".")[2], where, error.message.removeprefix(f"{named or where}: "))
