"""Signatures as signers return them: whose, encoding, and whether each signs OUR digest with OUR key.

Refuses anything but strict DER with low s (ECDSA) or 64 bytes (Schnorr), keys that are none of the
place's, and a group's keys counted twice; a refusal says what a signature is instead, where it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from vault.bitcoin.descriptor import Place, path_text
from vault.bitcoin.finalise import opened
from vault.bitcoin.psbt.checks import strict_der
from vault.bitcoin.sighash import SIGHASH_ALL, SighashParts
from vault.bitcoin.spend import PartialSignature, VerifiedSpend
from vault.bitcoin.transaction import Transaction, TxIn
from vault.bitcoin.wire import Reader
from vault.errors import PsbtError

_LONGEST_DER: Final = 72  # r and s with 33 bytes each
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
# Where a device that signs with the wrong key of the right seed is looked for, to name the mistake.
_SIBLINGS: Final = 20


class Judge:
    """Decides on signatures of one verified spend; what its inputs share is hashed once."""

    def __init__(self, verified: VerifiedSpend) -> None:
        self._verified = verified
        self._places = [each.place for each in verified.inputs]
        self._parts = SighashParts.of(verified.unsigned, verified.spent)

    def singles(self, given: Iterable[tuple[int, bytes]]) -> tuple[bytes, ...]:
        """The signatures of a wallet with one key in the inputs' order, each proven. Raises `PsbtError`."""
        placed: dict[int, bytes] = {}
        for number, signature in given:
            self._require_number(number)
            if self._verified.expected.descriptor.group:
                raise PsbtError(
                    "signature_unkeyed",
                    f"input {number}: expected a cosigner's signature with its key, found one without",
                )
            if number in placed:
                raise PsbtError("signature_twice", f"input {number}: expected one signature, found two")
            placed[number] = signature
        missing = [number for number in range(len(self._places)) if not placed.get(number)]
        if missing:
            raise PsbtError(
                "signature_missing",
                f"expected a signature for each of {len(self._places)} inputs, found none for {missing}",
                hint="A device with another passphrase returns unsigned inputs: check its wallet.",
            )
        for number, place in enumerate(self._places):
            self._require(number, place.keys[0].key, placed[number])
        return tuple(placed[number] for number in range(len(self._places)))

    def partial(self, given: Iterable[PartialSignature]) -> tuple[PartialSignature, ...]:
        """Signatures of a group's cosigners, each proven, beside those that the spend has already.

        Raises `PsbtError`.
        """
        known = {(each.input, each.key): each for each in self._verified.partial}
        new: set[tuple[int, bytes]] = set()
        for each in given:
            self._require_number(each.input)
            place, at = self._places[each.input], (each.input, each.key)
            if not place.witness_script or each.key not in {one.key for one in place.keys}:
                raise PsbtError(
                    "signature_foreign_key",
                    f"input {each.input}: expected a cosigner's signature, found one of {each.key.hex()}",
                )
            if at in new:
                raise PsbtError(
                    "signature_twice",
                    f"input {each.input}: expected one signature a cosigner, found two of {each.key.hex()}",
                )
            new.add(at)
            if at not in known or known[at].signature != each.signature:
                self._require(each.input, each.key, each.signature)
                known.setdefault(at, each)
        return tuple(known[at] for at in sorted(known))

    def chosen(self, partial: Iterable[PartialSignature]) -> tuple[tuple[bytes, ...], ...]:
        """For each input exactly as many proven signatures as it needs, in the order of its keys.

        Raises `PsbtError` (``psbt.threshold``).
        """
        held: list[list[bytes]] = [[] for _ in self._places]
        for each in sorted(partial, key=lambda one: (one.input, one.key)):
            held[each.input].append(each.signature)
        for number, (place, signatures) in enumerate(zip(self._places, held, strict=True)):
            if len(signatures) < place.threshold:
                raise PsbtError(
                    "threshold",
                    f"input {number}: expected the signatures of {place.threshold} cosigners, "
                    f"found {len(signatures)}",
                    hint="Let further cosigners sign; what is there stays good.",
                )
        return tuple(
            tuple(signatures[: place.threshold]) for place, signatures in zip(self._places, held, strict=True)
        )

    def keyed(self, number: int, signatures: tuple[bytes, ...]) -> Iterator[PartialSignature]:
        """Whose the signatures in a group's witness are; their order must be that of the keys."""
        place, digest, before = self._places[number], self._digest(number), b""
        for signature in signatures:
            owner = next((each.key for each in place.keys if signs(place, each.key, signature, digest)), None)
            if owner is None:
                self._require(number, place.keys[0].key, signature)
            elif owner <= before:
                raise PsbtError(
                    "signature_order",
                    f"input {number}: expected signatures in the order of the keys, each once, found another",
                )
            else:
                before = owner
                yield PartialSignature(number, owner, signature)

    def _digest(self, number: int) -> bytes:
        return self._parts.digest(number, self._places[number].script_code)

    def _require_number(self, number: int) -> None:
        if not 0 <= number < len(self._places):
            raise PsbtError(
                "signature_unplaced",
                f"expected signatures for inputs 0 to {len(self._places) - 1}, found one for {number}",
            )

    def _require(self, number: int, key: bytes, signature: bytes) -> None:
        """`signature` signs that input with `key`, in the encoding it takes."""
        place = self._places[number]
        require_encoding(number, place, signature)
        if not signs(place, key, signature, self._digest(number)):
            raise self._refusal(number, key, signature)

    def _refusal(self, number: int, key: bytes, signature: bytes) -> PsbtError:
        """Why a well-formed signature does not hold, as far as it can be known."""
        place, digest = self._places[number], self._digest(number)
        for each in place.keys:
            if each.key != key and signs(place, each.key, signature, digest):
                return PsbtError(
                    "signature_other_cosigner",
                    f"input {number}: expected a signature of {key.hex()}, found that of {each.key.hex()}",
                )
        signer = next(each.cosigner for each in place.keys if each.key == key)
        for other, there in enumerate(self._places):
            theirs = next(each.key for each in there.keys if each.cosigner == signer)
            if other != number and signs(there, theirs, signature, self._digest(other)):
                return PsbtError(
                    "signature_swapped",
                    f"input {number}: expected its own signature, found that of input {other}",
                )
        for index in range(_SIBLINGS):
            for change in (False, True):
                sibling = self._verified.expected.descriptor.place(change, index)
                for each in sibling.keys:
                    if signs(sibling, each.key, signature, digest):
                        return PsbtError(
                            "signature_other_key",
                            f"input {number}: expected the key at {place.where}, found a signature of our "
                            f"key at {path_text(each.path)}",
                        )
        return PsbtError(
            "signature_invalid",
            f"input {number}: expected a signature of {key.hex()} over transaction "
            f"{self._verified.txid}, found one that does not verify",
            hint="Another seed or passphrase, or the device signed another transaction. Do not broadcast.",
        )


def signatures_inside(
    verified: VerifiedSpend, returned: Transaction, judge: Judge
) -> tuple[tuple[tuple[int, bytes], ...], tuple[PartialSignature, ...]]:
    """The signatures out of a returned transaction, whose scriptSigs and witnesses must have our form."""
    singles: list[tuple[int, bytes]] = []
    partial: list[PartialSignature] = []
    for number, (coin, tx_in) in enumerate(zip(verified.inputs, returned.inputs, strict=True)):
        place = coin.place
        items = _opening_items(number, place, tx_in)
        if items is None:
            continue
        if place.witness_script:
            partial += judge.keyed(number, _group_signatures(number, place, items))
        elif place.kind == "p2tr":
            singles.append((number, items[0]))
        else:
            if items[1] != place.keys[0].key:
                raise PsbtError(
                    "witness_key",
                    f"input {number}: expected key {place.keys[0].key.hex()}, found {items[1][:80].hex()}",
                )
            singles.append((number, _without_sighash(number, items[0])))
    return tuple(singles), tuple(partial)


def _opening_items(number: int, place: Place, tx_in: TxIn) -> tuple[bytes, ...] | None:
    """The items that open an input, from its witness or scriptSig; None of an input that is not signed."""
    script_sig, form = opened(place, (b"",) * place.threshold)
    witness = tx_in.witness
    if place.kind == "p2pkh":
        if not tx_in.script_sig and not witness:
            return None
        items, form = _pushes(number, tx_in.script_sig), (b"", b"")
        if witness:
            raise _witness_form(number, 0, len(witness))
    else:
        if tx_in.script_sig not in ({script_sig} if witness else {script_sig, b""}):
            raise PsbtError(
                "serialised_script_sig",
                f"input {number}: expected scriptSig {script_sig.hex() or 'empty'}, "
                f"found {tx_in.script_sig[:200].hex()}",
            )
        if not witness:
            return None
        items = witness
    if len(items) != len(form):
        raise _witness_form(number, len(form), len(items))
    return items


def _pushes(number: int, script_sig: bytes) -> tuple[bytes, ...]:
    """The items of a scriptSig of direct pushes only."""
    reader, items = Reader(script_sig, "scriptSig"), []
    while reader.left:
        size = reader.integer(1)
        if not 1 <= size <= 75:
            raise PsbtError(
                "serialised_script_sig", f"input {number}: expected direct pushes, found opcode {size:#04x}"
            )
        items.append(reader.take(size))
    return tuple(items)


def _witness_form(number: int, expected: int, found: int) -> PsbtError:
    return PsbtError("witness_form", f"input {number}: expected {expected} witness item(s), found {found}")


def _group_signatures(number: int, place: Place, items: tuple[bytes, ...]) -> tuple[bytes, ...]:
    empty, *signatures, script = items
    if script != place.witness_script:
        raise PsbtError(
            "signed_witness_script",
            f"input {number}: expected witness script {place.witness_script.hex()}, "
            f"found {script[:600].hex()}",
            hint="The signer spends something else than our coin. Do not broadcast.",
        )
    if empty:
        raise PsbtError("witness_dummy", f"input {number}: expected an empty first item, found {empty.hex()}")
    return tuple(_without_sighash(number, each) for each in signatures)


def _without_sighash(number: int, signature: bytes) -> bytes:
    if signature[-1:] != bytes([SIGHASH_ALL]):
        raise sighash_refused(number)
    return signature[:-1]


def require_encoding(number: int, place: Place, signature: bytes) -> None:
    """Strict DER with low s, for taproot 64 bytes. Raises `PsbtError`."""
    if place.kind == "p2tr":
        if len(signature) == 65:
            raise sighash_refused(number)
        if len(signature) != 64:
            raise _encoding(number, "64 bytes (BIP340)", signature)
        return
    if not _is_ecdsa(signature):
        if signature[-1:] <= b"\x83" and _is_ecdsa(signature[:-1]):
            raise sighash_refused(number)
        raise _encoding(number, "strict DER (BIP66)", signature)
    if int.from_bytes(signature[6 + signature[3] :], "big") > _HALF_ORDER:
        raise PsbtError(
            "signature_high_s",
            f"input {number}: expected a low s (BIP146), found a high one",
            hint="Anyone can turn one into the other; nodes do not relay the high form.",
        )


def _is_ecdsa(signature: bytes) -> bool:
    return len(signature) <= _LONGEST_DER and strict_der(signature)


def _encoding(number: int, expected: str, signature: bytes) -> PsbtError:
    return PsbtError(
        "signature_encoding",
        f"input {number}: expected {expected}, found {len(signature)} bytes {signature[:80].hex()}",
    )


def sighash_refused(number: int) -> PsbtError:
    """A signature over something else than the whole transaction."""
    return PsbtError(
        "signature_sighash",
        f"input {number}: expected a signature over the whole transaction, found another or explicit "
        "sighash type",
    )


def signs(place: Place, key: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether `signature` signs `digest` with `key` (for taproot: with the output key of the place)."""
    from coincurve import PublicKey, PublicKeyXOnly

    try:
        if place.kind == "p2tr":
            return bool(PublicKeyXOnly(place.script_pubkey[2:]).verify(signature, digest))
        return bool(PublicKey(key).verify(signature, digest, hasher=None))
    except ValueError:
        return False
