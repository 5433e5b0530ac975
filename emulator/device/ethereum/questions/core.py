"""Core firmware's questions, with the screen names and codes of Model T.

A transaction is shown as what it does where the firmware can tell: staking, vaults, token calls
and functions with a display format; else as recipient, data, amount and fee.
"""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ...errors import DataError, FirmwareError
from ...flow import Flow
from ...ui.screens import Screen
from ..address import checksum_address
from ..amounts import core_amount
from ..call import SELECTOR_LENGTH, WORD, Call
from ..calldata import CallData
from ..clear_signing.errors import ClearSigningFailed
from ..clear_signing.reading import Reader
from ..networks import Network
from ..paths import account_label, format_path
from ..rules import rules_for
from ..staking import Operation, staking_operation
from ..vaults import VaultCall, read_yield_call
from . import core_calls
from .core_screens import CoreScreens

_STAKING_ARGUMENTS = {Operation.STAKE: 1, Operation.UNSTAKE: 3, Operation.CLAIM: 0}
_ROW_BYTES = 9  # eighteen digits fit a line


class CoreQuestions:
    """Asks on the flow's display."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def show_address(self, address: str, path: list[int], network: Network) -> None:
        account = account_label(rules_for(self._flow.persona), path) or "Unknown path"
        lines = (address, account, format_path(path))
        code = int(ButtonRequestType.Address)
        self._flow.confirm(Screen("show_address", "Receive address", lines, code))

    def show_public_key(self, public_key: bytes, path: list[int]) -> None:
        lines = (public_key.hex(), format_path(path))
        code = int(ButtonRequestType.PublicKey)
        self._flow.confirm(Screen("show_pubkey", "Public key", lines, code))

    def finish(self, call: Call) -> None:
        """Nothing more is asked."""

    def approve(self, call: Call, data: CallData) -> None:
        screens = CoreScreens(self._flow, call)
        if self._approve_staking(call, data, screens):
            return
        reader = Reader(self._flow, call)
        if data.complete and self._approve_yield(call, data, screens, reader):
            return
        clear_signed = False
        if data.complete:
            try:
                clear_signed = core_calls.approve_call(call, data.start, screens, reader)
            except ClearSigningFailed:
                clear_signed = False
        if call.payment_request is not None:
            self._approve_payment(call, screens)
        elif not clear_signed:
            if data.length > 0:
                self._approve_data(data)
            recipient = checksum_address(call.recipient, call.network) if call.recipient else None
            amount = core_amount(call.value, None, call.network)
            screens.ask_transfer(recipient, amount, is_send=data.length == 0)

    # Staking and vaults

    def _approve_staking(self, call: Call, data: CallData, screens: CoreScreens) -> bool:
        initial = call.initial
        if data.length > len(initial):
            return False
        operation = staking_operation(call.recipient, initial)
        if operation is None:
            return False
        if call.payment_request is not None:
            raise DataError("Payment Requests don't support staking")
        arguments = initial[SELECTOR_LENGTH:]
        if len(arguments) != WORD * _STAKING_ARGUMENTS[operation]:
            raise DataError("Invalid staking transaction call")
        value: int | None = call.value
        if operation is Operation.UNSTAKE:
            value = int.from_bytes(arguments[:WORD], "big")
        elif operation is Operation.CLAIM:
            value = None
        screens.ask_staking(operation, value)
        return True

    def _approve_yield(self, call: Call, data: CallData, screens: CoreScreens, reader: Reader) -> bool:
        found = read_yield_call(call, data.start, reader)
        if found is None:
            return False
        if call.payment_request is not None:
            raise DataError("Payment Requests don't support yielding")
        if isinstance(found, VaultCall):
            screens.ask_vault(found)
        else:
            screens.ask_claim(found)
        return True

    # Everything else

    def _approve_payment(self, call: Call, screens: CoreScreens) -> None:
        request = call.payment_request
        if request is None:
            return
        if call.data_length != 0:
            raise DataError("Data length must be 0 when `payment_request_verifier` is provided.")
        if not call.recipient:
            raise FirmwareError("")  # an assertion of the firmware
        recipient = checksum_address(call.recipient, call.network)
        request.verify_output(call.value, recipient)
        screens.ask_payment(request, recipient)

    def _approve_data(self, data: CallData) -> None:
        """One question about the data, after which the rest is only loaded.

        The firmware shows a piece and offers the next one or to confirm all; here all that is kept
        is on the pages of one screen.
        """
        shown = data.start
        rows = [shown[i : i + _ROW_BYTES].hex() for i in range(0, len(shown), _ROW_BYTES)]
        title = f"Data: {len(shown)} / {data.length} bytes"
        code = int(ButtonRequestType.SignTx)
        self._flow.confirm(Screen("confirm_data", title, tuple(rows), code, "CONFIRM ALL"))
        data.drain()
