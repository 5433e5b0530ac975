"""A plan's transactions as files for signers without a device here, and what comes back from them.

What is exported was proven against the plan. Of what comes back only signatures are taken, each proven; all
else must be as it was sent. A signature that does not hold freezes the plan, a wrong file does not.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from vault.errors import PlanError, PsbtError, VaultError
from vault.treasury import cosign, preconditions
from vault.treasury.approve import begin_signing, finish_signing, freezing, require_signable
from vault.treasury.spending import verify_transfer
from vault.treasury.steps import ensure_intents

if TYPE_CHECKING:
    from vault.bitcoin.descriptor import Descriptor
    from vault.bitcoin.psbt.document import Psbt
    from vault.bitcoin.psbt.maps import PsbtInput
    from vault.bitcoin.psbt_report import Surroundings
    from vault.bitcoin.spend import PartialSignature, VerifiedSpend
    from vault.config import Treasury
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer


def export(desk: Desk, plan: Plan, number: int | None, *, version: int = 0, xpubs: bool = False) -> Psbt:
    """A transfer's PSBT as it was proven, with the signatures that are there.

    Raises `PlanError`, `PsbtError`, `DeniedError`.
    """
    from vault.bitcoin.psbt.convert import convert
    from vault.bitcoin.psbt.document import Psbt

    require_signable(desk, plan)
    transfer = _one_spend(plan, number)
    intent = _spend_step(desk, plan, transfer)
    verified = cosign.as_it_stands(verify_transfer(desk, transfer), intent)
    if intent.state in {"planned", "signing"}:
        # Whoever signs the file may send it too.
        begin_signing(desk, intent, verified)
    psbt = Psbt.parse(verified.psbt)
    if xpubs:
        psbt = _with_xpubs(psbt, verified.expected.descriptor)
    return convert(psbt, version)


def take(desk: Desk, plan: Plan, number: int | None, returned: Psbt) -> IntentRow:
    """Take the signatures out of a returned PSBT; returns the step as it now stands.

    Raises `PsbtError`: what `compare` finds, and what the signatures are refused for.
    """
    from vault.bitcoin.psbt.compare import require_only_signatures
    from vault.bitcoin.verify import verify_signed

    require_signable(desk, plan)
    transfer = _one_spend(plan, number, returned)
    intent = _spend_step(desk, plan, transfer)
    preconditions.check_transfer(desk, plan, transfer, leaving=transfer.gross)
    verified = verify_transfer(desk, transfer)
    found = require_only_signatures(_as_sent(verified, returned), returned)
    if not found.signatures and not found.finalised:
        raise PsbtError(
            "nothing_signed",
            "expected signatures in the returned PSBT, found none",
            hint="Is this the file that was sent, or a signer with another seed or passphrase?",
        )
    if intent.state not in {"planned", "signing"}:
        raise PlanError(
            "already_signed", f"transfer {transfer.number} of plan {plan.plan_id} is {intent.state}"
        )
    if _nothing_new(intent, returned):
        raise PsbtError(
            "nothing_new",
            f"transfer {transfer.number} of plan {plan.plan_id}: every signature in it is kept already",
            hint="Nothing was changed. `vault show` says who has signed and who still may.",
        )
    intent = begin_signing(desk, intent, verified)
    with freezing(desk, plan):
        singles, partial = signatures_of(verified, returned)
        if verified.expected.descriptor.group and not singles:
            cosign.keep(desk, plan, verified, intent, partial)
        else:
            finish_signing(desk, plan, intent, verify_signed(verified, singles, partial))
    return _spend_step(desk, plan, transfer)


def _nothing_new(intent: IntentRow, returned: Psbt) -> bool:
    """Whether all that a returned PSBT carries are signatures of a group that are kept, byte for byte."""
    from vault.bitcoin.psbt.extract import is_final
    from vault.bitcoin.psbt.fields import In

    if any(is_final(fields) for fields in returned.inputs):
        return False
    there = {
        (number, field.key.hex(), field.value[:-1].hex())
        for number, fields in enumerate(returned.inputs)
        for field in fields.all(In.PARTIAL_SIG)
    }
    return bool(there) and there <= {tuple(row) for row in json.loads(intent.facts.get("partial", "[]"))}


def judge(desk: Desk, plan: Plan, number: int | None, psbt: Psbt) -> tuple[VerifiedSpend, bool]:
    """Prove that a PSBT, in any state of signing, is a transfer's transaction and nothing else.

    Of a group's signatures as many as are there, of a wallet of one key none or all; True when they are
    enough. Raises `PsbtError`.
    """
    from vault.bitcoin.psbt.convert import convert
    from vault.bitcoin.psbt.fields import FINAL, SIGNATURES
    from vault.bitcoin.psbt.maps import PsbtInput
    from vault.bitcoin.signatures import Judge
    from vault.bitcoin.verify import verify_psbt, verify_signed
    from vault.treasury.spending import expected_spend, fee_limits

    transfer = _one_spend(plan, number, psbt)
    plain = convert(psbt, 0)
    bare = tuple(PsbtInput(each.drop(*SIGNATURES, *FINAL).fields) for each in plain.inputs)
    limits = fee_limits(desk.policy().policy)
    stripped = replace(plain, inputs=bare).serialise()
    verified = verify_psbt(stripped, expected_spend(desk, transfer), limits)
    singles, partial = signatures_of(verified, psbt)
    proven = replace(verified, partial=Judge(verified).partial(partial)) if partial else verified
    complete = bool(singles) or not proven.missing
    if complete:
        verify_signed(verified, singles, partial)
    return proven, complete


def surroundings(treasury: Treasury) -> tuple[Surroundings, str]:
    """The wallets and names of a treasury, and why there are no names: they come from a signed book only.

    An entry to which nothing may be paid yet is named with its state; a retired one is nobody's name.
    """
    from vault.address import network_of, script_pubkey
    from vault.bitcoin.descriptor import Descriptor
    from vault.bitcoin.psbt_report import Surroundings
    from vault.clock import SystemClock
    from vault.store.database import Store
    from vault.treasury.authority import load_book, load_policy

    network, clock = network_of(treasury.config.bitcoin.network), SystemClock()
    wallets = {each.name: Descriptor.parse(each.descriptor, network) for each in treasury.config.wallet}
    try:
        with Store.open(treasury.store_url, treasury.config.treasury_id, clock) as store:
            entries = load_book(treasury, store, clock.now()).book.entries
            cooling = load_policy(treasury, store).policy.address_book.cooling_hours
    except VaultError as error:
        return Surroundings(network, wallets, {}), f"{error.code}: {error.message}"
    names = {}
    for each in entries:
        if (state := each.state(clock.now(), cooling)) != "retired":
            name = each.id if state == "active" else f"{each.id} ({state})"
            names[script_pubkey(each.address, network)] = name
    return Surroundings(network, wallets, names), ""


def signatures_of(
    verified: VerifiedSpend, returned: Psbt
) -> tuple[tuple[tuple[int, bytes], ...], tuple[PartialSignature, ...]]:
    """The signatures that a PSBT of this very transaction carries, in final inputs too; not proven yet.

    Single ones for a wallet of one key, partial ones of a group's cosigners. Raises `PsbtError`.
    """
    from vault.bitcoin.psbt.extract import is_final, witness_stack
    from vault.bitcoin.psbt.fields import SIGNATURES, In
    from vault.bitcoin.signatures import Judge, signatures_inside

    opened = []
    singles: list[tuple[int, bytes]] = []
    partial: list[PartialSignature] = []
    for number, (tx_in, fields) in enumerate(zip(verified.unsigned.inputs, returned.inputs, strict=True)):
        final = is_final(fields)
        if final and any(field.type in SIGNATURES for field in fields.fields):
            raise PsbtError(
                "already_final", f"input {number}: expected signatures or a final input, found both"
            )
        script_sig = fields.get(In.FINAL_SCRIPTSIG) or b""
        opened.append(replace(tx_in, script_sig=script_sig, witness=witness_stack(fields)))
        _signed_fields(verified, number, fields, singles, partial)
    complete = replace(verified.unsigned, inputs=tuple(opened))
    more_singles, more_partial = signatures_inside(verified, complete, Judge(verified))
    return (*singles, *more_singles), (*partial, *more_partial)


def _signed_fields(
    verified: VerifiedSpend,
    number: int,
    fields: PsbtInput,
    singles: list[tuple[int, bytes]],
    partial: list[PartialSignature],
) -> None:
    from vault.bitcoin.psbt.fields import In
    from vault.bitcoin.sighash import SIGHASH_ALL
    from vault.bitcoin.signatures import sighash_refused
    from vault.bitcoin.spend import PartialSignature

    place = verified.inputs[number].place
    for field in fields.all(In.PARTIAL_SIG):
        if field.value[-1] != SIGHASH_ALL:
            raise sighash_refused(number)
        if place.witness_script:
            partial.append(PartialSignature(number, field.key, field.value[:-1]))
        elif field.key != place.keys[0].key:
            raise PsbtError(
                "signature_foreign_key",
                f"input {number}: expected a signature of {place.keys[0].key.hex()}, found one of "
                f"{field.key.hex()}",
            )
        else:
            singles.append((number, field.value[:-1]))
    if (signature := fields.get(In.TAP_KEY_SIG)) is not None:
        singles.append((number, signature))
    if fields.all(In.TAP_SCRIPT_SIG):
        raise PsbtError("script_path", f"input {number}: our taproot coins have no script path to sign")


def _as_sent(verified: VerifiedSpend, returned: Psbt) -> Psbt:
    """What was sent, without any signature, in the version and with the extended keys that came back."""
    from vault.bitcoin.psbt.convert import convert
    from vault.bitcoin.psbt.document import Psbt
    from vault.bitcoin.psbt.fields import Global

    there = frozenset(field.key for field in returned.globals.all(Global.XPUB))
    sent = _with_xpubs(Psbt.parse(verified.psbt), verified.expected.descriptor, there)
    return convert(sent, returned.version)


def _with_xpubs(psbt: Psbt, descriptor: Descriptor, only: frozenset[bytes] | None = None) -> Psbt:
    """The PSBT with the descriptor's extended keys, or those of them that are in `only`."""
    from vault.address import base58check_decode
    from vault.bitcoin.psbt.fields import Global
    from vault.bitcoin.psbt.maps import KeyOrigin

    top = psbt.globals
    for each in descriptor.keys:
        key = base58check_decode(each.account.text(descriptor.network))
        value = KeyOrigin(key, each.fingerprint, each.path).value(taproot=False)
        if only is None or key in only:
            top = top.put(Global.XPUB, value, key)
    return replace(psbt, globals=top)


def _one_spend(plan: Plan, number: int | None, returned: Psbt | None = None) -> Transfer:
    """The transfer that is meant: the one named, the only one, or the one a file is of."""
    from vault.bitcoin.psbt.document import Psbt
    from vault.treasury.spending import psbt_bytes

    spends = [each for each in plan.body.transfers if each.on_bitcoin and number in {None, each.number}]
    if len(spends) > 1 and returned is not None:
        same = returned.unsigned
        spends = [each for each in spends if Psbt.parse(psbt_bytes(each)).unsigned == same] or spends
    if len(spends) != 1:
        numbers = ", ".join(str(each.number) for each in plan.body.transfers if each.on_bitcoin) or "none"
        raise PlanError(
            "no_transfer",
            f"expected one transaction of plan {plan.plan_id} (of transfers {numbers}), found "
            + ("none" if not spends else "several"),
            hint="Name it with --transfer NUMBER.",
        )
    return spends[0]


def _spend_step(desk: Desk, plan: Plan, transfer: Transfer) -> IntentRow:
    steps = ensure_intents(desk.store, plan)
    return next(each for each in steps if (each.transfer, each.kind) == (transfer.number, "spend"))
