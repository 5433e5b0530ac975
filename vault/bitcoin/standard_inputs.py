"""Inputs of anybody's PSBT as their own fields prove them: coin, script, keys, and what signatures are worth.

Finalises what has valid signatures enough. Knows one key (p2pkh, p2wpkh, also in p2sh, p2tr's key path) and
m of n in p2wsh, also in p2sh; refuses to finalise anything else, and any signature that does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from vault.address import hash160, script_type
from vault.bitcoin.descriptor_places import Place, PlaceKey
from vault.bitcoin.finalise import opened, require_consensus
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import extract, finalised_input, is_final
from vault.bitcoin.psbt.fields import SIGNATURES, In
from vault.bitcoin.psbt.maps import PsbtInput
from vault.bitcoin.scripts import MAX_KEYS, Kind, p2pkh, p2sh, p2wpkh, p2wsh
from vault.bitcoin.sighash import SIGHASH_ALL, SIGHASH_DEFAULT, SighashParts
from vault.bitcoin.signatures import require_encoding, signs
from vault.bitcoin.transaction import Transaction, TxOut
from vault.errors import PsbtError

_NOTHING = TxOut(0, b"")


@dataclass(frozen=True, slots=True)
class HeldSignature:
    """A signature in an input: of which key, as it stands there, and why it does not hold (empty: it does).

    `checked` is false where that cannot be known: an unusual sighash, an unknown coin or script.
    """

    key: bytes
    raw: bytes
    checked: bool
    fault: str = ""

    @property
    def holds(self) -> bool:
        return self.checked and not self.fault


@dataclass(frozen=True, slots=True)
class StandardInput:
    """`coin` None where no field says it; `proven` when its hashed previous transaction says so.

    `place` says how it is opened, None where that is not known.
    """

    number: int
    coin: TxOut | None
    proven: bool
    place: Place | None
    signatures: tuple[HeldSignature, ...]
    final: bool


def read_inputs(psbt: Psbt) -> tuple[StandardInput, ...]:
    """Every input, with its signatures checked over our own digest as far as the fields allow."""
    coins = [_coin(psbt, number) for number in range(len(psbt.inputs))]
    spent = tuple(coin or _NOTHING for coin, _ in coins)
    parts = SighashParts.of(psbt.unsigned, spent) if spent else None
    all_known = all(coin is not None for coin, _ in coins)
    found = []
    for number, ((coin, proven), fields) in enumerate(zip(coins, psbt.inputs, strict=True)):
        place = _place(coin.script, fields) if coin is not None else None
        digest, signed = None, any(field.type in SIGNATURES for field in fields.fields)
        # BIP341 commits to the coins of all inputs.
        if signed and place is not None and parts is not None and (all_known or place.kind != "p2tr"):
            digest = parts.digest(number, place.script_code)
        held = tuple(_judged(number, fields, place, digest))
        found.append(StandardInput(number, coin, proven, place, held, is_final(fields)))
    return tuple(found)


def _coin(psbt: Psbt, number: int) -> tuple[TxOut | None, bool]:
    fields, point = psbt.inputs[number], psbt.unsigned.inputs[number].outpoint
    previous = fields.previous_transaction()
    if previous is not None and previous.txid == point.txid and point.vout < len(previous.outputs):
        return previous.outputs[point.vout], True
    return fields.witness_utxo(), False


def _place(script: bytes, fields: PsbtInput) -> Place | None:
    """How a coin is opened, from scripts whose hashes it holds and keys that fit."""
    kind, redeem = script_type(script), b""
    inner = script
    if kind == "p2sh":
        redeem = fields.get(In.REDEEM_SCRIPT) or b""
        if p2sh(redeem) != script:
            return None
        inner = redeem
    shape = script_type(inner)
    if shape == "p2tr" and not redeem:
        return _make("p2tr", 1, (b"\x02" + inner[2:],), script)
    if shape == "p2pkh" and not redeem:
        return _of_one_key("p2pkh", script, redeem, fields, lambda key: p2pkh(hash160(key)) == inner)
    if shape == "p2wpkh":
        nested: Kind = "p2sh-p2wpkh" if redeem else "p2wpkh"
        return _of_one_key(nested, script, redeem, fields, lambda key: p2wpkh(key) == inner)
    if shape == "p2wsh":
        witness = fields.get(In.WITNESS_SCRIPT) or b""
        group = read_multisig(witness)
        if group is not None and p2wsh(witness) == inner:
            return _make("p2sh-p2wsh" if redeem else "p2wsh", *group, script, redeem, witness)
    return None


def _of_one_key(
    kind: Kind, script: bytes, redeem: bytes, fields: PsbtInput, fits: Callable[[bytes], bool]
) -> Place | None:
    claimed = (field.key for field in (*fields.all(In.PARTIAL_SIG), *fields.all(In.BIP32_DERIVATION)))
    key = next((each for each in claimed if fits(each)), None)
    return None if key is None else _make(kind, 1, (key,), script, redeem)


def _make(  # noqa: PLR0917
    kind: Kind,
    threshold: int,
    keys: tuple[bytes, ...],
    script: bytes,
    redeem: bytes = b"",
    witness: bytes = b"",
) -> Place:
    named = tuple(PlaceKey(key, number, "", ()) for number, key in enumerate(keys))
    return Place(kind, False, 0, threshold, named, script, redeem, witness)


def read_multisig(script: bytes) -> tuple[int, tuple[bytes, ...]] | None:
    """Threshold and compressed keys of an m-of-n script, in its order; None of any other script.

    One in which a key stands twice is another: its owner would count as two.
    """
    count, rest = divmod(len(script) - 3, 34)
    if rest or not 1 <= count <= MAX_KEYS or script[-2:] != bytes([0x50 + count, 0xAE]):
        return None
    pushes = [script[1 + 34 * number : 35 + 34 * number] for number in range(count)]
    threshold = script[0] - 0x50
    if any(push[0] != 33 or push[1] not in {2, 3} for push in pushes) or not 1 <= threshold <= count:
        return None
    return (threshold, tuple(push[1:] for push in pushes)) if len(set(pushes)) == count else None


def _judged(
    number: int, fields: PsbtInput, place: Place | None, digest: bytes | None
) -> Iterator[HeldSignature]:
    given = [(field.key, field.value) for field in fields.all(In.PARTIAL_SIG)]
    if (schnorr := fields.get(In.TAP_KEY_SIG)) is not None:
        given.append((place.keys[0].key if place else b"", schnorr))
    given += [(field.key[:32], field.value) for field in fields.all(In.TAP_SCRIPT_SIG)]
    of_leaves = len(fields.all(In.TAP_SCRIPT_SIG))
    for position, (key, raw) in enumerate(given):
        if place is None or digest is None or position >= len(given) - of_leaves:
            yield HeldSignature(key, raw, checked=False)
            continue
        taproot = place.kind == "p2tr"
        sighash = raw[-1] if not taproot else SIGHASH_DEFAULT if len(raw) == 64 else raw[-1]
        if sighash != (SIGHASH_DEFAULT if taproot else SIGHASH_ALL):
            yield HeldSignature(key, raw, checked=False)
            continue
        yield HeldSignature(key, raw, True, _fault(number, place, key, raw if taproot else raw[:-1], digest))


def _fault(number: int, place: Place, key: bytes, signature: bytes, digest: bytes) -> str:
    if key not in {each.key for each in place.keys}:
        return "of a key that is not in the script"
    try:
        require_encoding(number, place, signature)
    except PsbtError as error:
        return error.message
    return "" if signs(place, key, signature, digest) else "does not sign this transaction"


def finalise(psbt: Psbt) -> Psbt:
    """The PSBT with every input final (BIP174), its scripts run by libbitcoinkernel. Raises `PsbtError`.

    Codes: ``cannot_finalise``, ``signature_invalid``, ``threshold``, ``consensus``, ``utxo_missing``.
    """
    inputs = []
    for each, fields in zip(read_inputs(psbt), psbt.inputs, strict=True):
        inputs.append(fields if each.final else finalised_input(fields, *_opened(each)))
    done = replace(psbt, inputs=tuple(inputs)).determined()
    checked_transaction(done)
    return done


def checked_transaction(psbt: Psbt) -> Transaction:
    """The transaction of a PSBT that is final throughout, its scripts run. Raises `PsbtError`."""
    final = extract(psbt)
    spent = [_coin(psbt, number)[0] for number in range(len(psbt.inputs))]
    for number, coin in enumerate(spent):
        if coin is None:
            raise PsbtError(
                "utxo_missing",
                f"input {number}: expected its coin to be given, found none",
                hint="Without it nobody can check the transaction; let the tool that made the PSBT add it.",
            )
    require_consensus(final.serialise(), [coin for coin in spent if coin is not None])
    return final


def _opened(each: StandardInput) -> tuple[bytes, tuple[bytes, ...]]:
    name, place = f"input {each.number}", each.place
    for held in each.signatures:
        if held.fault:
            raise PsbtError("signature_invalid", f"{name}: the signature of {held.key.hex()} {held.fault}")
    if place is None:
        raise PsbtError(
            "cannot_finalise",
            f"{name}: expected a signed coin of one key or of m of n in p2wsh, found something else",
            hint="Finalise it with the program that knows its script.",
        )
    of_key = {held.key: held.raw for held in each.signatures if held.holds}
    ready = [of_key[key.key] for key in place.keys if key.key in of_key]
    if len(ready) < place.threshold:
        raise PsbtError(
            "threshold",
            f"{name}: expected {place.threshold} signature(s) of the whole transaction, found {len(ready)}",
            hint="Let further signers sign, and combine.",
        )
    chosen = ready[: place.threshold]
    return opened(place, chosen if place.kind == "p2tr" else [raw[:-1] for raw in chosen])
