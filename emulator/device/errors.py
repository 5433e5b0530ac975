"""Failures the device reports to the host, one class per failure code of the wire protocol.

The texts are the ones a host sees from core firmware; codes are those of `FailureType` in
messages-common.proto. Nothing here is caught silently: every one of these ends the workflow.
"""

from __future__ import annotations


class DeviceFailure(Exception):  # noqa: N818 - the protocol calls it Failure
    """Ends the running workflow; the host receives `Failure(code, message)`."""

    code = 99

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class DeviceRestarts(Exception):  # noqa: N818 - a signal: nothing is answered
    """Storage was wiped by a wrong PIN too many, or by the wipe code: the device starts afresh."""


class Unanswered(DeviceFailure):
    """Ends the workflow and is not reported: the host was answered otherwise."""

    def __init__(self) -> None:
        super().__init__("")


class UnexpectedMessage(DeviceFailure):
    """A message that has no meaning now (unknown, or not in this state)."""

    code = 1


class DataError(DeviceFailure):
    """The host sent something malformed, contradictory or forbidden."""

    code = 3


class ActionCancelled(DeviceFailure):
    """The person, or a Cancel on the wire, said no."""

    code = 4

    def __init__(self, message: str = "Cancelled") -> None:
        super().__init__(message)


class CancelledByHost(ActionCancelled):
    """A Cancel came instead of a button: unlike a NO it ends the workflow, whatever is shown."""


class PinCancelled(DeviceFailure):
    """The person, or the host, gave no PIN."""

    code = 6


class PinInvalid(DeviceFailure):
    """The PIN is wrong."""

    code = 7

    def __init__(self, message: str = "PIN invalid") -> None:
        super().__init__(message)


class ProcessError(DeviceFailure):
    """The request is well formed but cannot be carried out."""

    code = 9


class NotEnoughFunds(DeviceFailure):
    """Outputs exceed inputs."""

    code = 10


class NotInitialized(DeviceFailure):
    """The device holds no seed."""

    code = 11


class PinMismatch(DeviceFailure):
    """The new PIN was not repeated."""

    code = 12

    def __init__(self, message: str = "PIN mismatch") -> None:
        super().__init__(message)


class WipeCodeMismatch(DeviceFailure):
    """The new wipe code was not repeated."""

    code = 13

    def __init__(self, message: str = "Wipe code mismatch") -> None:
        super().__init__(message)


class InvalidSession(DeviceFailure):
    """No session is active: the host has to Initialize first."""

    code = 14

    def __init__(self, message: str = "Invalid session") -> None:
        super().__init__(message)


class FirmwareError(DeviceFailure):
    """The firmware's answer to its own exceptions, e.g. an unknown coin name for GetPublicKey."""

    code = 99


def forbidden_key_path() -> DataError:
    return DataError("Forbidden key path")


def changed_during_signing() -> ProcessError:
    return ProcessError("Transaction has changed during signing")
