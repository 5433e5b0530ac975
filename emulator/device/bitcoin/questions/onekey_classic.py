"""The questions of OneKey's Classic 1S where they differ from Trezor One's.

One ButtonRequest an output, then its pages, NO on any of them refuses; the total comes without one.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ...errors import ProcessError
from ...ui.screens import Screen
from ..signing import omni
from .base import FeeQuestion, OutputQuestion, Path
from .legacy import LegacyQuestions, as_text

_SIGN_TX = int(ButtonRequestType.SignTx)
_CONFIRM_OUTPUT = int(ButtonRequestType.ConfirmOutput)
_NEXT = "NEXT"
_TEXT_SIZE = 164  # what the buffer for OP_RETURN data takes before the firmware breaks down


class OneKeyClassicQuestions(LegacyQuestions):
    """Announced outputs, an unannounced total."""

    def _title(self) -> str:
        return f"{self._setting.coin.name} transaction"

    def output(self, output: OutputQuestion) -> None:
        pages = [("Send to:", output.address)]
        if output.label is not None:
            pages.append(("Send to:", output.label))
        pages.append(("Amount:", self._amount(output.amount)))
        for number, lines in enumerate(pages):
            screen = Screen("confirm_output", self._title(), lines, _SIGN_TX, _NEXT)
            self._flow.confirm(screen, announce=number == 0)

    def op_return(self, number: int, data: bytes) -> None:
        """An Omni payload is announced twice.

        Raises ProcessError for data too long to show: the device itself crashes then, the refusal is
        this emulator's.
        """
        if omni.is_omni(data):
            code = ButtonRequestType.ConfirmOutput
            self._flow.call(messages.ButtonRequest(code=code), messages.ButtonAck)
            super().op_return(number, data)
            return
        text = as_text(data)
        if len(text) > _TEXT_SIZE:
            raise ProcessError("Failed to compile output")
        self._ask("op_return", "OP_RETURN", (text,), _CONFIRM_OUTPUT)

    def total(self, spending: int, fee: FeeQuestion, account: Path | None) -> None:
        lines = ("Total amount:", self._amount(spending), "Fee:", self._amount(fee.fee))
        self._flow.confirm(Screen("confirm_total", self._title(), lines, _SIGN_TX), announce=False)

    def joint_total(self, spending: int, total: int) -> None:
        """Not told apart from any other total."""
        lines = ("Total amount:", self._amount(total))
        self._flow.confirm(Screen("confirm_total", self._title(), lines, _SIGN_TX), announce=False)
