"""SignMessage and VerifyMessage: 65-byte signatures whose header names the script type.

Header 31..34 for p2pkh, 35..38 for p2sh-p2wpkh, 39..42 for p2wpkh (BIP137).
Refuses taproot, as the firmware does.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType, InputScriptType

from ..errors import DataError, FirmwareError, ProcessError
from ..flow import Flow
from ..keys import recover_public_key, sha256d
from ..proto import Message
from ..screens import Screen
from . import coins, paths
from .address import address_of_key, b58check_decode, bech32_decode
from .coins import SIGNED_MESSAGE_HEADER, Coin
from .serialise import prefixed
from .wallet import Wallet

_COMPRESSED = 31  # first header byte of a compressed key's signature
_HEADER_SHIFT = {
    InputScriptType.SPENDADDRESS: 0,
    InputScriptType.SPENDP2SHWITNESS: 4,
    InputScriptType.SPENDWITNESS: 8,
}


def message_digest(message: bytes) -> bytes:
    return sha256d(prefixed(SIGNED_MESSAGE_HEADER) + prefixed(message))


def readable(message: bytes) -> str:
    """The message as shown: text if it is UTF-8, hex otherwise."""
    try:
        return message.decode()
    except UnicodeDecodeError:
        return f"hex({message.hex()})"


def _show(flow: Flow, name: str, titles: tuple[str, str], address_lines: tuple[str, ...], text: str) -> None:
    code = flow.persona.message_button_code
    text_lines = tuple(text.splitlines()) or ("",)
    if flow.persona.single_message_screen:
        flow.confirm(Screen(name, titles[0], (*address_lines, *text_lines), code))
        return
    flow.confirm(Screen(name, titles[0], address_lines, code, confirm="CONTINUE"))
    flow.confirm(Screen(name, titles[1], text_lines, code))


def sign_message(flow: Flow, msg: Message) -> Message:
    """Sign a text with the key of a path after showing address and text."""
    wallet = Wallet.for_coin(flow, msg.coin_name)
    coin, path, script_type = wallet.coin, msg.address_n, msg.script_type
    wallet.verify_path(path)
    usual = paths.fits_script_type(coin, path, script_type, for_message=True)
    if not (usual and paths.is_in_keychain(coin, path)):
        wallet.warn_unusual_path(path)
    node = wallet.derive(path)
    address = address_of_key(script_type, coin, node.public_key)
    lines = (address, paths.account_label(coin, path, script_type), paths.format_path(path))
    _show(flow, "sign_message", ("Confirm address", "Confirm message"), lines, readable(msg.message))
    if script_type not in _HEADER_SHIFT:
        raise ProcessError("Unsupported script type")
    signer = wallet.decoy(path) if flow.faults.wrong_key_signature else node
    recovery_id, raw = signer.sign_recoverable(message_digest(msg.message))
    shift = 0 if msg.no_script_type else _HEADER_SHIFT[script_type]
    signature = bytes([_COMPRESSED + recovery_id + shift]) + raw
    if flow.faults.truncate_signature:
        signature = signature[:-1]
    return messages.MessageSignature(address=address, signature=signature)


def _script_type_of(address: str, coin: Coin) -> InputScriptType:
    if address.startswith(coin.hrp):
        decoded = bech32_decode(coin.hrp, address)
        if decoded is None or decoded[0] not in (0, 1):
            raise DataError("Invalid address witness program")
        return InputScriptType.SPENDTAPROOT if decoded[0] else InputScriptType.SPENDWITNESS
    payload = b58check_decode(address)
    if payload is not None and payload[0] == coin.p2pkh_version:
        return InputScriptType.SPENDADDRESS
    if payload is not None and payload[0] == coin.p2sh_version:
        return InputScriptType.SPENDP2SHWITNESS
    raise DataError("Invalid address")


def _recovery_id(header: int, script_type: InputScriptType) -> int | None:
    """0..3 from a header byte that fits the script type, None otherwise."""
    if 27 <= header <= 34:
        return (header - 27) & 3
    if 35 <= header <= 38 and script_type == InputScriptType.SPENDP2SHWITNESS:
        return header - 35
    if 39 <= header <= 42 and script_type == InputScriptType.SPENDWITNESS:
        return header - 39
    return None


def verify_message(flow: Flow, msg: Message) -> Message:
    """Check a message signature against an address and show what was verified."""
    coin = coins.by_name(msg.coin_name)
    if coin is None:
        raise FirmwareError("Unknown coin name")
    script_type = _script_type_of(msg.address, coin)
    if len(msg.signature) != 65:
        raise ProcessError("Invalid signature")
    recovery_id = _recovery_id(msg.signature[0], script_type)
    if recovery_id is None or script_type == InputScriptType.SPENDTAPROOT:
        raise ProcessError("Invalid signature")
    digest = message_digest(msg.message)
    compressed = msg.signature[0] >= _COMPRESSED
    key = recover_public_key(recovery_id, msg.signature[1:], digest, compressed=compressed)
    if key is None or address_of_key(script_type, coin, key) != msg.address:
        raise ProcessError("Invalid signature")
    titles = ("Verify address", "Confirm message")
    _show(flow, "verify_message", titles, (msg.address,), readable(msg.message))
    if not flow.persona.single_message_screen:
        code = int(ButtonRequestType.Success)
        flow.confirm(Screen("verify_message", "Success", ("The signature is valid.",), code))
    return messages.Success(message="Message verified")
