"""SignMessage and VerifyMessage: 65-byte signatures whose header names the script type.

Header 31..34 for p2pkh, 35..38 for p2sh-p2wpkh, 39..42 for p2wpkh (BIP137).
Refuses taproot and groups, as the firmware does.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import InputScriptType

from ...deceit import signing_key
from ...errors import DataError, DeviceFailure, FirmwareError, ProcessError
from ...flow import Flow
from ...keys import hash160, recover_public_key, sha256d
from ...protocol.proto import Message
from .. import paths
from ..address import address_of_key, b58check_decode, bech32_decode, nested_redeem_script
from ..coins import SIGNED_MESSAGE_HEADER, Coin
from ..questions.keys_base import MessageShown
from ..scripts.serialise import prefixed
from ..wallet import Wallet
from .get_public_key import known_coin
from .key_rules import KeyRules, key_rules_for

_COMPRESSED = 31  # first header byte of a compressed key's signature
_SIGNATURE_SIZE = 65
_HEADER_SHIFT = {
    InputScriptType.SPENDADDRESS: 0,
    InputScriptType.SPENDP2SHWITNESS: 4,
    InputScriptType.SPENDWITNESS: 8,
}


def message_digest(message: bytes) -> bytes:
    return sha256d(prefixed(SIGNED_MESSAGE_HEADER) + prefixed(message))


def ask_of_path(wallet: Wallet, rules: KeyRules, msg: Message, *, for_message: bool = False) -> None:
    """Refuse a foreign path, ask about an unusual one. Raises DataError."""
    group = getattr(msg, "multisig", None) is not None
    usual = wallet.fits(msg.address_n, msg.script_type, multisig=group, for_message=for_message)
    own = wallet.is_in_keychain(msg.address_n)
    if rules.asks_only_of_foreign_paths:
        wallet.verify_path(msg.address_n, lenient=not usual)
        if not own:
            wallet.warn_unusual_path(msg.address_n)
        return
    wallet.verify_path(msg.address_n)
    if not (usual and own):
        wallet.warn_unusual_path(msg.address_n)


def _signing_address(rules: KeyRules, script_type: InputScriptType, coin: Coin, key: bytes) -> str:
    try:
        return address_of_key(script_type, coin, key)
    except DeviceFailure:
        if rules.message_address is None:
            raise
        raise rules.message_address.error() from None


def sign_message(flow: Flow, msg: Message) -> Message:
    """Sign a text with the key of a path after showing address and text."""
    wallet, rules = Wallet.for_path_check(flow, msg.coin_name), key_rules_for(flow.persona)
    coin, path, script_type = wallet.coin, msg.address_n, msg.script_type
    if rules.max_message is not None and len(msg.message) > rules.max_message:
        raise rules.message_too_long.error()
    ask_of_path(wallet, rules, msg, for_message=True)
    node = wallet.derive(path)
    shown = MessageShown(
        coin=coin,
        message=bytes(msg.message),
        address=_signing_address(rules, script_type, coin, node.public_key),
        verify=False,
        path=paths.format_path(path),
        account=paths.account_label(coin, path, script_type),
        chunkify=bool(msg.chunkify),
    )
    rules.questions.message(flow, shown)
    if msg.no_script_type and rules.no_script_type_is_p2pkh:
        script_type = InputScriptType.SPENDADDRESS
    if script_type not in _HEADER_SHIFT:
        raise rules.unsignable.error()
    signer = signing_key(flow, wallet, path, node)
    recovery_id, raw = signer.sign_recoverable(message_digest(msg.message))
    shift = 0 if msg.no_script_type else _HEADER_SHIFT[script_type]
    signature = bytes([_COMPRESSED + recovery_id + shift]) + raw
    if flow.faults.truncate_signature:
        signature = signature[:-1]
    return messages.MessageSignature(address=shown.address, signature=signature)


# Verification


def _recovery_id(header: int, script_type: InputScriptType) -> int | None:
    """0..3 from a header byte that fits the script type, None otherwise."""
    if 27 <= header <= 34:
        return (header - 27) & 3
    if 35 <= header <= 38 and script_type == InputScriptType.SPENDP2SHWITNESS:
        return header - 35
    if 39 <= header <= 42 and script_type == InputScriptType.SPENDWITNESS:
        return header - 39
    return None


def _recovered_key(msg: Message, script_type: InputScriptType) -> bytes:
    """The key that signed. Raises ProcessError."""
    signature = bytes(msg.signature)
    recovery_id = _recovery_id(signature[0], script_type)
    key = None
    if recovery_id is not None and len(signature) == _SIGNATURE_SIZE:
        digest = message_digest(msg.message)
        compressed = signature[0] >= _COMPRESSED
        key = recover_public_key(recovery_id, signature[1:], digest, compressed=compressed)
    if key is None:
        raise ProcessError("Invalid signature")
    return key


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


def _check_as_text(msg: Message, coin: Coin) -> None:
    """Core firmware: the address of the key must read as the address given."""
    script_type = _script_type_of(msg.address, coin)
    if not msg.signature:
        raise FirmwareError("bytes index out of range")  # the firmware's own exception
    key = _recovered_key(msg, script_type)
    taproot = script_type == InputScriptType.SPENDTAPROOT
    if taproot or address_of_key(script_type, coin, key) != msg.address:
        raise ProcessError("Invalid signature")


def _decoded_address(address: str, coin: Coin) -> tuple[InputScriptType, bytes]:
    """(script type, hash) of an address in any form, EXTERNAL for one that is none."""
    lower = address.lower() if address == address.upper() else address
    decoded = bech32_decode(coin.hrp, lower)
    if decoded is not None:
        kinds = {0: InputScriptType.SPENDWITNESS, 1: InputScriptType.SPENDTAPROOT}
        return kinds.get(decoded[0], InputScriptType.EXTERNAL), decoded[1]
    payload = b58check_decode(address) or b""
    if len(payload) > 1 and payload[0] == coin.p2pkh_version:
        return InputScriptType.SPENDADDRESS, payload[1:]
    if len(payload) > 1 and payload[0] == coin.p2sh_version:
        return InputScriptType.SPENDP2SHWITNESS, payload[1:]
    return InputScriptType.EXTERNAL, b""


def _check_decoded(msg: Message, coin: Coin) -> None:
    """C firmware: the hash of the key must be the one in the address."""
    if len(msg.signature) != _SIGNATURE_SIZE:
        raise ProcessError("Invalid signature")
    script_type, expected = _decoded_address(msg.address, coin)
    if script_type == InputScriptType.EXTERNAL:
        raise DataError("Invalid address")
    key = _recovered_key(msg, script_type)
    if script_type == InputScriptType.SPENDTAPROOT:
        raise DataError("Invalid address")
    nested = script_type == InputScriptType.SPENDP2SHWITNESS
    if hash160(nested_redeem_script(key) if nested else key) != expected:
        raise ProcessError("Invalid signature")


def verify_message(flow: Flow, msg: Message) -> Message:
    """Check a message signature against an address and show what was verified."""
    rules = key_rules_for(flow.persona)
    coin = known_coin(flow, rules, msg.coin_name)
    check = _check_decoded if rules.decodes_any_case else _check_as_text
    check(msg, coin)
    shown = MessageShown(
        coin=coin, message=bytes(msg.message), address=msg.address, verify=True, chunkify=bool(msg.chunkify)
    )
    rules.questions.message(flow, shown)
    rules.questions.verified(flow)
    return messages.Success(message="Message verified")
