"""What a broken or hostile device answers: each builder spoils one thing in an honest answer.

Loaded by conftest.py, after tests/support/bitcoin_keys.py under the name imported here.
"""

from __future__ import annotations

from dataclasses import replace

from tests.support.bitcoin_keys import ORDER, STRANGER, Forgery, Sample
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import VerifiedSpend
from vault.bitcoin.transaction import Transaction
from vault.bitcoin.verify import verify_signed

Signatures = tuple[tuple[int, bytes], ...]


def honest(s: Sample, v: VerifiedSpend) -> Signatures:
    return s.account.sign(v)


def without_last(s: Sample, v: VerifiedSpend) -> Signatures:
    return honest(s, v)[:-1]


def one_twice(s: Sample, v: VerifiedSpend) -> Signatures:
    return (*honest(s, v), honest(s, v)[0])


def for_no_input(s: Sample, v: VerifiedSpend) -> Signatures:
    return (*honest(s, v), (9, honest(s, v)[0][1]))


def truncated(s: Sample, v: VerifiedSpend) -> Signatures:
    (number, first), *rest = honest(s, v)
    return ((number, first[:-1]), *rest)


def swapped(s: Sample, v: VerifiedSpend) -> Signatures:
    a, b, c = honest(s, v)
    return ((0, b[1]), (1, a[1]), c)


def sibling_key(s: Sample, v: VerifiedSpend) -> Signatures:
    digest = SighashParts.of(v.unsigned, [each.spent for each in v.inputs]).digest(0)
    return ((0, s.account.sign_digest(False, 1, digest)), *honest(s, v)[1:])


def other_transaction(s: Sample, v: VerifiedSpend) -> Signatures:
    diverted = replace(v.unsigned, outputs=(replace(v.unsigned.outputs[0], script=STRANGER),))
    return honest(s, replace(v, unsigned=diverted))


def explicit_sighash(s: Sample, v: VerifiedSpend) -> Signatures:
    (number, first), *rest = honest(s, v)
    return ((number, first + b"\x83"), *rest)


def high_s(s: Sample, v: VerifiedSpend) -> Signatures:
    (number, first), *rest = honest(s, v)
    r = first[4 : 4 + first[3]]
    flipped = (ORDER - int.from_bytes(first[6 + first[3] :], "big")).to_bytes(33, "big")
    body = b"\x02" + bytes([len(r)]) + r + b"\x02\x21" + flipped
    return ((number, b"\x30" + bytes([len(body)]) + body), *rest)


def final(s: Sample, v: VerifiedSpend) -> Transaction:
    return Transaction.parse(verify_signed(v, honest(s, v)).raw)


def altered_transaction(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    return replace(tx, outputs=(replace(tx.outputs[0], script=STRANGER), *tx.outputs[1:])).serialise()


def filled_script_sig(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    return replace(tx, inputs=(replace(tx.inputs[0], script_sig=b"\x51"), *tx.inputs[1:])).serialise()


def extra_witness_item(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    first = replace(tx.inputs[0], witness=(*tx.inputs[0].witness, b"\x50annex"))
    return replace(tx, inputs=(first, *tx.inputs[1:])).serialise()


def key_of_another(s: Sample, v: VerifiedSpend) -> bytes:
    tx = final(s, v)
    first = replace(tx.inputs[0], witness=(tx.inputs[0].witness[0], s.descriptor.key(False, 9)))
    return replace(tx, inputs=(first, *tx.inputs[1:])).serialise()


def bytes_behind(s: Sample, v: VerifiedSpend) -> bytes:
    return final(s, v).serialise() + b"\0"


FORGED_ANSWERS = {
    "signature missing": Forgery(without_last, "psbt.signature_missing"),
    "signature given twice": Forgery(one_twice, "psbt.signature_twice"),
    "signature for no input": Forgery(for_no_input, "psbt.signature_unplaced"),
    "signature truncated": Forgery(truncated, "psbt.signature_encoding"),
    "signatures swapped": Forgery(swapped, "psbt.signature_swapped"),
    "signature of another key of ours": Forgery(sibling_key, "psbt.signature_other_key"),
    "signature over another transaction": Forgery(other_transaction, "psbt.signature_invalid"),
    "signature with a foreign sighash byte": Forgery(explicit_sighash, "psbt.signature_sighash"),
    "signature with high s": Forgery(high_s, "psbt.signature_high_s", ("p2wpkh",)),
    "another transaction came back": Forgery(altered_transaction, "psbt.serialised_differs"),
    "scriptSig filled": Forgery(filled_script_sig, "psbt.serialised_script_sig"),
    "witness with an extra item": Forgery(extra_witness_item, "psbt.witness_form"),
    "witness with another key": Forgery(key_of_another, "psbt.witness_key", ("p2wpkh",)),
    "bytes behind the transaction": Forgery(bytes_behind, "psbt.trailing_bytes"),
}
