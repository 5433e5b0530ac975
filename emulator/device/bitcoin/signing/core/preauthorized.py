"""What the person authorises beforehand: whole rounds of a coinjoin.

Refuses other paths than the coinjoin purpose, and absurd bounds while safety checks are strict.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ....errors import DataError, ProcessError, forbidden_key_path
from ....flow import Flow, HandlerEntry
from ....protocol.proto import Message
from ....ui.screens import Screen
from ...amounts import format_decimal, format_fee_rate
from ...coins import Coin
from ...keys.get_ownership import get_ownership_proof
from ...paths import SLIP25_PURPOSE
from ...rules import rules_for
from ...wallet import Wallet
from ..c import authorize
from ..coinjoin import FEE_RATE_DECIMALS
from .sign_tx import sign_tx

_MAX_COORDINATOR_NAME = 36
_MAX_ROUNDS = 500
_MAX_COORDINATOR_FEE_RATE = 5 * 10**FEE_RATE_DECIMALS  # 5 %
_MAX_FEE_FACTOR = 10

_PREAUTHORIZED = {messages.SignTx: sign_tx, messages.GetOwnershipProof: get_ownership_proof}


def authorize_coinjoin(flow: Flow, msg: Message) -> Message:
    """Let a coordinator have rounds signed without further questions, within bounds."""
    if rules_for(flow.persona).signing == "c":
        return authorize.authorize_coinjoin(flow, msg)
    flow.unlocked_path = ()
    wallet = Wallet.for_coin(flow, msg.coin_name, change_chain_too=True)
    strict = flow.state.strict
    _check_coordinator(msg, strict)
    if msg.max_fee_per_kvbyte > _MAX_FEE_FACTOR * wallet.coin.max_fee_per_kvb and strict:
        raise DataError("The fee per vbyte is unexpectedly large.")
    if not msg.address_n:
        raise DataError("Empty path not allowed.")
    is_coinjoin = msg.address_n[0] == SLIP25_PURPOSE
    if strict and not is_coinjoin:
        raise forbidden_key_path()
    fee_rate = _fee_rate(msg.max_fee_per_kvbyte, wallet.coin)
    _ask_bounds(flow, msg, fee_rate)
    path = [*msg.address_n, 0, 0]
    wallet.verify_path(path)
    if not (is_coinjoin and wallet.is_in_keychain(path) and wallet.fits(path, msg.script_type)):
        wallet.warn_unusual_path(path)
    if msg.max_fee_per_kvbyte > wallet.coin.max_fee_per_kvb:
        lines = ("The mining fee of", fee_rate, "is unexpectedly high.")
        code = int(ButtonRequestType.FeeOverThreshold)
        flow.confirm(Screen("fee_over_threshold", "High mining fee", lines, code, "CONTINUE"))
    flow.session().coinjoin = msg
    return messages.Success(message="Coinjoin authorized")


def _check_coordinator(msg: Message, strict: bool) -> None:
    name = msg.coordinator
    if len(name) > _MAX_COORDINATOR_NAME or not all(" " <= char <= "~" for char in name):
        raise DataError("Invalid coordinator name.")
    if msg.max_rounds < 1:
        raise DataError("Invalid number of rounds.")
    if msg.max_rounds > _MAX_ROUNDS and strict:
        raise DataError("The number of rounds is unexpectedly large.")
    if msg.max_coordinator_fee_rate > _MAX_COORDINATOR_FEE_RATE and strict:
        raise DataError("The coordination fee rate is unexpectedly large.")


def _fee_rate(fee_per_kvbyte: int, coin: Coin) -> str:
    text = format_fee_rate(fee_per_kvbyte, 1000)
    return text if coin.shortcut == "BTC" else text.replace("sat/", f"sat {coin.shortcut}/")


def _ask_bounds(flow: Flow, msg: Message, fee_rate: str) -> None:
    share = format_decimal(msg.max_coordinator_fee_rate, FEE_RATE_DECIMALS)
    lines = (
        f"Max rounds: {msg.max_rounds}",
        f"Max mining fee: {fee_rate}",
        f"Max coordinator fee: {share}%",
    )
    code = int(ButtonRequestType.Other)
    flow.confirm(Screen("coinjoin_final", "Authorize coinjoin", lines, code, "HOLD TO CONFIRM"))


def do_preauthorized(flow: Flow, _msg: Message) -> Message:
    """Take one message of the authorised coinjoin."""
    authorization = flow.sessions.active.coinjoin
    if authorization is None:
        raise ProcessError("No preauthorized operation")
    request = flow.call(messages.PreauthorizedRequest(), *_PREAUTHORIZED)
    flow.coinjoin = authorization
    flow.unlocked_path = tuple(authorization.address_n)
    return _PREAUTHORIZED[type(request)](flow, request)


def cancel_authorization(flow: Flow, _msg: Message) -> Message:
    flow.sessions.active.coinjoin = None
    return messages.Success(message="Authorization cancelled")


HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.AuthorizeCoinJoin, authorize_coinjoin),
    (messages.DoPreauthorized, do_preauthorized),
    (messages.CancelAuthorization, cancel_authorization),
)
