"""`vault psbt` at the edge: what is explained, exit statuses, every way in and out, and hostile input."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.bitcoin_keys import REGTEST, Sample, make_sample, sample_of
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import MAX_BYTES, Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import KeyOrigin
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.cli.edge import run


@dataclass(frozen=True)
class Ran:
    status: int
    out: bytes
    err: str

    @property
    def document(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def words(self) -> str:
        return self.out.decode()


Vault = Callable[..., Ran]


@pytest.fixture
def vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Vault:
    """Runs the command line in this process, where no treasury is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAULT_CONFIG", raising=False)

    def call(*arguments: str, stdin: bytes = b"") -> Ran:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            capfdbinary.readouterr()
            status = run(arguments)
            found = capfdbinary.readouterr()
        return Ran(status, found.out, found.err.decode())

    return call


def text_of(psbt: Psbt) -> str:
    return base64.b64encode(psbt.serialise()).decode()


def signed(sample: Sample, *signers: int) -> Psbt:
    """The sample's PSBT with the signatures of these cosigners, or of its one key."""
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    psbt = sample.psbt
    if sample.descriptor.group:
        for signer in signers:
            for each in sample.account.cosign(verified, signer):
                fields = psbt.inputs[each.input].put(In.PARTIAL_SIG, each.signature + b"\x01", each.key)
                psbt = psbt.with_input(each.input, fields)
        return psbt
    for number, signature in sample.account.sign(verified):
        key = verified.inputs[number].place.keys[0].key
        fields = (
            psbt.inputs[number].put(In.TAP_KEY_SIG, signature)
            if sample.taproot
            else psbt.inputs[number].put(In.PARTIAL_SIG, signature + b"\x01", key)
        )
        psbt = psbt.with_input(number, fields)
    return psbt


def final_raw(sample: Sample) -> bytes:
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    if sample.descriptor.group:
        return verify_signed(verified, (), sample.account.honest(verified)).raw  # type: ignore[arg-type]
    return verify_signed(verified, sample.account.sign(verified)).raw


def explained(vault: Vault, sample: Sample, psbt: Psbt, command: str = "inspect") -> Ran:
    descriptor = sample.descriptor.text()
    return vault("psbt", command, text_of(psbt), "--network", "regtest", "--descriptor", descriptor, "--json")


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_psbt_is_explained_and_valid(vault: Vault, kind: Kind) -> None:
    sample = sample_of(kind)
    ran = explained(vault, sample, sample.psbt)
    found = ran.document
    assert (ran.status, found["valid"], found["faults"]) == (0, True, [])
    assert [each["wallet"] for each in found["inputs"]] == ["descriptor 1"] * 3
    assert all(each["proven"] for each in found["inputs"])
    assert [each["what"] for each in found["outputs"]] == ["payment", "payment", "change"]
    assert found["fee"]["amount"] == "0.00002500"
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    # Of p2tr and p2wsh all is known before anybody signs; of a key's hash when its key is named.
    assert abs(found["vsize"] - verified.worst_vsize) <= 1
    assert Decimal(found["fee_rate"]) > 0
    assert explained(vault, sample, sample.psbt, "verify").status == 0


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_are_checked_finalised_and_extracted_as_the_verifier_does(
    vault: Vault, tmp_path: Path, kind: Kind
) -> None:
    sample = sample_of(kind)
    found = explained(vault, sample, signed(sample, 0, 2)).document
    states = {each["state"] for line in found["inputs"] for each in line["signatures"]}
    assert (found["valid"], states) == (True, {"valid"})
    final = vault("psbt", "finalise", "-", "-o", "final.psbt", stdin=signed(sample, 0, 1).serialise())
    assert final.status == 0, final.err
    assert (tmp_path / "final.psbt").stat().st_mode & 0o777 == 0o600
    raw = vault("psbt", "extract", "final.psbt")
    assert (raw.status, bytes.fromhex(raw.words)) == (0, final_raw(sample))
    again = explained(vault, sample, Psbt.parse((tmp_path / "final.psbt").read_bytes()))
    assert (again.status, again.document["complete"]) == (0, True)


def test_every_way_in_and_out_gives_the_same(vault: Vault, tmp_path: Path) -> None:
    sample = sample_of("p2wsh")
    raw, text = sample.serialise(), text_of(sample.psbt)
    (tmp_path / "binary").write_bytes(raw)
    (tmp_path / "text").write_text(text + "\n")
    for source, stdin in (("binary", b""), ("text", b""), (text, b""), ("-", raw), ("-", text.encode())):
        ran = vault("psbt", "convert", source, "--to", "0", stdin=stdin)
        assert (ran.status, ran.words) == (0, text + "\n")
    assert vault("psbt", "convert", text, "--to", "0", "--binary").out == raw
    for name, options, content in (("out", (), raw), ("text-out", ("--base64",), f"{text}\n".encode())):
        assert vault("psbt", "convert", text, "--to", "0", "-o", name, *options).status == 0
        assert (tmp_path / name).read_bytes() == content
    assert vault("psbt", "convert", text, "--to", "2", "--json").document["version"] == 2
    there_and_back = vault("psbt", "convert", "-", "--to", "0", stdin=to_v2(sample.psbt).serialise())
    assert there_and_back.words == text + "\n"


def test_copies_of_several_signers_become_one(vault: Vault) -> None:
    sample = sample_of("p2wsh")
    one, two = (text_of(signed(sample, signer)) for signer in (0, 2))
    ran = vault("psbt", "combine", one, two)
    combined, both = Psbt.parse(base64.b64decode(ran.words)), signed(sample, 0, 2)
    assert [set(each.fields) for each in combined.inputs] == [set(each.fields) for each in both.inputs]
    short = vault("psbt", "finalise", one)
    assert (short.status, "psbt.threshold" in short.err) == (30, True)
    other = text_of(make_sample(sample.account, fee=2_600).psbt)
    assert "psbt.combine_transactions" in vault("psbt", "combine", one, other).err
    assert vault("psbt", "combine", "-", "-").status == 2


GARBAGE = {
    "nothing": b"",
    "text": b"hello",
    "hex": b"70736274ff0100",
    "transaction": bytes.fromhex("0200000000010100"),
    "cut": sample_of("p2wpkh").serialise()[:-7],
    "behind its end": sample_of("p2wpkh").serialise() + b"\0",
    "half base64": base64.b64encode(sample_of("p2wpkh").serialise())[:-3],
    "zeros": bytes(1000),
    "huge": b"psbt\xff" + bytes(MAX_BYTES),
    "huge text": b"cHNidP" + b"A" * (2 * MAX_BYTES),
    "escapes": b"\x1b]0;owned\x07\x1b[2J",
}


@pytest.mark.parametrize("command", ["inspect", "verify", "finalise", "extract", "combine"])
@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_psbt_ends_with_30_and_no_answer(vault: Vault, command: str, name: str) -> None:
    ran = vault("psbt", command, "-", stdin=GARBAGE[name])
    assert (ran.status, ran.out) == (30, b"")
    assert ran.err.startswith("psbt.")
    assert "\x1b" not in ran.err


def test_a_file_that_is_not_there_and_a_folder_that_is_not_there(vault: Vault) -> None:
    assert "psbt.unreadable" in vault("psbt", "inspect", "nowhere.psbt").err
    text = text_of(sample_of("p2wpkh").psbt)
    ran = vault("psbt", "convert", text, "--to", "2", "-o", "nowhere/out")
    assert (ran.status, "config.not_writable" in ran.err) == (11, True)


def test_a_file_that_is_there_is_never_replaced(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"the store")
    (tmp_path / "link").symlink_to("nowhere")
    text = text_of(sample_of("p2wpkh").psbt)
    for name in ("vault.db", "link"):
        ran = vault("psbt", "convert", text, "--to", "2", "-o", name)
        assert (ran.status, "config.exists" in ran.err) == (11, True)
    assert (tmp_path / "vault.db").read_bytes() == b"the store"
    assert not (tmp_path / "nowhere").exists()


# -- what inspect and verify say ---------------------------------------------------------------------


def understated(sample: Sample) -> Psbt:
    coin = sample.psbt.inputs[0].witness_utxo()
    assert coin is not None
    return sample.put_input(0, In.WITNESS_UTXO, replace(coin, value=coin.value - 1).serialise())


def foreign_previous(sample: Sample) -> Psbt:
    other = sample.psbt.inputs[1].get(In.NON_WITNESS_UTXO)
    assert other is not None
    return sample.put_input(0, In.NON_WITNESS_UTXO, other)


def false_change(sample: Sample) -> Psbt:
    """A payment dressed up with our keys."""
    place = sample.descriptor.place(True, 9)
    psbt = sample.psbt
    for key in place.keys:
        value = KeyOrigin(key.key, key.fingerprint, key.path).value(taproot=False)
        psbt = psbt.with_output(0, psbt.outputs[0].put(Out.BIP32_DERIVATION, value, key.key))
    return psbt


def wrong_place(sample: Sample) -> Psbt:
    """Our change, claimed to stand at another index."""
    key = sample.descriptor.place(True, 5).keys[0]
    value = KeyOrigin(key.key, key.fingerprint, (*key.path[:-1], 6)).value(taproot=False)
    return sample.put_output(2, Out.BIP32_DERIVATION, value, key.key)


def bad_signature(sample: Sample) -> Psbt:
    """The signatures of inputs 0 and 1 exchanged."""
    psbt = signed(sample, 0)
    one, two = (psbt.inputs[number].all(In.PARTIAL_SIG)[0] for number in (0, 1))
    return psbt.with_input(0, psbt.inputs[0].put(In.PARTIAL_SIG, two.value, one.key))


def strange_key(sample: Sample) -> Psbt:
    psbt = signed(sample, 0)
    value = psbt.inputs[0].all(In.PARTIAL_SIG)[0].value
    return sample.put_input(0, In.PARTIAL_SIG, value, sample.descriptor.place(True, 40).keys[0].key)


def overspent(sample: Sample) -> Psbt:
    first, *rest = sample.unsigned.outputs
    return sample.with_outputs(replace(first, value=first.value + 2_501), *rest)


def twice(sample: Sample) -> Psbt:
    first, _, last = sample.unsigned.inputs
    psbt = sample.with_inputs(first, first, last)
    return replace(psbt, inputs=(psbt.inputs[0], psbt.inputs[0], psbt.inputs[2]))


def corrupt_final(sample: Sample) -> Psbt:
    from vault.bitcoin.standard_inputs import finalise

    psbt = finalise(signed(sample, 0, 1))
    raw = psbt.inputs[0].get(In.FINAL_SCRIPTWITNESS)
    assert raw is not None
    spoiled = raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]
    return psbt.with_input(0, psbt.inputs[0].put(In.FINAL_SCRIPTWITNESS, spoiled))


FAULTY: dict[str, tuple[Callable[[Sample], Psbt], str]] = {
    "an amount understated": (understated, "witness_utxo_differs"),
    "another previous transaction": (foreign_previous, "prevtx_txid"),
    "a payment that claims to be change": (false_change, "claims_to_be_ours"),
    "change at another place": (wrong_place, "origin_differs"),
    "another input's signature": (bad_signature, "signature_invalid"),
    "a signature of a key that is not there": (strange_key, "signature_invalid"),
    "more paid than spent": (overspent, "outputs_above_inputs"),
    "a coin twice": (twice, "duplicate_input"),
    "a final witness that does not hold": (corrupt_final, "consensus"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_contradictions_make_it_invalid_and_are_named(vault: Vault, name: str) -> None:
    sample = sample_of("p2wsh")
    make, code = FAULTY[name]
    for command in ("inspect", "verify"):
        ran = explained(vault, sample, make(sample), command)
        assert (ran.status, ran.document["valid"]) == (30, False)
        assert code in {each["code"] for each in ran.document["faults"]}


def unproven(sample: Sample) -> Psbt:
    return sample.psbt.with_input(0, sample.psbt.inputs[0].drop(In.NON_WITNESS_UTXO))


def unknown_amount(sample: Sample) -> Psbt:
    return sample.psbt.with_input(0, sample.psbt.inputs[0].drop(In.NON_WITNESS_UTXO, In.WITNESS_UTXO))


def with_xpubs(sample: Sample) -> Psbt:
    from vault.address import base58check_decode

    key = sample.descriptor.keys[0]
    raw = base58check_decode(key.account.text(REGTEST))
    value = KeyOrigin(raw, key.fingerprint, key.path).value(taproot=False)
    return replace(sample.psbt, globals=sample.psbt.globals.put(Global.XPUB, value, raw))


# What it is, its code, and whether `verify` refuses it.
LOOK_AT: dict[str, tuple[Callable[[Sample], Psbt], str, bool]] = {
    "an amount not proven": (unproven, "unproven_amount", True),
    "no amount": (unknown_amount, "unknown_amount", True),
    "an unknown field": (lambda s: s.put_input(1, 0x7B, b"\x01"), "unknown_field", True),
    "a proprietary field": (
        lambda s: s.put_output(0, Out.PROPRIETARY, b"\x01", b"\x05\x1b[2Jx\x00"),
        "proprietary_field",
        True,
    ),
    "a sighash of its own": (
        lambda s: s.put_input(0, In.SIGHASH_TYPE, (0x83).to_bytes(4, "little")),
        "unusual_sighash",
        True,
    ),
    "extended keys": (with_xpubs, "global_xpubs", False),
    "a lock time": (lambda s: make_sample(s.account, locktime=700_000).psbt, "locktime", False),
    "a relative lock": (lambda s: make_sample(s.account, sequence=10).psbt, "relative_locktime", False),
    "replaceable": (lambda s: s.psbt, "replaceable", False),
    "a high fee": (lambda s: make_sample(s.account, fee=9_000_000).psbt, "high_fee", False),
    "a high rate": (lambda s: make_sample(s.account, fee=900_000).psbt, "high_fee_rate", False),
}


@pytest.mark.parametrize("name", LOOK_AT)
def test_what_deserves_a_look_is_said_and_only_what_is_open_is_refused_by_verify(
    vault: Vault, name: str
) -> None:
    sample = sample_of("p2wsh")
    make, code, refused = LOOK_AT[name]
    ran = explained(vault, sample, make(sample))
    assert ran.status == 0
    assert code in {each["code"] for each in ran.document["warnings"]}
    strict = explained(vault, sample, make(sample), "verify")
    assert strict.status == (30 if refused else 0)
    words = vault("psbt", "inspect", text_of(make(sample)), "--network", "regtest")
    assert (words.status, code in words.words) == (0, True)
    assert "\x1b" not in words.words


def test_without_treasury_or_descriptor_nothing_is_ours_and_it_is_still_explained(vault: Vault) -> None:
    text = text_of(sample_of("p2tr").psbt)
    silent = vault("psbt", "inspect", text)
    assert (silent.status, "config.no_network" in silent.err) == (11, True), "no network is guessed"
    ran = vault("psbt", "inspect", text, "--network", "regtest")
    assert ran.status == 0
    assert "network regtest" in ran.words
    assert "of no wallet known here" in ran.words
    assert "bcrt1p" in ran.words
    assert "0.30000000 BTC" in ran.words
