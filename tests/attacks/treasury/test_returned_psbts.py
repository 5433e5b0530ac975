"""PSBTs that come back from a signer with more than signatures: each refused with its code, nothing changed.

And signatures that do not hold: those freeze the plan.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.bitcoin_keys import Sample, foreign_script, make_sample, sample_of
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import KeyOrigin
from vault.bitcoin.scripts import Kind
from vault.bitcoin.spend import VerifiedSpend
from vault.bitcoin.standard_inputs import finalise
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.errors import PlanError, PsbtError
from vault.treasury import psbt_exchange
from vault.treasury.plan import Plan


@dataclass
class Exchange:
    """A plan whose one transaction is the sample's, approved and ready to be signed by outsiders."""

    bench: Any
    plan: Plan
    sample: Sample
    verified: VerifiedSpend

    def take(self, returned: Psbt) -> str:
        return psbt_exchange.take(self.bench.desk, self.plan, None, returned).state

    def refused(self, returned: Psbt) -> str:
        with pytest.raises(PsbtError) as caught:
            self.take(returned)
        return caught.value.code

    def kept(self) -> int:
        """Signatures that the record has."""
        from vault.treasury.cosign import as_it_stands

        step = self.bench.step(self.plan, 1, "spend")
        return len(as_it_stands(self.verified, step).partial)

    @property
    def state(self) -> str:
        return str(self.bench.state(self.plan))

    def signed(self, *signers: int, psbt: Psbt | None = None) -> Psbt:
        psbt = psbt or self.sample.psbt
        for signer in signers:
            for each in self.sample.account.cosign(self.verified, signer):
                fields = psbt.inputs[each.input].put(In.PARTIAL_SIG, each.signature + b"\x01", each.key)
                psbt = psbt.with_input(each.input, fields)
        return psbt


@pytest.fixture
def exchange(bench: Any, permitted: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Exchange]:
    def make(kind: Kind = "p2wsh") -> Exchange:
        sample = sample_of(kind)
        verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
        monkeypatch.setattr(psbt_exchange, "verify_transfer", lambda desk, transfer: verified)
        settings = SimpleNamespace(group=sample.descriptor.group, signers=("a",))
        bench.desk.treasury.wallet = lambda name: settings
        bench.desk.treasury.device = lambda name: SimpleNamespace(root_fingerprint="00000000")
        text = base64.b64encode(sample.serialise()).decode()
        plan = bench.plan(bench.top_up(psbt=text, action="evacuate", venue_account=""))
        return Exchange(bench, plan, sample, verified)

    return make


def put(psbt: Psbt, number: int, kind: int, value: bytes, key: bytes = b"") -> Psbt:
    return psbt.with_input(number, psbt.inputs[number].put(kind, value, key))


def moved(exchange: Exchange, psbt: Psbt) -> Psbt:
    """The first payment goes to somebody else."""
    first, *rest = psbt.unsigned.outputs
    outputs = (replace(first, script=foreign_script(9)), *rest)
    return exchange.sample.retold(replace(psbt.unsigned, outputs=outputs), psbt)


def more(exchange: Exchange, psbt: Psbt) -> Psbt:
    first, *rest = psbt.unsigned.outputs
    outputs = (replace(first, value=first.value + 1), *rest)
    return exchange.sample.retold(replace(psbt.unsigned, outputs=outputs), psbt)


def other_coin(exchange: Exchange, psbt: Psbt) -> Psbt:
    first, *rest = psbt.unsigned.inputs
    coin = replace(first.outpoint, vout=0)
    return exchange.sample.retold(replace(psbt.unsigned, inputs=(replace(first, outpoint=coin), *rest)), psbt)


def understated(_: Exchange, psbt: Psbt) -> Psbt:
    coin = psbt.inputs[0].witness_utxo()
    assert coin is not None
    return put(psbt, 0, In.WITNESS_UTXO, replace(coin, value=1).serialise())


def other_group(exchange: Exchange, psbt: Psbt) -> Psbt:
    """The witness script of a group in which one of ours is replaced."""
    script = psbt.inputs[0].get(In.WITNESS_SCRIPT)
    stranger = sample_of("p2wsh", b"another group").descriptor.place(False, 0).keys[0].key
    ours = exchange.verified.inputs[0].place.keys[1].key
    assert script is not None
    return put(psbt, 0, In.WITNESS_SCRIPT, script.replace(ours, stranger))


def other_origin(exchange: Exchange, psbt: Psbt) -> Psbt:
    key = exchange.verified.inputs[0].place.keys[0]
    value = KeyOrigin(key.key, "deadbeef", key.path).value(taproot=False)
    return put(psbt, 0, In.BIP32_DERIVATION, value, key.key)


def less(psbt: Psbt, *, inputs: int) -> Psbt:
    unsigned = replace(psbt.unsigned, inputs=psbt.unsigned.inputs[:inputs])
    top = psbt.globals.put(Global.UNSIGNED_TX, unsigned.serialise(witness=False))
    return replace(psbt, unsigned=unsigned, globals=top, inputs=psbt.inputs[:inputs])


ALTERED: dict[str, tuple[Callable[[Exchange, Psbt], Psbt], str]] = {
    "another payee": (moved, "psbt.returned_script"),
    "another amount": (more, "psbt.returned_amount"),
    "another coin": (other_coin, "psbt.returned_outpoint"),
    "an input less": (lambda _, psbt: less(psbt, inputs=2), "psbt.returned_inputs"),
    "another lock time": (
        lambda e, psbt: e.sample.retold(replace(psbt.unsigned, locktime=1), psbt),
        "psbt.returned_locktime",
    ),
    "another version of the transaction": (
        lambda e, psbt: e.sample.retold(replace(psbt.unsigned, version=1), psbt),
        "psbt.returned_tx_version",
    ),
    "another sequence": (
        lambda e, psbt: e.sample.retold(
            replace(psbt.unsigned, inputs=tuple(replace(i, sequence=0) for i in psbt.unsigned.inputs)), psbt
        ),
        "psbt.returned_sequence",
    ),
    "an amount understated": (understated, "psbt.returned_field_changed"),
    "another group's script": (other_group, "psbt.returned_field_changed"),
    "a cosigner of another fingerprint": (other_origin, "psbt.returned_field_changed"),
    "a sighash asked for": (
        lambda _, psbt: put(psbt, 0, In.SIGHASH_TYPE, (0x83).to_bytes(4, "little")),
        "psbt.returned_field_added",
    ),
    "a field nobody knows": (lambda _, psbt: put(psbt, 1, 0x7B, b"\x01"), "psbt.returned_field_added"),
    "a path on a payment": (
        lambda e, psbt: psbt.with_output(
            0,
            psbt.outputs[0].put(Out.BIP32_DERIVATION, bytes(12), e.verified.inputs[0].place.keys[0].key),
        ),
        "psbt.returned_field_added",
    ),
    "change no longer proven": (
        lambda _, psbt: psbt.with_output(2, psbt.outputs[2].drop(Out.WITNESS_SCRIPT)),
        "psbt.returned_field_removed",
    ),
    "an extended key that is not ours": (
        lambda e, psbt: replace(psbt, globals=psbt.globals.put(Global.XPUB, *_strange_xpub())),
        "psbt.returned_field_added",
    ),
    "the same PSBT unsigned": (lambda e, _: e.sample.psbt, "psbt.nothing_signed"),
}


def _strange_xpub() -> tuple[bytes, bytes]:
    from vault.address import base58check_decode

    descriptor = sample_of("p2wsh", b"another group").descriptor
    key = descriptor.keys[0]
    raw = base58check_decode(key.account.text(descriptor.network))
    return KeyOrigin(raw, key.fingerprint, key.path).value(taproot=False), raw


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("name", ALTERED)
def test_whatever_else_was_changed_is_refused_and_changes_nothing(
    exchange: Callable[..., Exchange], name: str, version: int
) -> None:
    this = exchange()
    alter, code = ALTERED[name]
    returned = alter(this, this.signed(0))
    assert this.refused(to_v2(returned) if version else returned) == code
    assert (this.state, this.kept()) == ("approved", 0)
    # The honest file is still taken.
    assert this.take(this.signed(0)) == "signing"
    assert this.kept() == 3


def exchanged(_: Exchange, psbt: Psbt) -> Psbt:
    """Signatures of inputs 0 and 1 exchanged."""
    one, two = (psbt.inputs[number].all(In.PARTIAL_SIG)[0] for number in (0, 1))
    return put(psbt, 0, In.PARTIAL_SIG, two.value, one.key)


def of_another_cosigner(exchange: Exchange, psbt: Psbt) -> Psbt:
    other = exchange.signed(1).inputs[0].all(In.PARTIAL_SIG)[0]
    return put(psbt, 0, In.PARTIAL_SIG, other.value, psbt.inputs[0].all(In.PARTIAL_SIG)[0].key)


def of_another_transaction(exchange: Exchange, psbt: Psbt) -> Psbt:
    sample = make_sample(exchange.sample.account, fee=2_501)
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    (found,) = (each for each in sample.account.cosign(verified, 0) if each.input == 0)
    return put(psbt, 0, In.PARTIAL_SIG, found.signature + b"\x01", found.key)


def of_a_stranger(_: Exchange, psbt: Psbt) -> Psbt:
    key = sample_of("p2wsh", b"another group").descriptor.place(False, 0).keys[0].key
    return put(psbt, 0, In.PARTIAL_SIG, psbt.inputs[0].all(In.PARTIAL_SIG)[0].value, key)


def of_one_output(_: Exchange, psbt: Psbt) -> Psbt:
    field = psbt.inputs[0].all(In.PARTIAL_SIG)[0]
    return put(psbt, 0, In.PARTIAL_SIG, field.value[:-1] + b"\x83", field.key)


def of_taproot(_: Exchange, psbt: Psbt) -> Psbt:
    return put(psbt, 0, In.TAP_KEY_SIG, b"\x01" * 64)


def final_with_another(exchange: Exchange, psbt: Psbt) -> Psbt:
    """Final inputs whose witness script is that of another group."""
    done = finalise(exchange.signed(0, 1))
    raw = done.inputs[0].get(In.FINAL_SCRIPTWITNESS)
    stranger = sample_of("p2wsh", b"another group").descriptor.place(False, 0).keys[0].key
    assert raw is not None
    return put(
        done, 0, In.FINAL_SCRIPTWITNESS, raw.replace(exchange.verified.inputs[0].place.keys[1].key, stranger)
    )


FALSE: dict[str, tuple[Callable[[Exchange, Psbt], Psbt], str]] = {
    "another input's": (exchanged, "psbt.signature_swapped"),
    "another cosigner's": (of_another_cosigner, "psbt.signature_other_cosigner"),
    "another transaction's": (of_another_transaction, "psbt.signature_invalid"),
    "a stranger's": (of_a_stranger, "psbt.signature_foreign_key"),
    "over one output only": (of_one_output, "psbt.signature_sighash"),
    "a taproot signature": (of_taproot, "psbt.signature_unkeyed"),
    "a final input of another script": (final_with_another, "psbt.signed_witness_script"),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_signature_that_does_not_hold_freezes_the_plan_and_is_not_kept(
    exchange: Callable[..., Exchange], name: str
) -> None:
    this = exchange()
    forge, code = FALSE[name]
    assert this.refused(forge(this, this.signed(0))) == code
    assert (this.state, this.kept()) == ("frozen", 0)
    with pytest.raises(PlanError):
        this.take(this.signed(0, 1))


@pytest.mark.parametrize("kind", ["p2wsh", "p2sh-p2wsh"])
def test_signers_return_in_any_order_and_form_and_the_same_transaction_comes_out(
    exchange: Callable[..., Exchange], kind: Kind
) -> None:
    raws = set()
    for forms in ((0, 2), (2, 0)):
        this = exchange(kind)
        this.bench.clock.advance(1)
        first, second = forms
        assert this.take(to_v2(this.signed(first))) == "signing"
        assert this.refused(this.signed(first)) == "psbt.nothing_new"
        assert this.kept() == 3
        assert this.take(this.signed(second)) == "signed"
        raws.add(this.bench.step(this.plan, 1, "spend").facts["raw"])
    honest = verify_signed(
        this.verified, (), [each for s in (0, 2) for each in this.sample.account.cosign(this.verified, s)]
    )
    assert raws == {honest.raw.hex()}


def test_an_input_both_final_and_signed_is_refused(exchange: Callable[..., Exchange]) -> None:
    this = exchange()
    assert this.refused(this.signed(0, psbt=finalise(this.signed(0, 1)))) == "psbt.already_final"


def test_a_final_psbt_is_taken(exchange: Callable[..., Exchange]) -> None:
    this = exchange()
    assert this.take(finalise(this.signed(0, 1))) == "signed"
    with pytest.raises(PlanError) as caught:
        this.take(this.signed(2))
    assert caught.value.code == "plan.already_signed"


@pytest.mark.parametrize("kind", ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"])
def test_a_wallet_of_one_key_takes_all_signatures_or_none(
    exchange: Callable[..., Exchange], kind: Kind
) -> None:
    this = exchange(kind)
    psbt = this.sample.psbt
    for number, signature in this.sample.account.sign(this.verified):
        key = this.verified.inputs[number].place.keys[0].key
        psbt = (
            put(psbt, number, In.TAP_KEY_SIG, signature)
            if kind == "p2tr"
            else put(psbt, number, In.PARTIAL_SIG, signature + b"\x01", key)
        )
    assert this.take(psbt) == "signed"


def test_kept_signatures_that_somebody_altered_in_the_store_are_not_used(
    exchange: Callable[..., Exchange],
) -> None:
    from vault.store import records

    this = exchange()
    this.take(this.signed(0))
    step = this.bench.step(this.plan, 1, "spend")
    spoiled = step.facts["partial"].replace("3044", "3045", 1).replace("3045", "3044", 1)
    spoiled = spoiled[:-12] + ("00" if spoiled[-12:-10] != "00" else "01") + spoiled[-10:]
    with this.bench.desk.store.write() as writer:
        records.move_intent(writer, step, "signing", partial=spoiled)
    assert this.refused(this.signed(2)).startswith("psbt.signature")
    assert this.state == "frozen"


# -- `psbt verify --plan`: the same question without taking anything ------------------------------------


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exchange, Psbt], bool]:
    """Whether a PSBT is the plan's, and has signatures enough."""
    from vault.treasury import spending

    def judge(this: Exchange, psbt: Psbt) -> bool:
        monkeypatch.setattr(spending, "expected_spend", lambda desk, transfer: this.sample.expected)
        monkeypatch.setattr(spending, "fee_limits", lambda policy: this.sample.limits)
        this.bench.desk.policy = lambda: SimpleNamespace(policy=None)
        return psbt_exchange.judge(this.bench.desk, this.plan, None, psbt)[1]

    return judge


def test_the_plans_transaction_is_known_in_every_state_of_signing(
    exchange: Callable[..., Exchange], judged: Callable[[Exchange, Psbt], bool]
) -> None:
    this = exchange()
    for psbt, complete in (
        (this.sample.psbt, False),
        (this.signed(1), False),
        (this.signed(0, 2), True),
        (this.signed(0, 1, 2), True),
        (finalise(this.signed(1, 2)), True),
    ):
        assert judged(this, psbt) is complete
        assert judged(this, to_v2(psbt)) is complete
    assert (this.state, this.bench.states(this.plan)) == ("approved", [])


# The plan's transaction all the same: an unsigned one, and one that proves its change less well.
STILL_THE_PLANS = frozenset({"the same PSBT unsigned", "change no longer proven"})


@pytest.mark.parametrize("name", sorted({*ALTERED, *FALSE} - STILL_THE_PLANS))
def test_what_does_something_else_than_the_plan_is_refused(
    exchange: Callable[..., Exchange], judged: Callable[[Exchange, Psbt], bool], name: str
) -> None:
    this = exchange()
    forge, _ = {**ALTERED, **FALSE}[name]
    with pytest.raises(PsbtError):
        judged(this, forge(this, this.signed(0)))
    assert (this.state, this.bench.states(this.plan)) == ("approved", [])


def test_a_file_with_nothing_new_says_so_and_changes_nothing(exchange: Callable[..., Exchange]) -> None:
    this = exchange()
    returned = this.signed(0)
    assert this.take(returned) == "signing"
    before = this.bench.step(this.plan, 1, "spend")
    this.bench.clock.advance(1)
    assert this.refused(returned) == "psbt.nothing_new"
    assert this.bench.step(this.plan, 1, "spend") == before
    assert this.state == "approved"
    assert this.take(this.signed(0, 1)) == "signed", "one of two is new"
