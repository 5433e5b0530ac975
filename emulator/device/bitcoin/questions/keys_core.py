"""How core firmware shows addresses, keys, messages and proofs (Model T's words)."""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ...flow import Flow
from ...ui.long_text import confirm_long_text, is_long
from ...ui.screens import Screen
from .keys_base import AddressShown, GroupShown, MessageShown, PublicKeyShown

_OTHER = int(ButtonRequestType.Other)
_WARNING = int(ButtonRequestType.Warning)
_ADDRESS = int(ButtonRequestType.Address)
_PUBLIC_KEY = int(ButtonRequestType.PublicKey)
_SUCCESS = int(ButtonRequestType.Success)
_PATH = int(ButtonRequestType.UnknownDerivationPath)
_CONTINUE = "CONTINUE"
_ANYWAY = "Continue anyway?"
_CHUNK = 4  # letters


def in_chunks(address: str, chunkify: bool) -> str:
    """An address as shown: in one piece, or in groups of four letters."""
    if not chunkify:
        return address
    return " ".join(address[i : i + _CHUNK] for i in range(0, len(address), _CHUNK))


def readable(message: bytes) -> str:
    """The message as shown: text if it is UTF-8, hex otherwise."""
    try:
        return message.decode()
    except UnicodeDecodeError:
        return f"hex({message.hex()})"


def group_name(group: GroupShown) -> str:
    name = f"Multisig {group.threshold} of {len(group.xpubs)}"
    return f"{name} (sorted)" if group.is_sorted else name


def cosigner_lines(group: GroupShown) -> tuple[str, ...]:
    """Every cosigner's key under its number, ours marked."""
    lines: list[str] = []
    for index, xpub in enumerate(group.xpubs):
        owner = "Yours" if index == group.own_index else "Cosigner"
        lines += (f"MULTISIG XPUB #{index + 1} ({owner})", xpub)
    return tuple(lines)


class CoreKeyQuestions:
    """A ButtonRequest a screen; NO rejects."""

    def multisig(self, flow: Flow) -> None:
        title = "Receiving to a multisig address."
        flow.confirm(Screen("warning_multisig", title, (_ANYWAY,), _WARNING, _CONTINUE))

    def different_paths(self, flow: Flow) -> None:
        title = "Using different paths for different XPUBs."
        flow.confirm(Screen("warning_multisig_different_paths", title, (_ANYWAY,), _WARNING, _CONTINUE))

    def address(self, flow: Flow, shown: AddressShown) -> None:
        address = in_chunks(shown.address, shown.chunkify)
        group = shown.group
        title = "Receive address" if group is None else "Receive address (MULTISIG)"
        account = shown.account if group is None else group_name(group)
        cosigners = () if group is None else cosigner_lines(group)
        lines = (address, account, shown.path, *cosigners)
        flow.confirm(Screen("show_address", title, lines, _ADDRESS))

    def public_key(self, flow: Flow, shown: PublicKeyShown) -> None:
        if shown.account is None:
            title = "Wrong derivation path for selected account."
            flow.confirm(Screen("path_warning", title, (shown.path, _ANYWAY), _PATH, _CONTINUE))
        account = "Unknown path" if shown.account is None else shown.account
        lines = (shown.descriptor or shown.xpub, account, shown.path)
        flow.confirm(Screen("show_xpub", "XPUB", lines, _PUBLIC_KEY))

    def message(self, flow: Flow, shown: MessageShown) -> None:
        name = "verify_message" if shown.verify else "sign_message"
        title = "Verify address" if shown.verify else "Signing address"
        origin = tuple(text for text in (shown.account, shown.path) if text is not None)
        address = (in_chunks(shown.address, shown.chunkify), *origin)
        flow.confirm(Screen(name, title, address, _OTHER, _CONTINUE))
        text = readable(shown.message)
        screen = Screen(name, "Confirm message", tuple(text.splitlines()) or ("",), _OTHER)
        if is_long(text):
            confirm_long_text(flow, screen, must_read=not shown.verify)
        else:
            flow.confirm(screen)

    def verified(self, flow: Flow) -> None:
        flow.confirm(Screen("verify_message", "The signature is valid.", (), _SUCCESS, _CONTINUE))

    def proof_of_ownership(self, flow: Flow, commitment_data: bytes) -> None:
        name, title = "confirm_ownership_proof", "Proof of ownership"
        question = "Do you want to create a proof of ownership?"
        flow.confirm(Screen(name, title, (question,), _OTHER))
        if commitment_data:
            flow.confirm(Screen(name, title, ("Commitment data:", commitment_data.hex()), _OTHER))

    def coinjoin_access(self, flow: Flow) -> None:
        lines = ("Access your coinjoin account?",)
        flow.confirm(Screen("confirm_coinjoin_access", "Coinjoin", lines, _OTHER, "ACCESS"))
