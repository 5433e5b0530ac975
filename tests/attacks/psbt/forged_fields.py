"""Fields that lie or do not belong: keys, paths, scripts, extended keys, signatures carried in."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from coincurve import PublicKey

from tests.support.bitcoin_keys import ORDER, STRANGER, Forgery, Sample, account_of, group_of
from vault.address import base58check_decode
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import KeyOrigin
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, multisig
from vault.bitcoin.spend import PartialSignature
from vault.bitcoin.verify import collect, verify_psbt

# A signature in form: r and s are one, SIGHASH_ALL.
LOOKS_SIGNED = bytes.fromhex("300602010102010101")
NESTED = ("p2sh-p2wpkh", "p2sh-p2wsh")
NOT_TAPROOT = tuple(kind for kind in KINDS if kind != "p2tr")
NOT_BOTH_SCRIPTS = tuple(kind for kind in KINDS if kind != "p2sh-p2wsh")


def foreign_sighash(s: Sample) -> Psbt:
    return s.put_input(0, In.SIGHASH_TYPE, (0x82).to_bytes(4, "little"))


def sighash_single(s: Sample) -> Psbt:
    return s.put_input(2, In.SIGHASH_TYPE, (0x03).to_bytes(4, "little"))


def all_or_default_swapped(s: Sample) -> Psbt:
    """SIGHASH_ALL on taproot makes another signature than planned; DEFAULT exists nowhere else."""
    return s.put_input(0, In.SIGHASH_TYPE, (1 if s.taproot else 0).to_bytes(4, "little"))


def unknown_field(s: Sample) -> Psbt:
    return s.put_input(0, 0x77, b"do as I say")


def hash_preimage(s: Sample) -> Psbt:
    return s.put_input(0, In.SHA256, b"preimage", hashlib.sha256(b"preimage").digest())


def unknown_output_field(s: Sample) -> Psbt:
    return s.put_output(2, 0x77, b"do as I say")


def unknown_global_field(s: Sample) -> Psbt:
    return replace(s.psbt, globals=s.psbt.globals.put(0x77, b"do as I say"))


def proprietary_field(s: Sample) -> Psbt:
    return s.put_input(1, In.PROPRIETARY, b"x", b"\x04evil\x00")


def proprietary_output_field(s: Sample) -> Psbt:
    return s.put_output(0, Out.PROPRIETARY, b"x", b"\x04evil\x00")


def proprietary_global_field(s: Sample) -> Psbt:
    return replace(s.psbt, globals=s.psbt.globals.put(Global.PROPRIETARY, b"x", b"\x04evil\x00"))


def _xpub(s: Sample, of: Sample) -> bytes:
    return base58check_decode(of.descriptor.keys[0].account.text(s.descriptor.network))


def stranger_xpub(s: Sample) -> Psbt:
    other = replace(s, account=account_of(b"mallory", s.kind))
    key, origin = other.descriptor.keys[0], s.descriptor.keys[0]
    value = KeyOrigin(b"", origin.fingerprint, key.path).value(taproot=False)
    return replace(s.psbt, globals=s.psbt.globals.put(Global.XPUB, value, _xpub(s, other)))


def own_xpub_elsewhere(s: Sample) -> Psbt:
    key = s.descriptor.keys[0]
    value = KeyOrigin(b"", key.fingerprint, (*key.path[:-1], key.path[-1] + 1)).value(taproot=False)
    return replace(s.psbt, globals=s.psbt.globals.put(Global.XPUB, value, _xpub(s, s)))


def script_where_none_is(s: Sample) -> Psbt:
    return s.put_input(0, In.WITNESS_SCRIPT if s.kind == "p2sh-p2wpkh" else In.REDEEM_SCRIPT, b"\x51")


def replaced_redeem_script(s: Sample) -> Psbt:
    return s.put_input(0, In.REDEEM_SCRIPT, s.descriptor.place(False, 9).redeem_script)


def _one_is_enough(s: Sample, place: tuple[bool, int]) -> bytes:
    return multisig(1, [each.key for each in s.descriptor.place(*place).keys])


def replaced_witness_script(s: Sample) -> Psbt:
    return s.put_input(0, In.WITNESS_SCRIPT, _one_is_enough(s, (False, 0)))


def unsorted_keys(s: Sample) -> Psbt:
    """All of our keys and the true threshold, in another order: another address, and no coin of ours."""
    script = s.descriptor.place(False, 0).witness_script
    swapped = script[:1] + script[35:69] + script[1:35] + script[69:]
    return s.put_input(0, In.WITNESS_SCRIPT, swapped)


def ownership_commitment(s: Sample) -> Psbt:
    """Text that a signer may sign as a statement (BIP127)."""
    return s.put_input(0, In.POR_COMMITMENT, b"all coins of the treasury are theirs")


def script_on_change(s: Sample) -> Psbt:
    return s.put_output(2, Out.WITNESS_SCRIPT if s.kind == "p2sh-p2wpkh" else Out.REDEEM_SCRIPT, b"\x51")


def replaced_redeem_script_of_change(s: Sample) -> Psbt:
    return s.put_output(2, Out.REDEEM_SCRIPT, STRANGER)


def replaced_witness_script_of_change(s: Sample) -> Psbt:
    return s.put_output(2, Out.WITNESS_SCRIPT, _one_is_enough(s, (True, 5)))


def leaf_script(s: Sample) -> Psbt:
    return s.put_input(0, In.TAP_LEAF_SCRIPT, b"\x51\xc0", b"\xc0" + bytes(32))


def merkle_root(s: Sample) -> Psbt:
    return s.put_input(0, In.TAP_MERKLE_ROOT, bytes(32))


def script_tree_on_change(s: Sample) -> Psbt:
    return s.put_output(2, Out.TAP_TREE, b"\x00\xc0\x01\x51")


def field_of_other_kind(s: Sample) -> Psbt:
    each = s.descriptor.place(False, 0).keys[0]
    if s.taproot:
        origin = KeyOrigin(each.key, each.fingerprint, each.path)
        return s.put_input(0, In.BIP32_DERIVATION, origin.value(taproot=False), each.key)
    return s.put_input(0, In.TAP_INTERNAL_KEY, each.key[1:])


def change_field_of_other_kind(s: Sample) -> Psbt:
    each = s.descriptor.place(True, 5).keys[0]
    if s.taproot:
        origin = KeyOrigin(each.key, each.fingerprint, each.path)
        return s.put_output(2, Out.BIP32_DERIVATION, origin.value(taproot=False), each.key)
    return s.put_output(2, Out.TAP_INTERNAL_KEY, each.key[1:])


def _claim(
    s: Sample, numbers: type[In] | type[Out], key: bytes, origin: KeyOrigin
) -> tuple[int, bytes, bytes]:
    kind = numbers.TAP_BIP32_DERIVATION if s.taproot else numbers.BIP32_DERIVATION
    return kind, origin.value(taproot=s.taproot), key[1:] if s.taproot else key


def false_origin(s: Sample) -> Psbt:
    each = s.descriptor.place(False, 0).keys[0]
    return s.put_input(0, *_claim(s, In, each.key, KeyOrigin(each.key, "deadbeef", each.path)))


def false_path(s: Sample) -> Psbt:
    each = s.descriptor.place(False, 3).keys[-1]
    lie = KeyOrigin(each.key, each.fingerprint, (*each.path[:-1], 4))
    return s.put_input(1, *_claim(s, In, each.key, lie))


def false_path_of_change(s: Sample) -> Psbt:
    each = s.descriptor.place(True, 5).keys[0]
    lie = KeyOrigin(each.key, each.fingerprint, (*each.path[:-2], 0, 5))
    return s.put_output(2, *_claim(s, Out, each.key, lie))


def cosigners_exchanged(s: Sample) -> Psbt:
    """Each key under the fingerprint and path of the other."""
    a, b, _ = s.descriptor.place(False, 0).keys
    psbt = s.put_input(0, *_claim(s, In, a.key, KeyOrigin(a.key, b.fingerprint, b.path)))
    other = _claim(s, In, b.key, KeyOrigin(b.key, a.fingerprint, a.path))
    return psbt.with_input(0, psbt.inputs[0].put(*other))


def foreign_derivation(s: Sample) -> Psbt:
    ours = s.descriptor.place(False, 0).keys[0]
    stranger = account_of(b"mallory", s.kind).descriptor.place(False, 0).keys[0].key
    return s.put_input(0, *_claim(s, In, stranger, KeyOrigin(stranger, ours.fingerprint, ours.path)))


def foreign_derivation_on_change(s: Sample) -> Psbt:
    ours = s.descriptor.place(True, 5).keys[0]
    stranger = account_of(b"mallory", s.kind).descriptor.place(True, 5).keys[0].key
    return s.put_output(2, *_claim(s, Out, stranger, KeyOrigin(stranger, ours.fingerprint, ours.path)))


def origin_with_a_leaf(s: Sample) -> Psbt:
    each = s.descriptor.place(False, 0).keys[0]
    kind, value, key = _claim(s, In, each.key, KeyOrigin(each.key, each.fingerprint, each.path))
    return s.put_input(0, kind, b"\x01" + bytes(32) + value[1:], key)


def false_internal_key(s: Sample) -> Psbt:
    return s.put_input(0, In.TAP_INTERNAL_KEY, s.descriptor.key(False, 1)[1:])


def signature_inside(s: Sample) -> Psbt:
    if s.taproot:
        return s.put_input(0, In.TAP_KEY_SIG, bytes(64))
    return s.put_input(0, In.PARTIAL_SIG, LOOKS_SIGNED, s.descriptor.place(False, 0).keys[0].key)


def final_witness_inside(s: Sample) -> Psbt:
    if s.kind == "p2pkh":
        return s.put_input(0, In.FINAL_SCRIPTSIG, b"\x51")
    return s.put_input(0, In.FINAL_SCRIPTWITNESS, b"\x01\x01\x51")


# Groups in progress: signatures that are carried in are as good as those that a device returns.


def in_progress(s: Sample) -> Sample:
    return replace(s, expected=replace(s.expected, in_progress=True))


def _signed_by_first(s: Sample) -> tuple[PartialSignature, ...]:
    return s.account.cosign(verify_psbt(s.serialise(), s.expected, s.limits), 0)


def _carrying(s: Sample, key: bytes, value: bytes) -> Sample:
    return in_progress(replace(s, psbt=s.put_input(0, In.PARTIAL_SIG, value, key)))


def honestly_in_progress(s: Sample) -> Sample:
    verified = verify_psbt(s.serialise(), s.expected, s.limits)
    return in_progress(replace(s, psbt=Psbt.parse(collect(verified, _signed_by_first(s)).psbt)))


def carried_without_leave(s: Sample) -> Sample:
    return replace(honestly_in_progress(s), expected=s.expected)


def carried_of_a_stranger(s: Sample) -> Sample:
    stranger = group_of([b"m", b"a", b"l"], 2, s.kind)
    verified = verify_psbt(s.serialise(), s.expected, s.limits)
    key = stranger.descriptor.place(False, 0).keys[0]
    signature = stranger.sign_digest(False, 0, bytes(32), key.cosigner)
    return _carrying(replace(s, psbt=Psbt.parse(verified.psbt)), key.key, signature + b"\x01")


def carried_under_the_long_form_of_its_key(s: Sample) -> Sample:
    """One cosigner's signature under the compressed and the long form of one key: it is no second one."""
    first = _signed_by_first(s)[0]
    once = honestly_in_progress(s)
    return _carrying(once, PublicKey(first.key).format(compressed=False), first.signature + b"\x01")


def carried_for_another_transaction(s: Sample) -> Sample:
    verified = verify_psbt(s.serialise(), s.expected, s.limits)
    other = replace(verified, unsigned=replace(verified.unsigned, locktime=7))
    first = s.account.cosign(other, 0)[0]
    return _carrying(s, first.key, first.signature + b"\x01")


def carried_for_another_input(s: Sample) -> Sample:
    first, second, _ = _signed_by_first(s)
    return _carrying(s, first.key, second.signature + b"\x01")


def carried_under_another_cosigner(s: Sample) -> Sample:
    verified = verify_psbt(s.serialise(), s.expected, s.limits)
    other = s.account.cosign(verified, 1)[0]
    return _carrying(s, other.key, _signed_by_first(s)[0].signature + b"\x01")


def carried_with_another_sighash(s: Sample) -> Sample:
    first = _signed_by_first(s)[0]
    return _carrying(s, first.key, first.signature + b"\x83")


def carried_with_high_s(s: Sample) -> Sample:
    first = _signed_by_first(s)[0]
    return _carrying(s, first.key, with_high_s(first.signature) + b"\x01")


def carried_in_loose_encoding(s: Sample) -> Sample:
    first = _signed_by_first(s)[0]
    loose = first.signature[:1] + bytes([len(first.signature) - 1]) + first.signature[2:] + b"\0"
    return _carrying(s, first.key, loose + b"\x01")


def with_high_s(signature: bytes) -> bytes:
    r = signature[4 : 4 + signature[3]]
    flipped = (ORDER - int.from_bytes(signature[6 + signature[3] :], "big")).to_bytes(33, "big")
    body = b"\x02" + bytes([len(r)]) + r + b"\x02\x21" + flipped
    return b"\x30" + bytes([len(body)]) + body


FORGED_FIELDS = {
    "sighash NONE|ANYONECANPAY": Forgery(foreign_sighash, "psbt.sighash"),
    "sighash SINGLE": Forgery(sighash_single, "psbt.sighash", like="sighash NONE|ANYONECANPAY"),
    "sighash of the other signature scheme": Forgery(
        all_or_default_swapped, "psbt.sighash", like="sighash NONE|ANYONECANPAY"
    ),
    "unknown field": Forgery(unknown_field, "psbt.unknown_field"),
    "commitment to own the coin": Forgery(ownership_commitment, "psbt.unknown_field", like="unknown field"),
    "hash preimage": Forgery(hash_preimage, "psbt.unknown_field", like="unknown field"),
    "unknown field on the change": Forgery(unknown_output_field, "psbt.unknown_output_field"),
    "unknown global field": Forgery(unknown_global_field, "psbt.unknown_global_field"),
    "proprietary field": Forgery(proprietary_field, "psbt.proprietary_field"),
    "proprietary field on a payment": Forgery(proprietary_output_field, "psbt.proprietary_output_field"),
    "proprietary global field": Forgery(proprietary_global_field, "psbt.proprietary_global_field"),
    "extended key of a stranger": Forgery(stranger_xpub, "psbt.global_xpub"),
    "our extended key at another path": Forgery(own_xpub_elsewhere, "psbt.global_xpub_origin"),
    "script where none is": Forgery(script_where_none_is, "psbt.foreign_script", NOT_BOTH_SCRIPTS),
    "redeem script replaced": Forgery(replaced_redeem_script, "psbt.redeem_script_differs", NESTED),
    "witness script replaced": Forgery(replaced_witness_script, "psbt.witness_script_differs", GROUP_KINDS),
    "witness script with its keys in another order": Forgery(
        unsorted_keys, "psbt.witness_script_differs", GROUP_KINDS, like="witness script replaced"
    ),
    "script on change that has none": Forgery(script_on_change, "psbt.output_script", NOT_BOTH_SCRIPTS),
    "redeem script of the change replaced": Forgery(
        replaced_redeem_script_of_change, "psbt.output_redeem_script_differs", NESTED
    ),
    "witness script of the change replaced": Forgery(
        replaced_witness_script_of_change, "psbt.output_witness_script_differs", GROUP_KINDS
    ),
    "taproot leaf script": Forgery(leaf_script, "psbt.script_path"),
    "taproot merkle root": Forgery(merkle_root, "psbt.script_path", like="taproot leaf script"),
    "taproot scripts on the change": Forgery(script_tree_on_change, "psbt.output_script_path"),
    "field of another wallet kind": Forgery(field_of_other_kind, "psbt.misplaced_field"),
    "field of another wallet kind on the change": Forgery(
        change_field_of_other_kind, "psbt.misplaced_output_field"
    ),
    "false fingerprint in an origin": Forgery(false_origin, "psbt.origin_differs"),
    "false path in an origin": Forgery(
        false_path, "psbt.origin_differs", like="false fingerprint in an origin"
    ),
    "false path of the change": Forgery(
        false_path_of_change, "psbt.origin_differs", like="false fingerprint in an origin"
    ),
    "origins of two cosigners exchanged": Forgery(
        cosigners_exchanged, "psbt.origin_differs", GROUP_KINDS, like="false fingerprint in an origin"
    ),
    "key of a stranger under our path": Forgery(foreign_derivation, "psbt.foreign_derivation"),
    "key of a stranger on the change": Forgery(
        foreign_derivation_on_change, "psbt.foreign_derivation", like="key of a stranger under our path"
    ),
    "origin of a key in a script leaf": Forgery(origin_with_a_leaf, "psbt.origin_leaves", ("p2tr",)),
    "false internal key": Forgery(false_internal_key, "psbt.internal_key_differs", ("p2tr",)),
    "signature already inside": Forgery(signature_inside, "psbt.already_signed"),
    "true signature of a cosigner, not expected": Forgery(
        carried_without_leave, "psbt.already_signed", GROUP_KINDS, like="signature already inside"
    ),
    "final witness already inside": Forgery(final_witness_inside, "psbt.already_final"),
    "carried signature of a stranger": Forgery(
        carried_of_a_stranger, "psbt.signature_foreign_key", GROUP_KINDS
    ),
    "carried signature twice, under both forms of its key": Forgery(
        carried_under_the_long_form_of_its_key,
        "psbt.signature_foreign_key",
        GROUP_KINDS,
        like="carried signature of a stranger",
    ),
    "carried signature over another transaction": Forgery(
        carried_for_another_transaction, "psbt.signature_invalid", GROUP_KINDS
    ),
    "carried signature of another input": Forgery(
        carried_for_another_input, "psbt.signature_swapped", GROUP_KINDS
    ),
    "carried signature under another cosigner's key": Forgery(
        carried_under_another_cosigner, "psbt.signature_other_cosigner", GROUP_KINDS
    ),
    "carried signature with another sighash": Forgery(
        carried_with_another_sighash, "psbt.signature_sighash", GROUP_KINDS
    ),
    "carried signature with high s": Forgery(carried_with_high_s, "psbt.signature_high_s", GROUP_KINDS),
    "carried signature in loose encoding": Forgery(
        carried_in_loose_encoding, "psbt.signature_encoding", GROUP_KINDS
    ),
}
