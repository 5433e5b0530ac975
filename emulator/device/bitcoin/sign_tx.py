"""SignTx: the phases of signing, in the order core firmware goes through them.

1 inputs, 2 outputs (each approved), 3 fee and total, 4 previous transactions (unless all inputs
are taproot), 5 inputs serialised and legacy ones signed, 6 outputs serialised, 7 segwit inputs
signed. Refuses what changes between phases. Not supported yet, and refused: multisig, external
inputs, replacement transactions, payment requests, coinjoin.
"""

from __future__ import annotations

import hashlib

from trezorlib.messages import InputScriptType, OutputScriptType

from ..errors import DataError, ProcessError, changed_during_signing
from ..flow import Flow
from ..keys import Node, hash160, sha256d
from ..proto import Message
from . import serialise
from .address import address_of_key, p2pkh_script, script_of_address, witness_script
from .approver import Approver
from .change import ChangeDetector
from .prevtx import verified_output
from .serialise import SIGHASH_ALL, compact_size, input_bytes, output_bytes, prefixed, u32, u64
from .sighash import SigHasher
from .stream import (
    INPUT_TYPE_OF_CHANGE,
    INTERNAL_INPUT_TYPES,
    SEGWIT_INPUT_TYPES,
    TxStream,
    check_foreign_fields,
)
from .wallet import Wallet

# Whom an evil device pays: a p2wpkh program nobody has a key for.
THIEF_SCRIPT = witness_script(0, b"\x66" * 20)


def sign_tx(flow: Flow, msg: Message) -> Message:
    """Sign a transaction with the host streaming it; the last TxRequest is returned."""
    wallet = Wallet.for_coin(flow, msg.coin_name)
    check_foreign_fields(msg)
    if msg.coinjoin_request is not None:
        raise ProcessError("No preauthorized operation")
    return _Signing(flow, wallet, msg).run()


def _input_digest_bytes(txi: Message) -> bytes:
    """Everything of an input that must not change between phases."""
    parts = [u32(len(txi.address_n)), *(u32(n) for n in txi.address_n)]
    parts += [txi.prev_hash, u32(txi.prev_index), prefixed(txi.script_sig or b"")]
    parts += [u32(txi.sequence), u32(txi.script_type), u64(txi.amount)]
    parts += [prefixed(txi.witness or b""), prefixed(txi.script_pubkey or b"")]
    return b"".join(parts)


class _Signing:
    """State of one signing: small enough to keep, whatever the size of the transaction."""

    def __init__(self, flow: Flow, wallet: Wallet, msg: Message) -> None:
        self._flow = flow
        self._faults = flow.faults
        self._wallet = wallet
        self._coin = wallet.coin
        self._version = msg.version
        self._lock_time = msg.lock_time
        self._inputs = msg.inputs_count
        self._outputs = msg.outputs_count
        self._serialize = msg.serialize
        self._stream = TxStream(flow)
        self._approver = Approver(flow, wallet, msg)
        self._change = ChangeDetector()
        self._hasher = SigHasher()
        self._tx_check = hashlib.sha256()
        self._inputs_digest = b""
        self._segwit: set[int] = set()
        self._taproot_only = True

    def run(self) -> Message:
        self._take_inputs()
        self._approve_outputs()
        self._approver.approve(self._change)
        self._verify_inputs()
        self._serialise_inputs()
        self._serialise_outputs()
        self._sign_segwit_inputs()
        self._write(u32(self._lock_time))
        return self._stream.finished()

    def _write(self, data: bytes) -> None:
        if self._serialize:
            self._stream.write(data)

    # Scripts

    def _input_script(self, txi: Message) -> bytes:
        node = self._wallet.derive(txi.address_n)
        address = address_of_key(txi.script_type, self._coin, node.public_key, txi.multisig)
        return script_of_address(address, self._coin)

    def _output_script(self, txo: Message) -> tuple[str, bytes]:
        """(address, script) of an output; the address of OP_RETURN is empty."""
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            return "", serialise.op_return_script(txo.op_return_data)
        address = txo.address
        if txo.address_n:
            node = self._wallet.derive(txo.address_n)
            kind = INPUT_TYPE_OF_CHANGE[txo.script_type]
            address = address_of_key(kind, self._coin, node.public_key, txo.multisig)
        return address, script_of_address(address, self._coin)

    def _signed_script(self, index: int, script: bytes) -> bytes:
        """The script that is signed: an evil device's first output pays the thief."""
        evil = self._faults.sign_other_output or self._faults.redirect_output
        return THIEF_SCRIPT if evil and index == 0 else script

    # Phases

    def _take_inputs(self) -> None:
        for i in range(self._inputs):
            txi = self._stream.input(i)
            if txi.script_type == InputScriptType.EXTERNAL:
                raise ProcessError("Unverifiable external input.")
            if txi.script_type not in INTERNAL_INPUT_TYPES:
                raise DataError("Wrong input script type")
            if txi.script_type != InputScriptType.SPENDTAPROOT:
                self._taproot_only = False
            if txi.script_type in SEGWIT_INPUT_TYPES:
                self._segwit.add(i)
            self._wallet.derive(txi.address_n)
            self._approver.add_input(txi)
            script = self._input_script(txi)
            self._hasher.add_input(txi, script)
            self._tx_check.update(_input_digest_bytes(txi))
            self._change.add_input(txi)
            if txi.orig_hash:
                raise ProcessError("Replacement transactions are not supported by this emulator")
        self._inputs_digest = self._tx_check.digest()

    def _approve_outputs(self) -> None:
        for i in range(self._outputs):
            txo = self._stream.output(i)
            address, script = self._output_script(txo)
            if txo.orig_hash:
                raise ProcessError("Unknown original transaction.")
            self._approver.add_output(txo, address, script, is_change=self._change.is_change(txo))
            self._hasher.add_output(txo.amount, self._signed_script(i, script))
            self._tx_check.update(output_bytes(txo.amount, script))

    def _verify_inputs(self) -> None:
        """Check amount and script of every input against its previous transaction.

        With taproot inputs only this is not needed: their signatures commit to both (BIP341).
        """
        if self._taproot_only:
            return
        check = hashlib.sha256()
        for i in range(self._inputs):
            txi = self._stream.input(i)
            check.update(_input_digest_bytes(txi))
            spent = verified_output(self._stream, bytes(txi.prev_hash), txi.prev_index)
            if spent.amount != txi.amount:
                raise DataError("Invalid amount specified")
            if spent.script_pubkey != self._input_script(txi):
                raise DataError("Input does not match scriptPubKey")
        if check.digest() != self._inputs_digest:
            raise changed_during_signing()

    def _serialise_inputs(self) -> None:
        self._write(u32(self._version) + (b"\x00\x01" if self._segwit else b""))
        self._write(compact_size(self._inputs))
        for i in range(self._inputs):
            if i not in self._segwit:
                self._sign_legacy_input(i)
            elif self._serialize:
                self._serialise_segwit_input(i)

    def _serialise_segwit_input(self, index: int) -> None:
        txi = self._stream.input(index)
        if txi.script_type not in SEGWIT_INPUT_TYPES:
            raise changed_during_signing()
        self._change.check_input(txi)
        script_sig = b""
        if txi.script_type == InputScriptType.SPENDP2SHWITNESS:
            script_sig = serialise.nested_script_sig(self._wallet.derive(txi.address_n).public_key)
        self._write(input_bytes(txi, script_sig))

    def _serialise_outputs(self) -> None:
        if not self._serialize:
            return
        self._write(compact_size(self._outputs))
        for i in range(self._outputs):
            txo = self._stream.output(i)
            script = self._output_script(txo)[1]
            if self._faults.redirect_output:
                script = self._signed_script(i, script)
            self._write(output_bytes(txo.amount, script))

    def _sign_segwit_inputs(self) -> None:
        if not self._segwit:
            return
        for i in range(self._inputs):
            if i not in self._segwit:
                self._write(b"\x00")
                continue
            txi = self._stream.input(i)
            self._change.check_input(txi)
            self._approver.check_input(txi)
            if txi.script_type not in SEGWIT_INPUT_TYPES:
                raise changed_during_signing()
            self._sign_segwit_input(i, txi)

    def _sign_segwit_input(self, index: int, txi: Message) -> None:
        node = self._wallet.derive(txi.address_n)
        if txi.script_type == InputScriptType.SPENDTAPROOT:
            digest = self._hasher.bip341(self._version, self._lock_time, index)
            signature = self._spoil(self._signer(txi, node).sign_taproot(digest))
            self._write(serialise.p2tr_witness(signature))
        else:
            if self._taproot_only:  # else the check of previous transactions could be bypassed
                raise changed_during_signing()
            digest = self._hasher.bip143(self._version, self._lock_time, txi, node.public_key)
            signature = self._spoil(self._signer(txi, node).sign_ecdsa(digest))
            self._write(serialise.p2wpkh_witness(signature, node.public_key))
        self._stream.put_signature(index, signature)

    # Legacy inputs

    def _sign_legacy_input(self, index: int) -> None:
        if self._taproot_only:
            raise changed_during_signing()
        digest, txi, node = self._legacy_digest(index)
        signature = self._spoil(self._signer(txi, node).sign_ecdsa(digest))
        self._write(input_bytes(txi, serialise.p2pkh_script_sig(signature, node.public_key)))
        self._stream.put_signature(index, signature)

    def _legacy_digest(self, index: int) -> tuple[bytes, Message, Node]:
        """Stream the whole transaction once more and hash it for one p2pkh input."""
        check = hashlib.sha256()
        preimage = bytearray(u32(self._version) + compact_size(self._inputs))
        signed: tuple[Message, Node] | None = None
        for i in range(self._inputs):
            txi = self._stream.input(i)
            check.update(_input_digest_bytes(txi))
            script = b""
            if i == index:
                self._change.check_input(txi)
                node = self._wallet.derive(txi.address_n)
                if txi.script_type != InputScriptType.SPENDADDRESS:
                    raise ProcessError("Unknown transaction type")
                script = p2pkh_script(hash160(node.public_key))
                signed = (txi, node)
            preimage += input_bytes(txi, script)
        preimage += compact_size(self._outputs)
        for i in range(self._outputs):
            txo = self._stream.output(i)
            script = self._output_script(txo)[1]
            check.update(output_bytes(txo.amount, script))
            preimage += output_bytes(txo.amount, self._signed_script(i, script))
        preimage += u32(self._lock_time) + u32(SIGHASH_ALL)
        if signed is None or check.digest() != self._tx_check.digest():
            raise changed_during_signing()
        return sha256d(bytes(preimage)), *signed

    # Evil

    def _signer(self, txi: Message, node: Node) -> Node:
        return self._wallet.decoy(txi.address_n) if self._faults.wrong_key_signature else node

    def _spoil(self, signature: bytes) -> bytes:
        return signature[:-1] if self._faults.truncate_signature else signature
