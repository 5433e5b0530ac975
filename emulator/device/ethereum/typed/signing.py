"""EthereumSignTypedData: types, values and questions in the firmware's order, then a signature.

Nothing is signed before the last question is confirmed. Refuses a message hash that is not the
one the host announced.
"""

from __future__ import annotations

from ...errors import DataError
from ...protocol.proto import Message
from ..address import address_of_key
from ..keccak import keccak256
from ..signature import SignerOfMessages
from . import safe
from .complaints import all_reported
from .hashing import StructHasher, collect_types
from .host import Host
from .reviews.base import Review
from .schema import DOMAIN_TYPE, Schema

PREFIX = b"\x19\x01"


def typed_data_digest(domain: bytes, message: bytes) -> bytes:
    """What is signed; `message` is empty when the domain is all there is."""
    return keccak256(PREFIX + domain + message)


class TypedDataRequest:
    """One request in the making."""

    def __init__(self, msg: Message, signer: SignerOfMessages, host: Host, review: Review) -> None:
        self._msg = msg
        self._signer = signer
        self._host = host
        self._review = review
        self._rules = host.rules

    def sign(self) -> Message:
        """The signature the person agreed to."""
        with all_reported(self._signer.flow):
            if self._rules.asks_for_safe_tx and self._msg.primary_type == safe.PRIMARY_TYPE:
                digest = self._review_safe_tx()
            else:
                digest = self._review_typed_data()
        address = self._signer.address if self._rules.answers_with_address else ""
        return self._host.dialect.signature(signature=self._signer.sign(digest), address=address)

    def _review_safe_tx(self) -> bytes:
        ack = self._host.safe_tx()
        hashes = safe.hashes_of(ack, self._rules)
        digest = typed_data_digest(hashes.domain, hashes.message)
        address = address_of_key(self._signer.node.public_key)
        self._review.safe_tx(address, ack, hashes, digest)
        return digest

    def _review_typed_data(self) -> bytes:
        primary_type = self._msg.primary_type
        if self._rules.shows_address:
            self._review.open(address_of_key(self._signer.node.public_key))
        schema = Schema(primary_type, self._rules.bounds)
        collect_types(self._host, schema, primary_type)
        self._review.warn(primary_type)
        hasher = StructHasher(self._host, schema, self._rules, v4=self._msg.metamask_v4_compat)
        domain = self._review.domain(hasher, self._host, schema)
        message = b""
        if primary_type == DOMAIN_TYPE:
            self._review.no_message()
        else:
            message = self._review.message(hasher, schema, primary_type)
        self._confirm_announced_hash(message)
        self._review.close()
        return typed_data_digest(domain, message)

    def _confirm_announced_hash(self, message: bytes) -> None:
        announced = getattr(self._msg, "show_message_hash", None)
        if not self._rules.knows_message_hash or announced is None:
            return
        if bytes(announced) != message:
            raise DataError("Message hash mismatch")
        self._review.message_hash(message)
