"""What a firmware makes of incoming bytes: which messages it refuses by their first report, and how
it decodes the others.
"""

from __future__ import annotations

from collections.abc import Container

from trezorlib import messages

from ..errors import DataError, UnexpectedMessage
from ..rules import WireRules
from ..state import DeviceState
from . import proto
from .proto import DecodeError, Message, MessageClass
from .wire import FIRMWARE_ERROR, MAX_MESSAGE_SIZE, Frame, WireError

CANCEL = proto.wire_type_of(messages.Cancel)
INITIALIZE = proto.wire_type_of(messages.Initialize)
# C firmware: what answers a button, a PIN or a passphrase.
SMALL = frozenset(
    proto.wire_type_of(cls) for cls in (messages.ButtonAck, messages.PinMatrixAck, messages.PassphraseAck)
)


class Reception:
    """Judges messages before a workflow sees them."""

    def __init__(self, rules: WireRules, state: DeviceState, known: Container[int]) -> None:
        self._rules = rules
        self._state = state
        self._known = known
        # C firmware waits for a person: larger and other messages are overheard, not refused.
        self.waits_for_person = False

    def judge_header(self, wire_type: int, length: int) -> None:
        """Refuse a message by its first report, where the firmware does. Raises WireError."""
        limit = self._rules.max_message_size
        if limit is None or self.waits_for_person:
            if length > MAX_MESSAGE_SIZE:
                code = FIRMWARE_ERROR if limit is None else None
                raise WireError("Message too large", code)
            return
        if self._rules.judges_first_report and wire_type not in self._known:
            raise WireError(self._rules.unknown_message, UnexpectedMessage.code)
        if length > limit:
            raise WireError("Message too big", DataError.code)

    def answer_to(self, error: WireError) -> Message | None:
        """The Failure for a report that belongs to no message; None if it is overheard."""
        if error.code is None or (error.code == FIRMWARE_ERROR and not self._rules.answers_bad_magic):
            return None
        return proto.failure(error.code, str(error))

    def is_small(self, frame: Frame) -> bool:
        """Whether C firmware listens to a message while it waits for a person.

        Raises DataError for one of the right kind that is too large.
        """
        if frame.wire_type not in SMALL and frame.wire_type not in (CANCEL, INITIALIZE):
            return False
        if len(frame.payload) > (self._rules.small_message or 0):
            raise DataError("Message too big")
        return True

    def decode(self, expected: MessageClass, frame: Frame) -> Message:
        """The message in a frame. Raises DataError in the firmware's words."""
        try:
            return proto.decode(
                expected,
                frame.payload,
                self._rules.bounds,
                experimental=self._state.experimental_features,
                vocabulary=self._rules.vocabulary,
            )
        except DecodeError as error:
            text = str(error)
            if self._rules.bounds is None:
                text = f"Failed to decode message: {text}" if text else "Failed to decode message"
            raise DataError(text) from None
