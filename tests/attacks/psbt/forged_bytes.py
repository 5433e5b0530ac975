"""PSBTs whose form is broken: refused by the strict parser before anything in them is believed."""

from __future__ import annotations

from dataclasses import replace

from tests.support.bitcoin_keys import Forgery, Sample
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import MAGIC, Psbt
from vault.bitcoin.psbt.fields import Global, In
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput
from vault.bitcoin.wire import counted


def cut_off(s: Sample) -> bytes:
    return s.serialise()[:-5]


def bytes_behind(s: Sample) -> bytes:
    return s.serialise() + b"\0"


def another_file(s: Sample) -> bytes:
    return s.unsigned.serialise()


def key_twice(s: Sample) -> Psbt:
    fields = s.psbt.inputs[0].fields
    return s.psbt.with_input(0, PsbtInput((*fields, fields[0])))


def long_length(s: Sample) -> bytes:
    """The length of the first key in three bytes where one is enough."""
    raw = s.serialise()
    return MAGIC + b"\xfd\x01\x00" + raw[len(MAGIC) + 1 :]


def _with_unsigned(s: Sample, raw: bytes) -> Psbt:
    return replace(s.psbt, globals=s.psbt.globals.put(Global.UNSIGNED_TX, raw))


def script_sig_in_the_unsigned(s: Sample) -> Psbt:
    first, *rest = s.unsigned.inputs
    return _with_unsigned(
        s, replace(s.unsigned, inputs=(replace(first, script_sig=b"\x51"), *rest)).serialise()
    )


def no_transaction(s: Sample) -> Psbt:
    fields = FieldMap((Field(Global.VERSION, b"", bytes(4)),))
    return replace(s.psbt, globals=fields)


def unknown_version(s: Sample) -> Psbt:
    return replace(s.psbt, globals=s.psbt.globals.put(Global.VERSION, (1).to_bytes(4, "little")))


def version_two_field(s: Sample) -> Psbt:
    return s.put_input(0, 0x10, (0).to_bytes(4, "little"))


def in_version_two(s: Sample) -> Psbt:
    """The planned transaction, but as maps that a reader of version 0 takes for an empty one."""
    return to_v2(s.psbt)


def coin_under_a_longer_key(s: Sample) -> Psbt:
    """A second previous transaction: lax readers take the type and skip the rest of the key."""
    return s.put_input(0, In.NON_WITNESS_UTXO, s.psbt.inputs[1].get(In.NON_WITNESS_UTXO) or b"", b"\0")


def key_of_wrong_length(s: Sample) -> Psbt:
    return s.put_input(0, In.BIP32_DERIVATION, bytes(24), b"\x02" + bytes(31))


def sighash_of_three_bytes(s: Sample) -> Psbt:
    return s.put_input(0, In.SIGHASH_TYPE, b"\x01\0\0")


def previous_with_an_empty_witness(s: Sample) -> Psbt:
    """The witness flag without a witness: parsers disagree about its id."""
    previous = s.psbt.inputs[0].previous_transaction()
    plain = previous.serialise(witness=False)
    flagged = plain[:4] + b"\0\x01" + plain[4:-4] + b"\0" * len(previous.inputs) + plain[-4:]
    return s.put_input(0, In.NON_WITNESS_UTXO, flagged)


def endless_length(s: Sample) -> bytes:
    return MAGIC + counted(b"\0") + b"\xff" + b"\xff" * 8


FORGED_BYTES = {
    "cut off": Forgery(cut_off, "psbt.truncated"),
    "value of 2^64 bytes": Forgery(endless_length, "psbt.truncated", like="cut off"),
    "bytes behind the end": Forgery(bytes_behind, "psbt.trailing_bytes"),
    "a transaction instead of a PSBT": Forgery(another_file, "psbt.not_psbt"),
    "field given twice": Forgery(key_twice, "psbt.duplicate_key"),
    "length longer than needed": Forgery(long_length, "psbt.not_minimal"),
    "scriptSig in the unsigned transaction": Forgery(script_sig_in_the_unsigned, "psbt.unsigned_tx_signed"),
    "no transaction at all": Forgery(no_transaction, "psbt.no_unsigned_tx"),
    "unknown PSBT version": Forgery(unknown_version, "psbt.unknown_version"),
    "version 2 field smuggled in": Forgery(version_two_field, "psbt.version_2_field"),
    "the same in version 2": Forgery(in_version_two, "psbt.version_2"),
    "origin under a key of wrong length": Forgery(key_of_wrong_length, "psbt.bad_key"),
    "second coin under a longer key": Forgery(
        coin_under_a_longer_key, "psbt.bad_key", like="origin under a key of wrong length"
    ),
    "sighash of three bytes": Forgery(sighash_of_three_bytes, "psbt.bad_value"),
    "previous transaction with an empty witness": Forgery(
        previous_with_an_empty_witness, "psbt.bad_transaction"
    ),
}
