"""EthereumSignMessage, EthereumVerifyMessage (EIP-191) and EthereumSignTypedHash.

The signature is r || s || v with v 27 or 28. Refuses signatures that are not 65 bytes or not of
the address, and hashes that are not 32 bytes (Trezor One and OneKey Classic).
"""

from __future__ import annotations

from trezorlib import messages

from ..errors import DataError, FirmwareError
from ..flow import Flow
from ..keys import recover_public_key
from ..protocol.proto import Message, MessageClass
from .address import address_of_key, checksum_address, parse_address, parse_address_leniently
from .keccak import keccak256
from .message_reviews import MessageReview
from .paths import format_path
from .rules import rules_for
from .signature import SignerOfMessages
from .typed.complaints import all_reported, followed_by
from .typed.signing import typed_data_digest
from .wallet import Wallet

_HASH_LENGTH = 32
_SIGNATURE_LENGTH = 65
_UNCOMPRESSED = 27


def message_digest(message: bytes) -> bytes:
    """EIP-191 version 0x45."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def sign_message(
    flow: Flow, msg: Message, wallet: Wallet, review: MessageReview, answer: MessageClass
) -> Message:
    """Sign a text with the key of a path after showing address and text."""
    wallet.validate_path(msg.address_n)
    signer = SignerOfMessages.at(flow, wallet, msg.address_n)
    message = bytes(msg.message)
    review.sign(signer.address, message, format_path(msg.address_n))
    return answer(signature=signer.sign(message_digest(message)), address=signer.address)


def check_message_length(flow: Flow, msg: Message) -> None:
    """Refuse a message longer than the firmware takes."""
    longest = rules_for(flow.persona).longest_message
    if longest is not None and len(msg.message) > longest:
        raise FirmwareError("Firmware error")


def sign_typed_hash(
    flow: Flow, msg: Message, wallet: Wallet, review: MessageReview, answer: MessageClass
) -> Message:
    """Sign two hashes nobody can check on the display."""
    wallet.validate_path(msg.address_n)
    review.typed_hash_warning()
    signer = SignerOfMessages.at(flow, wallet, msg.address_n)
    domain = bytes(msg.domain_separator_hash)
    message = None if msg.message_hash is None else bytes(msg.message_hash)
    review.typed_hash(signer.address, domain, message)
    signature = signer.sign(typed_data_digest(domain, message or b""))
    return answer(signature=signature, address=signer.address)


def check_hash_lengths(flow: Flow, msg: Message) -> None:
    """Refuse hashes of a wrong length, where the firmware looks at it."""
    if not rules_for(flow.persona).checks_hash_lengths:
        return
    hashes = [msg.domain_separator_hash]
    if msg.message_hash is not None:
        hashes.append(msg.message_hash)
    if any(len(value) != _HASH_LENGTH for value in hashes):
        raise DataError("Invalid hash length")


def verify_message(flow: Flow, msg: Message, review: MessageReview) -> Message:
    """Check a message signature against an address and show what was verified."""
    lenient = rules_for(flow.persona).lenient_verification
    with all_reported(flow):
        address = (_verified_leniently if lenient else _verified)(msg)
    review.verify(checksum_address(address), msg.address, bytes(msg.message))
    return messages.Success(message="Message verified")


def _recovered(msg: Message, recovery_id: int) -> bytes:
    """The address whose key made the signature; DataError if there is none."""
    digest = message_digest(bytes(msg.message))
    key = recover_public_key(recovery_id, bytes(msg.signature[:64]), digest)
    if key is None:
        raise DataError("Invalid signature")
    return address_of_key(key)


def _verified(msg: Message) -> bytes:
    """The signer's address as core firmware checks it."""
    if len(msg.signature) != _SIGNATURE_LENGTH:
        raise DataError("Invalid signature")
    recovery_id = msg.signature[64] - _UNCOMPRESSED
    if recovery_id not in range(8):
        raise DataError("Invalid signature")
    signer = _recovered(msg, recovery_id & 3)
    # v of 31 to 34 recovers a compressed key, of which no address is made.
    if parse_address(msg.address) != signer or recovery_id > 3:
        raise DataError("Invalid signature")
    return signer


def _verified_leniently(msg: Message) -> bytes:
    """The signer's address as the C firmwares check it: v may be 0 or 1 as well.

    What is malformed is reported twice, the second time as an invalid signature.
    """
    complaint = "Invalid signature"
    if len(msg.signature) != _SIGNATURE_LENGTH:
        raise followed_by(DataError("Malformed signature"), complaint)
    address = parse_address_leniently(msg.address)
    if address is None:
        raise followed_by(DataError("Malformed address"), complaint)
    v = msg.signature[64]
    recovery_id = v - _UNCOMPRESSED if v >= _UNCOMPRESSED else v
    if recovery_id > 1 or _recovered(msg, recovery_id) != address:
        raise DataError(complaint)
    return address
