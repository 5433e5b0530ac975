"""Acknowledgements nobody asked for: the C firmwares know them and say what is not going on."""

from __future__ import annotations

from typing import NoReturn

from trezorlib import messages

from ..errors import DataError, ProcessError, UnexpectedMessage
from ..flow import Flow, HandlerEntry
from ..protocol.proto import Message
from .rules import rules_for


def _refuse_signing(flow: Flow, text: str) -> NoReturn:
    if not flow.state.unlocked:
        raise ProcessError("Locked")
    raise UnexpectedMessage(text)


def _tx_ack(flow: Flow, msg: Message) -> NoReturn:
    if flow.state.unlocked and msg.tx is None:
        raise DataError("No transaction provided")
    _refuse_signing(flow, "Not in Signing mode")


def _ethereum_tx_ack(flow: Flow, _msg: Message) -> NoReturn:
    _refuse_signing(flow, "Not in Ethereum signing mode")


def _word_ack(flow: Flow, _msg: Message) -> NoReturn:
    _refuse_signing(flow, "Not in Recovery mode")


def _entropy_ack(flow: Flow, _msg: Message) -> NoReturn:
    raise UnexpectedMessage(rules_for(flow.persona).entropy_not_asked)


def _entropy_check_continue(_flow: Flow, _msg: Message) -> NoReturn:
    raise UnexpectedMessage("Entropy check not ready")


HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.TxAck, _tx_ack),
    (messages.EthereumTxAck, _ethereum_tx_ack),
    (messages.EntropyAck, _entropy_ack),
    (messages.EntropyCheckContinue, _entropy_check_continue),
    (messages.WordAck, _word_ack),
)
