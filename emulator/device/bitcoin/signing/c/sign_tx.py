"""SignTx in the C firmware's order: Trezor One's signing.c, and that of its descendants.

1 inputs and those of the original transaction, 2 outputs (each approved), fee and total, 3 previous
transactions (unless all our inputs are taproot) and the original's signatures, 4 inputs written and
legacy ones signed, 5 outputs written, 6 a witness for every input.
"""

from __future__ import annotations

import hashlib

from trezorlib.messages import InputScriptType

from ....errors import DataError, ProcessError, changed_during_signing
from ....flow import Flow
from ....protocol.proto import Message
from ...questions.base import Setting
from ...questions.choice import questions_for
from ...scripts import serialise
from ...scripts.script_types import LEGACY_INPUT_TYPES, SEGWIT_INPUT_TYPES, is_external
from ...scripts.serialise import compact_size, input_bytes, output_bytes, u32
from ...wallet import Wallet
from ..parts import Deceit
from . import checks, witnesses
from .approval import Approval
from .coinjoin import AuthorizedContext, CoinjoinApproval
from .context import Context, change_of_terms, input_type_of
from .facts import Facts, Head, check_bytes
from .legacy_pass import LegacyPass
from .original import Original
from .previous import verify_spent_output
from .stream import Stream

_NEW_PAYMENT = "Adding new external outputs in replacement transactions is not supported."
_VERSION_0 = (InputScriptType.SPENDP2SHWITNESS, InputScriptType.SPENDWITNESS)


def sign_tx(flow: Flow, msg: Message) -> Message:
    """Sign a transaction with the host streaming it; the last TxRequest is returned."""
    wallet = _open(flow, msg)
    questions = questions_for(Setting(flow, wallet.coin, msg.amount_unit, bool(msg.chunkify)))
    kind = Context if flow.coinjoin is None else AuthorizedContext
    context = kind(flow, wallet, Stream(flow), Deceit(flow, msg.inputs_count), msg.serialize is not False)
    if flow.coinjoin is None:
        approval = Approval(context, questions)
    else:
        approval = CoinjoinApproval(context, questions, msg, flow.coinjoin)
    return _Signing(context, approval, msg).run()


def _open(flow: Flow, msg: Message) -> Wallet:
    """The wallet of a SignTx whose request is sound. Raises DataError."""
    checks.check_counts(msg.inputs_count, msg.outputs_count)
    if flow.coinjoin is None:
        flow.unlock()
    wallet = Wallet.for_path_check(flow, msg.coin_name, change_chain_too=True)
    checks.check_dates(msg)
    flow.root()
    if msg.inputs_count > checks.MAX_INPUTS:
        raise DataError("Too many inputs.")
    checks.check_head(msg, msg.inputs_count, msg.outputs_count)
    return wallet


class _Signing:
    """State of one signing: small enough to keep, whatever the size of the transaction."""

    def __init__(self, context: Context, approval: Approval, msg: Message) -> None:
        self._context = context
        self._stream = context.stream
        self._approval = approval
        head = Head(msg.version, msg.lock_time, msg.inputs_count, msg.outputs_count)
        self._head = head
        self._facts = Facts(head, context.rules)
        self._original: Original | None = None
        self._external: set[int] = set()
        self._has_witnesses = False
        self._taproot_only = True

    def run(self) -> Message:
        self._take_inputs()
        self._approve_outputs()
        self._approval.approve(self._facts, self._original.facts if self._original else None)
        if not self._taproot_only:
            self._verify_inputs()
        if self._original is not None:
            self._original.verify()
        self._write_inputs()
        self._write_outputs()
        self._write_witnesses()
        return self._stream.finished()

    # 1: inputs

    def _take_inputs(self) -> None:
        for i in range(self._head.inputs_count):
            txi = self._stream.input(i)
            script = self._take_input(i, txi)
            if txi.orig_hash is not None:
                if self._original is None:
                    self._original = Original(self._context, self._approval, bytes(txi.orig_hash))
                self._original.add_input(txi, script)
        if self._original is not None:
            self._original.finish_inputs()
            original = self._original
            self._approval.ask_replacement(self._facts, original.facts, original.tx_hash)

    def _take_input(self, index: int, txi: Message) -> bytes:
        check_bytes(txi, self._context.rules)  # refuses a group that cannot be
        if not is_external(txi):
            self._context.approve_path(txi, txi.script_type)
        script = self._context.script_of_input(txi)
        _require_amount(txi)
        self._facts.add_input(index, txi, script)
        self._approval.add_input(txi)
        if is_external(txi):
            self._external.add(index)
        elif txi.script_type != InputScriptType.SPENDTAPROOT:
            self._taproot_only = False
        self._has_witnesses = self._has_witnesses or txi.script_type in SEGWIT_INPUT_TYPES
        return script

    # 2: outputs

    def _approve_outputs(self) -> None:
        script = b""
        for i in range(self._head.outputs_count):
            txo = self._stream.output(i)
            is_change = self._facts.change.is_change(txo)
            script = self._approve_output(txo, is_change=is_change)
            signed = self._context.deceit.signed_script(i, script)
            self._facts.add_output(txo.amount, script, signed)
            if txo.orig_hash is not None:
                if self._original is None:
                    raise ProcessError("Unknown original transaction.")
                self._original.add_output(txo, script, is_change=is_change)
        if self._original is not None:
            self._original.finish_outputs(script)

    def _approve_output(self, txo: Message, *, is_change: bool) -> bytes:
        replaces = self._original is not None
        if replaces and txo.orig_hash is None and not is_change:
            raise ProcessError(_NEW_PAYMENT)
        self._approval.add_output(txo, is_change=is_change)
        if txo.address_n:
            self._context.approve_path(txo, input_type_of(txo))
        script = self._context.script_of_output(txo)
        self._approval.weigh_output(script, is_change=is_change)
        if not is_change and not replaces:
            self._approval.ask_output(txo)
        return script

    # 3: what the host said of the inputs

    def _verify_inputs(self) -> None:
        """Check amount and script of every input against its previous transaction.

        With taproot inputs of ours only this is not needed: their signatures commit to both
        (BIP341).
        """
        check = hashlib.sha256()
        for i in range(self._head.inputs_count):
            txi = self._stream.input(i)
            check.update(check_bytes(txi, self._context.rules))
            _require_amount(txi)
            verify_spent_output(self._stream, txi, self._context.script_of_input(txi))
        if check.digest() != self._facts.inputs_digest:
            raise change_of_terms()

    # 4: inputs written, legacy ones signed

    def _write_inputs(self) -> None:
        next_legacy = self._facts.first_legacy
        for i in range(self._head.inputs_count):
            if i == next_legacy:
                next_legacy = self._sign_legacy(i)
            elif self._context.serialize:
                self._write_unsigned(i)

    def _sign_legacy(self, index: int) -> int | None:
        """Sign an input whose signature stands in its scriptSig; the next one like it."""
        context = self._context
        legacy = LegacyPass(context, self._facts, index)
        digest = legacy.run(self._facts.change.check_input)
        txi, node = legacy.input_and_key
        witnesses.require_membership(txi.multisig, node, context.rules)
        signature = context.sign_ecdsa(txi, node, digest)
        self._write_input(index, txi, witnesses.script_sig(txi, node, signature, context.rules))
        self._stream.put_signature(self._context.deceit.place(index), signature)
        return legacy.next_legacy

    def _write_unsigned(self, index: int) -> None:
        """Write an input whose signature, if there is to be one, follows in the witness."""
        txi = self._stream.input(index)
        self._require_owner(index, txi)
        if txi.script_type in LEGACY_INPUT_TYPES:
            raise change_of_terms()
        script_sig = b""
        if txi.script_type == InputScriptType.SPENDP2SHWITNESS:
            node = None
            if txi.multisig is None:
                self._facts.change.check_input(txi)
                node = self._context.wallet.derive(txi.address_n)
            script_sig = witnesses.nested_script_sig(txi, node, self._context.rules)
        elif is_external(txi):
            script_sig = bytes(txi.script_sig or b"")
        self._write_input(index, txi, script_sig)

    def _require_owner(self, index: int, txi: Message) -> None:
        if is_external(txi) != (index in self._external):
            raise change_of_terms()

    def _write_input(self, index: int, txi: Message, script_sig: bytes) -> None:
        """The head of the transaction goes in front of its first input."""
        head = b""
        if index == 0:
            marker = b"\x00\x01" if self._has_witnesses else b""
            head = u32(self._head.version) + marker + compact_size(self._head.inputs_count)
        self._context.write(head + input_bytes(txi, script_sig))

    # 5: outputs written

    def _write_outputs(self) -> None:
        if not self._context.serialize:
            return
        count = self._head.outputs_count
        for i in range(count):
            txo = self._stream.output(i)
            script = self._context.deceit.serialised_script(i, self._context.script_of_output(txo))
            data = (compact_size(count) if i == 0 else b"") + output_bytes(txo.amount, script)
            if i == count - 1 and not self._has_witnesses:
                data += u32(self._head.lock_time)
            self._stream.write(data)

    # 6: witnesses

    def _write_witnesses(self) -> None:
        """Every input is asked for, also those without a signature; others' only to be written."""
        if not self._has_witnesses:
            return
        last = self._head.inputs_count - 1
        for i in range(self._head.inputs_count):
            if i in self._external and not self._context.serialize:
                continue
            txi = self._stream.input(i)
            self._require_owner(i, txi)
            witness = self._witness(i, txi)
            self._context.write(witness + (u32(self._head.lock_time) if i == last else b""))

    def _witness(self, index: int, txi: Message) -> bytes:
        if txi.script_type == InputScriptType.SPENDTAPROOT:
            self._approve_again(txi)
            digest = self._facts.hasher.bip341(self._head, index)
            signature = self._context.sign_taproot(txi, digest)
            self._stream.put_signature(self._context.deceit.place(index), signature)
            return serialise.p2tr_witness(signature)
        if txi.script_type in _VERSION_0:
            return self._sign_version_0(index, txi)
        if is_external(txi) and txi.witness is not None:
            return bytes(txi.witness)
        return b"\x00"

    def _approve_again(self, txi: Message) -> None:
        self._context.approve_path(txi, txi.script_type, late=True)
        self._facts.change.check_input(txi)

    def _sign_version_0(self, index: int, txi: Message) -> bytes:
        if txi.amount is None:
            raise DataError("Segwit input without amount")
        if self._taproot_only:
            raise changed_during_signing()
        self._approve_again(txi)
        context = self._context
        node, code = context.own_script(txi)
        witnesses.require_membership(txi.multisig, node, context.rules)
        signature = context.sign_ecdsa(txi, node, self._facts.hasher.bip143(self._head, txi, code))
        self._stream.put_signature(self._context.deceit.place(index), signature)
        return witnesses.witness(txi, node, signature, context.rules)


def _require_amount(txi: Message) -> None:
    if txi.amount is None:
        raise DataError("Expected input with amount")
