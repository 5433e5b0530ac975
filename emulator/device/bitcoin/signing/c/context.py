"""What the parts of one signing share, and the scripts in the C firmware's few words of refusal."""

from __future__ import annotations

from dataclasses import dataclass, field

from trezorlib.messages import InputScriptType, OutputScriptType

from ....errors import DataError, FirmwareError, ProcessError, changed_during_signing
from ....flow import Flow
from ....keys import Node, hash160
from ....protocol.proto import Message
from ... import multisig
from ...address import p2pkh_script
from ...rules import BitcoinRules
from ...scripts.script_types import INPUT_TYPE_OF_CHANGE, is_external
from ...scripts.serialise import op_return_script
from ...wallet import Wallet
from ..parts import Deceit
from ..script_pubkeys import ScriptPubkeys
from .stream import Stream

_MAX_AMOUNT = 0xFFFF_FFFF_FFFF_FFFF
_REFUSALS = (DataError, ProcessError, FirmwareError)


def change_of_terms() -> DataError:
    """The refusal of what changed, where the firmware calls it a DataError."""
    return DataError(changed_during_signing().message)


def add_amount(total: int, amount: int) -> int:
    """A sum of 64 bits. Raises DataError."""
    if total + amount > _MAX_AMOUNT:
        raise DataError("Value overflow")
    return total + amount


@dataclass(slots=True)
class Context:
    """One SignTx: the host, the keys, the scripts, the firmware's ways."""

    flow: Flow
    wallet: Wallet
    stream: Stream
    deceit: Deceit
    serialize: bool
    rules: BitcoinRules = field(init=False)
    _scripts: ScriptPubkeys = field(init=False)
    _warned: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.rules = self.wallet.rules
        self._scripts = ScriptPubkeys(self.wallet)

    # Paths

    def approve_path(self, txio: Message, script_type: InputScriptType, *, late: bool = False) -> None:
        """Warn of a path that does not fit; once a transaction, and `late` not any more.

        Raises DataError, ProcessError, ActionCancelled.
        """
        path, wallet = txio.address_n, self.wallet
        if wallet.fits(path, script_type, multisig=txio.multisig is not None):
            return
        wallet.verify_path(path)
        if self._warned:
            return
        if late:
            raise changed_during_signing()
        wallet.warn_unusual_path(path)
        self._warned = True

    # Scripts

    def script_of_input(self, txi: Message) -> bytes:
        """The script an input spends. Raises DataError (path), ProcessError."""
        if is_external(txi):
            return bytes(txi.script_pubkey)
        self.wallet.derive(txi.address_n)
        try:
            return self._scripts.of_input(txi)
        except _REFUSALS:
            raise ProcessError("Failed to derive scriptPubKey") from None

    def script_of_output(self, txo: Message) -> bytes:
        """The script an output makes. Raises DataError (path), ProcessError."""
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            return op_return_script(bytes(txo.op_return_data or b""))
        if txo.address_n:
            self.wallet.derive(txo.address_n)
        elif txo.address.isupper():
            txo.address = txo.address.lower()  # bech32 in capitals; base58 never is
        try:
            return self._scripts.of_output(txo)
        except _REFUSALS:
            raise ProcessError("Failed to compile output") from None

    def address_of(self, txo: Message) -> str:
        return self._scripts.address_of(txo)

    def own_script(self, txi: Message) -> tuple[Node, bytes]:
        """Key of an input of ours, and the script its signature is made over."""
        node = self.wallet.derive(txi.address_n)
        if txi.multisig is None:
            return node, p2pkh_script(hash160(node.public_key))
        try:
            return node, multisig.redeem_script(txi.multisig, self.rules)
        except _REFUSALS:
            raise ProcessError("Failed to compile input.") from None

    # Results

    def write(self, data: bytes) -> None:
        """Bytes of the signed transaction, unless the host wants signatures only."""
        if self.serialize:
            self.stream.write(data)

    def sign_ecdsa(self, txi: Message, node: Node, digest: bytes) -> bytes:
        signer = self.deceit.signer(self.wallet, txi.address_n, node)
        return self.deceit.signature(signer.sign_ecdsa(digest))

    def sign_taproot(self, txi: Message, digest: bytes) -> bytes:
        node = self.wallet.derive(txi.address_n)
        signer = self.deceit.signer(self.wallet, txi.address_n, node)
        return self.deceit.signature(signer.sign_taproot(digest))


def input_type_of(txo: Message) -> InputScriptType:
    """The script type an output of ours will be spent with."""
    return INPUT_TYPE_OF_CHANGE[txo.script_type]
