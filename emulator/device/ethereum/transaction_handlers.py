"""Ethereum messages about addresses and transactions."""

from __future__ import annotations

from trezorlib import messages

from ..flow import HandlerEntry
from . import newer_messages, onekey_messages
from .get_address import get_address, get_address_onekey, get_public_key, get_public_key_onekey
from .onekey_delegation import sign_tx_eip7702_onekey
from .sign_tx import (
    sign_tx,
    sign_tx_eip1559,
    sign_tx_eip1559_onekey,
    sign_tx_onekey,
    stray_chunk,
)

HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.EthereumGetAddress, get_address),
    (messages.EthereumGetPublicKey, get_public_key),
    (messages.EthereumSignTx, sign_tx),
    (newer_messages.EthereumSignTxEIP1559, sign_tx_eip1559),
    (messages.EthereumTxAck, stray_chunk),
    (onekey_messages.EthereumGetAddressOneKey, get_address_onekey),
    (onekey_messages.EthereumGetPublicKeyOneKey, get_public_key_onekey),
    (onekey_messages.EthereumSignTxOneKey, sign_tx_onekey),
    (onekey_messages.EthereumSignTxEIP1559OneKey, sign_tx_eip1559_onekey),
    (onekey_messages.EthereumSignTxEIP7702OneKey, sign_tx_eip7702_onekey),
    (onekey_messages.EthereumTxAckOneKey, stray_chunk),
)
