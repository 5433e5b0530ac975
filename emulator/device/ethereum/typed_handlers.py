"""Ethereum messages about texts and typed data, those of Trezor and OneKey's own twins of them."""

from __future__ import annotations

from trezorlib import messages

from ..flow import Flow, HandlerEntry
from ..protocol.proto import Message
from . import message, onekey_messages
from .message_reviews import review_for
from .networks import UNKNOWN_NETWORK
from .rules import rules_for
from .signature import SignerOfMessages
from .typed import rules as typed_rules
from .typed.host import ONEKEY, TREZOR, Dialect, Host
from .typed.reviews import choice
from .typed.signing import TypedDataRequest
from .wallet import Wallet

_NO_CHAIN = 0


def _sign_message(flow: Flow, msg: Message) -> Message:
    wallet = Wallet.for_path(flow, msg.address_n, msg.encoded_network)
    message.check_message_length(flow, msg)
    review = review_for(flow, wallet.network)
    return message.sign_message(flow, msg, wallet, review, messages.EthereumMessageSignature)


def _sign_message_onekey(flow: Flow, msg: Message) -> Message:
    wallet = Wallet.for_own_path(flow, msg.address_n, msg.chain_id)
    message.check_message_length(flow, msg)
    review = review_for(flow, wallet.network)
    answer = onekey_messages.EthereumMessageSignatureOneKey
    return message.sign_message(flow, msg, wallet, review, answer)


def _verify_message(flow: Flow, msg: Message) -> Message:
    return message.verify_message(flow, msg, review_for(flow, UNKNOWN_NETWORK))


def _verify_message_onekey(flow: Flow, msg: Message) -> Message:
    network = rules_for(flow.persona).registry.by_chain_id(msg.chain_id or _NO_CHAIN)
    return message.verify_message(flow, msg, review_for(flow, network))


def _sign_typed_hash(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    message.check_hash_lengths(flow, msg)
    wallet = Wallet.for_path(flow, msg.address_n, msg.encoded_network)
    review = review_for(flow, wallet.network)
    return message.sign_typed_hash(flow, msg, wallet, review, messages.EthereumTypedDataSignature)


def _sign_typed_hash_onekey(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    message.check_hash_lengths(flow, msg)
    wallet = Wallet.for_own_path(flow, msg.address_n, msg.chain_id)
    review = review_for(flow, wallet.network)
    answer = onekey_messages.EthereumTypedDataSignatureOneKey
    return message.sign_typed_hash(flow, msg, wallet, review, answer)


def _sign_typed_data(flow: Flow, msg: Message) -> Message:
    definitions = msg.definitions
    encoded = (None, None)
    if definitions is not None:
        encoded = (definitions.encoded_network, definitions.encoded_token)
    return _typed_data(flow, msg, Wallet.for_path(flow, msg.address_n, *encoded), TREZOR)


def _sign_typed_data_onekey(flow: Flow, msg: Message) -> Message:
    if typed_rules.rules_for(flow.persona).chain_decides_path:
        wallet = Wallet.for_own_chain(flow, msg.chain_id or _NO_CHAIN)
    else:
        wallet = Wallet.for_own_path(flow, msg.address_n, msg.chain_id)
    return _typed_data(flow, msg, wallet, ONEKEY)


def _typed_data(flow: Flow, msg: Message, wallet: Wallet, dialect: Dialect) -> Message:
    wallet.validate_path(msg.address_n)
    signer = SignerOfMessages.at(flow, wallet, msg.address_n)
    review = choice.review_for(flow, wallet.network, own_message=dialect is ONEKEY)
    host = Host(flow, dialect, typed_rules.rules_for(flow.persona))
    return TypedDataRequest(msg, signer, host, review).sign()


HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.EthereumSignMessage, _sign_message),
    (messages.EthereumVerifyMessage, _verify_message),
    (messages.EthereumSignTypedData, _sign_typed_data),
    (messages.EthereumSignTypedHash, _sign_typed_hash),
    (onekey_messages.EthereumSignMessageOneKey, _sign_message_onekey),
    (onekey_messages.EthereumVerifyMessageOneKey, _verify_message_onekey),
    (onekey_messages.EthereumSignTypedDataOneKey, _sign_typed_data_onekey),
    (onekey_messages.EthereumSignTypedHashOneKey, _sign_typed_hash_onekey),
)
