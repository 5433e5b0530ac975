"""SignTx: the phases of signing, in the order core firmware goes through them.

1 inputs, 2 outputs (each approved), fee and total, 3 previous transactions (unless all our inputs
are taproot) and signatures that came with the transaction, 4 inputs serialised and legacy ones
signed, 5 outputs serialised, 6 segwit inputs signed. Refuses what changes between phases.
"""

from __future__ import annotations

import hashlib

from trezorlib.messages import InputScriptType

from ....errors import DataError, FirmwareError, changed_during_signing
from ....flow import Flow
from ....protocol.proto import Message
from ...ownership import verify_proof
from ...questions.base import Setting
from ...questions.choice import questions_for
from ...rules import rules_for
from ...scripts.script_types import INTERNAL_INPUT_TYPES, is_external, is_presigned, is_segwit
from ...scripts.serialise import compact_size, input_bytes, output_bytes, u32
from ...wallet import Wallet
from ..c import sign_tx as c_signing
from ..coinjoin import CoinjoinApprover
from ..field_checks import check_foreign_fields
from ..parts import Deceit, Signing
from ..prevtx import verified_output
from ..script_pubkeys import ScriptPubkeys
from ..stream import TxStream
from ..tx_info import TxInfo, input_check_bytes
from .approver import Approver, PersonApprover
from .digests import verify_signed_input
from .input_signer import InputSigner
from .replacement import Originals

_TAPROOT_OR_FOREIGN = frozenset({InputScriptType.SPENDTAPROOT, InputScriptType.EXTERNAL})


def sign_tx(flow: Flow, msg: Message) -> Message:
    """Sign a transaction with the host streaming it; the last TxRequest is returned."""
    if rules_for(flow.persona).signing == "c":
        return c_signing.sign_tx(flow, msg)
    wallet = Wallet.for_coin(flow, msg.coin_name, change_chain_too=True)
    info = TxInfo(msg, wallet.rules)
    approver: Approver
    if flow.coinjoin is not None:
        approver = CoinjoinApprover(flow, wallet, info, flow.coinjoin)
    else:
        setting = Setting(flow, wallet.coin, msg.amount_unit, bool(msg.chunkify))
        approver = PersonApprover(flow, wallet, info, questions_for(setting))
    check_foreign_fields(msg)
    return _Phases(flow, wallet, info, approver).run()


class _Phases:
    """State of one signing: small enough to keep, whatever the size of the transaction."""

    def __init__(self, flow: Flow, wallet: Wallet, info: TxInfo, approver: Approver) -> None:
        self._flow = flow
        self._info = info
        self._tx = info.tx
        self._approver = approver
        self._stream = TxStream(flow)
        self._scripts = ScriptPubkeys(wallet)
        deceit = Deceit(flow, self._tx.inputs_count)
        self._signing = Signing(
            self._stream, wallet, self._scripts, wallet.rules, deceit, bool(self._tx.serialize)
        )
        self._originals = Originals(self._signing)
        self._segwit: set[int] = set()
        self._external: set[int] = set()
        self._presigned: set[int] = set()
        self._presigned_digest = b""
        self._taproot_only = True
        self._payment_request: int | None = None

    def run(self) -> Message:
        self._require_steps(self._tx.inputs_count + self._tx.outputs_count)
        self._take_inputs()
        self._approver.approve_originals(self._originals.all)
        self._approve_outputs()
        self._approver.approve(self._originals.all)
        self._require_steps(self._signing_steps())
        self._verify_inputs()
        self._originals.verify()
        signer = InputSigner(self._signing, self._info, self._approver, taproot_only=self._taproot_only)
        self._serialise_inputs(signer)
        self._serialise_outputs()
        self._sign_segwit_inputs(signer)
        self._signing.write(u32(self._tx.lock_time))
        return self._stream.finished()

    def _require_steps(self, count: int) -> None:
        """Core firmware's progress bar divides by the number of steps."""
        if count == 0:
            raise FirmwareError("divide by zero")

    def _signing_steps(self) -> int:
        """Steps after approval; only whether there are any matters."""
        if self._signing.serialize or self._originals.all:
            return int(self._tx.inputs_count + self._tx.outputs_count)
        return len(self._presigned) + int(self._tx.inputs_count) - len(self._external)

    # 1: inputs

    def _take_inputs(self) -> None:
        presigned = hashlib.sha256()
        for i in range(self._tx.inputs_count):
            txi = self._stream.input(i)
            if txi.script_type not in _TAPROOT_OR_FOREIGN:
                self._taproot_only = False
            if is_segwit(txi):
                self._segwit.add(i)
            if is_external(txi):
                self._external.add(i)
                self._take_external_input(i, txi)
                if i in self._presigned:
                    presigned.update(input_check_bytes(txi, self._signing.rules))
            else:
                self._take_internal_input(txi)
            script = self._scripts.of_input(txi)
            self._info.add_input(txi, script)
            if txi.orig_hash:
                self._originals.add_input(txi, script)
        self._info.finish_inputs()
        self._presigned_digest = presigned.digest()
        self._originals.finish_inputs()

    def _take_internal_input(self, txi: Message) -> None:
        self._signing.wallet.derive(txi.address_n)
        if txi.script_type not in INTERNAL_INPUT_TYPES:
            raise DataError("Wrong input script type")
        self._approver.add_internal_input(txi)

    def _take_external_input(self, index: int, txi: Message) -> None:
        self._approver.add_external_input(txi)
        if is_presigned(txi):
            self._presigned.add(index)
        elif txi.ownership_proof and not verify_proof(
            self._flow, txi.ownership_proof, txi.script_pubkey, txi.commitment_data
        ):
            raise DataError("Invalid external input")

    # 2: outputs

    def _approve_outputs(self) -> None:
        for i in range(self._tx.outputs_count):
            txo = self._stream.output(i)
            script = self._scripts.of_output(txo)
            before = None
            if txo.orig_hash:
                before = self._originals.output_before(txo, script, self._info, self._approver)
            self._approve_output(txo, script, before)
            signed = self._signing.deceit.signed_script(i, script)
            self._info.add_output(txo.amount, script, signed)
        self._originals.finish_outputs(self._approver)

    def _approve_output(self, txo: Message, script: bytes, before: Message | None) -> None:
        address = self._scripts.address_of(txo)
        if txo.payment_req_index != self._payment_request:
            if txo.payment_req_index is None:
                self._approver.finish_payment_request()
            else:
                request = self._stream.payment_request(txo.payment_req_index)
                self._approver.start_payment_request(request, address)
            self._payment_request = txo.payment_req_index
        if self._info.change.is_change(txo):
            self._approver.add_change_output(txo, address, script)
        else:
            self._approver.add_external_output(txo, address, script, before)

    # 3: what the host said of the inputs

    def _verify_inputs(self) -> None:
        """Check amount and script of every input against its previous transaction.

        With taproot inputs of ours only this is not needed: their signatures commit to both
        (BIP341). Presigned inputs of others are verified in any case.
        """
        check = hashlib.sha256()
        for i in range(self._tx.inputs_count):
            if self._taproot_only and i not in self._presigned:
                continue
            txi = self._stream.input(i)
            check.update(input_check_bytes(txi, self._signing.rules))
            script = self._presigned_script(txi) if self._taproot_only else self._verified_script(txi)
            if i in self._presigned:
                verify_signed_input(self._signing, self._info, i, txi, script)
        expected = self._presigned_digest if self._taproot_only else self._info.inputs_digest
        if check.digest() != expected:
            raise changed_during_signing()

    def _presigned_script(self, txi: Message) -> bytes:
        if not txi.script_pubkey:  # no longer external: an assertion of the firmware
            raise FirmwareError("")
        return bytes(txi.script_pubkey)

    def _verified_script(self, txi: Message) -> bytes:
        spent = verified_output(self._stream, bytes(txi.prev_hash), txi.prev_index)
        if spent.amount != txi.amount:
            raise DataError("Invalid amount specified")
        if spent.script_pubkey != self._scripts.of_input(txi):
            raise DataError("Input does not match scriptPubKey")
        return spent.script_pubkey

    # 4: inputs written, legacy ones signed

    def _serialise_inputs(self, signer: InputSigner) -> None:
        header = u32(self._tx.version) + (b"\x00\x01" if self._segwit else b"")
        self._signing.write(header + compact_size(self._tx.inputs_count))
        for i in range(self._tx.inputs_count):
            if i in self._external:
                if self._signing.serialize:
                    self._serialise_external_input(i)
            elif i not in self._segwit:
                signer.sign_legacy(i)
            elif self._signing.serialize:
                signer.serialise_segwit(i)

    def _serialise_external_input(self, index: int) -> None:
        txi = self._stream.input(index)
        if not is_external(txi):
            raise changed_during_signing()
        self._signing.write(input_bytes(txi, txi.script_sig or b""))

    # 5: outputs written

    def _serialise_outputs(self) -> None:
        if not self._signing.serialize:
            return
        self._signing.write(compact_size(self._tx.outputs_count))
        for i in range(self._tx.outputs_count):
            txo = self._stream.output(i)
            script = self._signing.deceit.serialised_script(i, self._scripts.of_output(txo))
            self._signing.write(output_bytes(txo.amount, script))

    # 6: segwit inputs signed

    def _sign_segwit_inputs(self, signer: InputSigner) -> None:
        if not self._segwit:
            return
        for i in range(self._tx.inputs_count):
            if i in self._segwit and i not in self._external:
                signer.sign_segwit(i)
            elif i in self._presigned and i in self._segwit and self._signing.serialize:
                self._signing.write(bytes(self._stream.input(i).witness or b"\x00"))
            else:
                self._signing.write(b"\x00")
