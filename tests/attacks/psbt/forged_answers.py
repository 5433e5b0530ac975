"""What broken or hostile signers answer: each builder spoils one thing in an honest answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coincurve import PrivateKey, PublicKey

from tests.attacks.psbt.forged_fields import with_high_s
from tests.support.bitcoin_keys import ORDER, STRANGER, Answer, Forgery, Sample, group_of
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, SINGLE_KINDS, multisig, push
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import FinalTransaction, PartialSignature, VerifiedSpend
from vault.bitcoin.transaction import Transaction
from vault.bitcoin.verify import verify_serialised, verify_signed

ECDSA = tuple(kind for kind in KINDS if kind != "p2tr")
WITH_KEY = ("p2pkh", "p2sh-p2wpkh", "p2wpkh")


def accept(verified: VerifiedSpend, answer: Answer | bytes) -> FinalTransaction:
    """The verifier's judgement of an answer of any form."""
    if isinstance(answer, bytes):
        return verify_serialised(verified, answer)
    if any(isinstance(each, PartialSignature) for each in answer):
        return verify_signed(verified, partial=answer)  # type: ignore[arg-type]
    return verify_signed(verified, answer)  # type: ignore[arg-type]


def honest(s: Sample, v: VerifiedSpend) -> list[Any]:
    return list(s.account.honest(v))


def _signature(entry: Any) -> bytes:
    return entry.signature if isinstance(entry, PartialSignature) else entry[1]


def _resigned(entry: Any, signature: bytes) -> Any:
    if isinstance(entry, PartialSignature):
        return replace(entry, signature=signature)
    return entry[0], signature


def without_last(s: Sample, v: VerifiedSpend) -> Answer:
    return tuple(honest(s, v)[:-1])


def one_cosigner_only(s: Sample, v: VerifiedSpend) -> Answer:
    return s.account.cosign(v, 2)


def one_twice(s: Sample, v: VerifiedSpend) -> Answer:
    return (*honest(s, v), honest(s, v)[0])


def for_no_input(s: Sample, v: VerifiedSpend) -> Answer:
    entries = honest(s, v)
    first = entries[0]
    away = replace(first, input=9) if isinstance(first, PartialSignature) else (9, first[1])
    return (*entries, away)


def truncated(s: Sample, v: VerifiedSpend) -> Answer:
    first, *rest = honest(s, v)
    return (_resigned(first, _signature(first)[:-1]), *rest)


def swapped(s: Sample, v: VerifiedSpend) -> Answer:
    a, b, *rest = honest(s, v)
    return (_resigned(a, _signature(b)), _resigned(b, _signature(a)), *rest)


def swapped_among_cosigners(s: Sample, v: VerifiedSpend) -> Answer:
    entries = honest(s, v)
    one, other = entries[0], entries[3]
    entries[0], entries[3] = _resigned(one, _signature(other)), _resigned(other, _signature(one))
    return tuple(entries)


def sibling_key(s: Sample, v: VerifiedSpend) -> Answer:
    first, *rest = honest(s, v)
    digest = SighashParts.of(v.unsigned, v.spent).digest(0, v.inputs[0].place.script_code)
    return (_resigned(first, s.account.sign_digest(False, 1, digest)), *rest)


def other_transaction(s: Sample, v: VerifiedSpend) -> Answer:
    diverted = replace(v.unsigned, outputs=(replace(v.unsigned.outputs[0], script=STRANGER),))
    return tuple(honest(s, replace(v, unsigned=diverted)))


def other_amount(s: Sample, v: VerifiedSpend) -> Answer:
    """A signer that was told another amount of the coin (legacy digests do not hold it)."""
    first = v.inputs[0]
    less = replace(first, amount=replace(first.amount, units=first.amount.units - 1))
    return tuple(honest(s, replace(v, inputs=(less, *v.inputs[1:]))))


def explicit_sighash(s: Sample, v: VerifiedSpend) -> Answer:
    first, *rest = honest(s, v)
    return (_resigned(first, _signature(first) + b"\x83"), *rest)


def high_s(s: Sample, v: VerifiedSpend) -> Answer:
    first, *rest = honest(s, v)
    return (_resigned(first, with_high_s(_signature(first))), *rest)


def loose_der(s: Sample, v: VerifiedSpend) -> Answer:
    """A zero more before r: old nodes took it, and it changes the transaction's wtxid (BIP66)."""
    first, *rest = honest(s, v)
    old = _signature(first)
    return (_resigned(first, b"\x30" + bytes([old[1] + 1, 2, old[3] + 1, 0]) + old[4:]), *rest)


def of_nothing(s: Sample, v: VerifiedSpend) -> Answer:
    """Zeros in the right form: a library that does not look at r and s finds a signature."""
    first, *rest = honest(s, v)
    return (_resigned(first, bytes(64) if s.taproot else bytes.fromhex("3006020100020100")), *rest)


def whole_but_explicit(s: Sample, v: VerifiedSpend) -> Answer:
    """SIGHASH_ALL said once more, behind the signature: another digest for taproot, another size for all."""
    first, *rest = honest(s, v)
    return (_resigned(first, _signature(first) + b"\x01"), *rest)


def one_cosigner_signs_again(s: Sample, v: VerifiedSpend) -> Answer:
    """Two different and valid signatures of one cosigner, as if of two."""
    first = s.account.cosign(v, 0)
    digest = SighashParts.of(v.unsigned, v.spent).digest(0, v.inputs[0].place.script_code)
    secret = int.from_bytes(s.account.nodes[0].child(0).child(0).secret, "big")
    return (*first, replace(first[0], signature=signed_with_nonce(secret, digest, 7)))


def signed_with_nonce(secret: int, digest: bytes, nonce: int) -> bytes:
    """A valid ECDSA signature, low s, in strict DER, as another signer's nonce makes it."""
    r = int.from_bytes(PrivateKey.from_int(nonce).public_key.format()[1:], "big")
    s = pow(nonce, -1, ORDER) * (int.from_bytes(digest, "big") + r * secret) % ORDER
    body = b""
    for number in (r, min(s, ORDER - s)):
        raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
        body += b"\x02" + bytes([len(raw)]) + raw
    return b"\x30" + bytes([len(body)]) + body


def foreign_cosigner(s: Sample, v: VerifiedSpend) -> Answer:
    stranger = group_of([b"m", b"a", b"l"], 2, s.kind)
    key = stranger.descriptor.place(False, 0).keys[0]
    digest = SighashParts.of(v.unsigned, v.spent).digest(0, v.inputs[0].place.script_code)
    forged = PartialSignature(0, key.key, stranger.sign_digest(False, 0, digest, key.cosigner))
    return (*honest(s, v)[1:], forged)


def without_key(s: Sample, v: VerifiedSpend) -> Answer:
    return tuple((each.input, each.signature) for each in s.account.cosign(v, 0))


def final(s: Sample, v: VerifiedSpend) -> Transaction:
    return Transaction.parse(accept(v, s.account.honest(v)).raw)


def _first(tx: Transaction, **changes: Any) -> bytes:
    return replace(tx, inputs=(replace(tx.inputs[0], **changes), *tx.inputs[1:])).serialise()


def altered_transaction(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    return replace(tx, outputs=(replace(tx.outputs[0], script=STRANGER), *tx.outputs[1:])).serialise()


def altered_sequence(s: Sample, v: VerifiedSpend) -> bytes:
    return _first(final(s, v), sequence=0xFFFFFFFF)


def filled_script_sig(s: Sample, v: VerifiedSpend) -> bytes:
    return _first(final(s, v), script_sig=b"\x51")


def redeem_of_another(s: Sample, v: VerifiedSpend) -> bytes:
    return _first(final(s, v), script_sig=push(s.descriptor.place(False, 9).redeem_script))


def extra_witness_item(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    return _first(tx, witness=(*tx.inputs[0].witness, b"\x50annex"))


def one_input_unsigned(s: Sample, v: VerifiedSpend) -> bytes:
    """The nested kinds with and without their scriptSig: devices do the one and the other."""
    return _first(final(s, v), witness=(), script_sig=b"")


def one_input_unsigned_but_redeemed(s: Sample, v: VerifiedSpend) -> bytes:
    return _first(final(s, v), witness=())


def returned_with_another_sighash(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    first = tx.inputs[0]
    if s.kind == "p2pkh":
        size = first.script_sig[0]
        return _first(tx, script_sig=first.script_sig[:size] + b"\x83" + first.script_sig[size + 1 :])
    at = 1 if s.descriptor.group else 0
    signature = first.witness[at][:-1] + b"\x83"
    return _first(tx, witness=(*first.witness[:at], signature, *first.witness[at + 1 :]))


def _with_witness(s: Sample, v: VerifiedSpend, *signers: int) -> tuple[Transaction, list[bytes]]:
    """The final transaction, and the first input's signatures of these cosigners, in their order."""
    signed = [s.account.cosign(v, signer)[0].signature + b"\x01" for signer in signers]
    return final(s, v), signed


def _in_key_order(v: VerifiedSpend, *signers: int) -> list[int]:
    ordered = [each.cosigner for each in v.inputs[0].place.keys]
    return sorted(signers, key=ordered.index)


def one_signature_too_many(s: Sample, v: VerifiedSpend) -> bytes:
    tx, signed = _with_witness(s, v, *_in_key_order(v, 0, 1, 2))
    return _first(tx, witness=(b"", *signed, tx.inputs[0].witness[-1]))


def signatures_out_of_order(s: Sample, v: VerifiedSpend) -> bytes:
    tx, signed = _with_witness(s, v, *reversed(_in_key_order(v, 0, 1)))
    return _first(tx, witness=(b"", *signed, tx.inputs[0].witness[-1]))


def one_signature_for_two(s: Sample, v: VerifiedSpend) -> bytes:
    tx, signed = _with_witness(s, v, 0, 0)
    return _first(tx, witness=(b"", *signed, tx.inputs[0].witness[-1]))


def replaced_witness_script(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    script = multisig(1, [each.key for each in v.inputs[0].place.keys])
    return _first(tx, witness=(*tx.inputs[0].witness[:-1], script))


def filled_dummy(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    return _first(tx, witness=(b"\x01", *tx.inputs[0].witness[1:]))


def long_form_of_the_key(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    key = PublicKey(v.inputs[0].place.keys[0].key).format(compressed=False)
    if s.kind == "p2pkh":
        return _first(tx, script_sig=tx.inputs[0].script_sig[:-34] + push(key))
    return _first(tx, witness=(tx.inputs[0].witness[0], key))


def pushed_at_length(s: Sample, v: VerifiedSpend) -> bytes:
    """The signature pushed by OP_PUSHDATA1: valid to the script, another transaction id."""
    tx = final(s, v)
    return _first(tx, script_sig=b"\x4c" + tx.inputs[0].script_sig)


def key_of_another(s: Sample, v: VerifiedSpend) -> bytes:
    tx, key = final(s, v), s.descriptor.key(False, 9)
    if s.kind == "p2pkh":
        return _first(tx, script_sig=tx.inputs[0].script_sig[:-33] + key)
    return _first(tx, witness=(tx.inputs[0].witness[0], key))


def bytes_behind(s: Sample, v: VerifiedSpend) -> bytes:
    return final(s, v).serialise() + b"\0"


FORGED_ANSWERS = {
    "signature missing": Forgery(without_last, "psbt.signature_missing", SINGLE_KINDS),
    "fewer signatures than the threshold": Forgery(without_last, "psbt.threshold", GROUP_KINDS),
    "signatures of one cosigner only": Forgery(
        one_cosigner_only, "psbt.threshold", GROUP_KINDS, like="fewer signatures than the threshold"
    ),
    "one input came back unsigned": Forgery(
        one_input_unsigned, "psbt.signature_missing", SINGLE_KINDS, like="signature missing"
    ),
    "one nested input came back unsigned": Forgery(
        one_input_unsigned_but_redeemed, "psbt.signature_missing", ("p2sh-p2wpkh",), like="signature missing"
    ),
    "one input of a group came back unsigned": Forgery(
        one_input_unsigned, "psbt.threshold", GROUP_KINDS, like="fewer signatures than the threshold"
    ),
    "signature given twice": Forgery(one_twice, "psbt.signature_twice"),
    "signature for no input": Forgery(for_no_input, "psbt.signature_unplaced"),
    "signature truncated": Forgery(truncated, "psbt.signature_encoding"),
    "signatures swapped": Forgery(swapped, "psbt.signature_swapped"),
    "signatures swapped among cosigners": Forgery(
        swapped_among_cosigners, "psbt.signature_other_cosigner", GROUP_KINDS
    ),
    "signature of another key of ours": Forgery(sibling_key, "psbt.signature_other_key"),
    "signature over another transaction": Forgery(other_transaction, "psbt.signature_invalid"),
    "signature over another amount": Forgery(
        other_amount,
        "psbt.signature_invalid",
        tuple(kind for kind in KINDS if kind != "p2pkh"),
        like="signature over another transaction",
    ),
    "signature with a foreign sighash byte": Forgery(explicit_sighash, "psbt.signature_sighash"),
    "another sighash byte came back": Forgery(
        returned_with_another_sighash,
        "psbt.signature_sighash",
        ECDSA,
        like="signature with a foreign sighash byte",
    ),
    "sighash byte behind a signature that needs none": Forgery(
        whole_but_explicit, "psbt.signature_sighash", like="signature with a foreign sighash byte"
    ),
    "signature in loose encoding": Forgery(
        loose_der, "psbt.signature_encoding", ECDSA, like="signature truncated"
    ),
    "signature of zeros": Forgery(
        of_nothing, "psbt.signature_invalid", like="signature over another transaction"
    ),
    "one cosigner signs again with another nonce": Forgery(
        one_cosigner_signs_again, "psbt.signature_twice", GROUP_KINDS, like="signature given twice"
    ),
    "signature with high s": Forgery(high_s, "psbt.signature_high_s", ECDSA),
    "signature of a stranger in a group": Forgery(
        foreign_cosigner, "psbt.signature_foreign_key", GROUP_KINDS
    ),
    "signature of a group without its key": Forgery(without_key, "psbt.signature_unkeyed", GROUP_KINDS),
    "another transaction came back": Forgery(altered_transaction, "psbt.serialised_differs"),
    "another sequence came back": Forgery(
        altered_sequence, "psbt.serialised_differs", like="another transaction came back"
    ),
    "scriptSig filled": Forgery(filled_script_sig, "psbt.serialised_script_sig"),
    "scriptSig with another redeem script": Forgery(
        redeem_of_another,
        "psbt.serialised_script_sig",
        ("p2sh-p2wpkh", "p2sh-p2wsh"),
        like="scriptSig filled",
    ),
    "witness with an extra item": Forgery(extra_witness_item, "psbt.witness_form"),
    "one signature too many": Forgery(
        one_signature_too_many, "psbt.witness_form", GROUP_KINDS, like="witness with an extra item"
    ),
    "signatures out of order": Forgery(signatures_out_of_order, "psbt.signature_order", GROUP_KINDS),
    "one signature for two cosigners": Forgery(
        one_signature_for_two, "psbt.signature_order", GROUP_KINDS, like="signatures out of order"
    ),
    "witness script replaced": Forgery(replaced_witness_script, "psbt.signed_witness_script", GROUP_KINDS),
    "first witness item filled": Forgery(filled_dummy, "psbt.witness_dummy", GROUP_KINDS),
    "witness with another key": Forgery(key_of_another, "psbt.witness_key", WITH_KEY),
    "witness with the long form of the key": Forgery(
        long_form_of_the_key, "psbt.witness_key", WITH_KEY, like="witness with another key"
    ),
    "signature pushed at length": Forgery(
        pushed_at_length, "psbt.serialised_script_sig", ("p2pkh",), like="scriptSig filled"
    ),
    "bytes behind the transaction": Forgery(bytes_behind, "psbt.trailing_bytes"),
}
