"""AuthorizeCoinJoin as the C firmware does it: the bounds first, then the path.

Refuses other paths than the coinjoin purpose, and absurd bounds while safety checks are strict.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ....errors import DataError, forbidden_key_path
from ....flow import Flow
from ....protocol.proto import Message
from ....ui.screens import Screen
from ...amounts import format_fee_rate
from ...paths import SLIP25_PURPOSE, WALLET_DEPTH
from ...wallet import Wallet
from ..coinjoin import FEE_RATE_DECIMALS

_MAX_COORDINATOR_NAME = 36
_MAX_ROUNDS = 500
_MAX_COORDINATOR_FEE_RATE = 5 * 10**FEE_RATE_DECIMALS  # 5 %
_MAX_FEE_FACTOR = 10
_MAX_STEPS = 8


def authorize_coinjoin(flow: Flow, msg: Message) -> Message:
    """Let a coordinator have rounds signed without further questions, within bounds."""
    wallet = Wallet.for_path_check(flow, msg.coin_name, change_chain_too=True)
    strict = flow.state.strict
    _check_bounds(msg, wallet, strict=strict)
    is_coinjoin = msg.address_n[0] == SLIP25_PURPOSE
    if strict and not is_coinjoin:
        raise _forbidden_here()
    fee_rate = format_fee_rate(msg.max_fee_per_kvbyte, 1000)
    _ask_bounds(flow, msg.max_rounds, fee_rate)
    if not is_coinjoin:
        wallet.warn_unusual_path(msg.address_n)
    if len(msg.address_n) + WALLET_DEPTH > _MAX_STEPS:
        raise _forbidden_here()
    _approve_path(flow, wallet, msg, warned=not is_coinjoin)
    if msg.max_fee_per_kvbyte > wallet.coin.max_fee_per_kvb:
        lines = (fee_rate, "is unexpectedly high.", "Proceed anyway?")
        code = int(ButtonRequestType.FeeOverThreshold)
        flow.confirm(Screen("fee_rate_over_threshold", "Fee rate", lines, code))
    flow.session().coinjoin = msg
    return messages.Success(message="Coinjoin authorized")


def _forbidden_here() -> DataError:
    return DataError(f"{forbidden_key_path().message}.")


def _check_bounds(msg: Message, wallet: Wallet, *, strict: bool) -> None:
    name = msg.coordinator
    if len(name.encode()) > _MAX_COORDINATOR_NAME or not all(" " <= char <= "~" for char in name):
        raise DataError("Invalid coordinator name.")
    if msg.max_rounds < 1:
        raise DataError("Invalid number of rounds.")
    if strict and msg.max_rounds > _MAX_ROUNDS:
        raise DataError("The number of rounds is unexpectedly large.")
    if strict and msg.max_coordinator_fee_rate > _MAX_COORDINATOR_FEE_RATE:
        raise DataError("The coordination fee rate is unexpectedly large.")
    if strict and msg.max_fee_per_kvbyte > _MAX_FEE_FACTOR * wallet.coin.max_fee_per_kvb:
        raise DataError("The fee per vbyte is unexpectedly large.")
    if not msg.address_n:
        raise DataError("Empty path not allowed.")


def _ask_bounds(flow: Flow, rounds: int, fee_rate: str) -> None:
    lines = (f"Maximum rounds: {rounds}", f"Maximum mining fee: {fee_rate}")
    code = int(ButtonRequestType.ProtectCall)
    flow.confirm(Screen("authorize_coinjoin", "Authorize coinjoin", lines, code))


def _approve_path(flow: Flow, wallet: Wallet, msg: Message, *, warned: bool) -> None:
    """A path of the account must be usual, or be warned of."""
    flow.unlocked_path = ()
    path = [*msg.address_n, 0, 0]
    if wallet.fits(path, msg.script_type):
        return
    wallet.verify_path(path)
    if not warned:
        wallet.warn_unusual_path(path)
