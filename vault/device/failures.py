"""Every way a device or its library can fail, as one typed error each with what to do.

Reads code and message of a failure, never ``str()`` of it (which raises for codes the library does not
know). What the device says is cleaned before it is printed; the cause is not chained, as a library
exception may hold the message that was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from vault.errors import DeviceError, DeviceRefusedError, VaultError

RETRY = "Nothing was signed that is used. Check the device, then run the command again."
_MAX_SAID: Final = 160

# FailureType of messages-common.proto -> (reason, what happened, hint). 30 is OneKey's own.
_FAILURES: Final[dict[int, tuple[type[DeviceError], str, str, str]]] = {
    1: (DeviceError, "unexpected_message", "the device did not expect this request", RETRY),
    4: (DeviceRefusedError, "refused_by_person", "the person at the device said no", "Find out why."),
    5: (DeviceError, "locked", "the device asks for its PIN", "Unlock the device and try again."),
    6: (DeviceRefusedError, "refused_by_person", "PIN entry was cancelled on the device", "Find out why."),
    7: (DeviceError, "wrong_pin", "the PIN was wrong", "Enter the right PIN; too many wrong ones wipe it."),
    10: (DeviceRefusedError, "not_enough_funds", "the device finds outputs above the inputs", ""),
    11: (
        DeviceError,
        "not_initialised",
        "the device holds no seed",
        "Set the device up, or connect another.",
    ),
    14: (DeviceError, "session_lost", "the device no longer knows this session", RETRY),
    15: (DeviceError, "busy", "the device is busy", "Finish what is on its screen, then try again."),
    17: (
        DeviceError,
        "wrong_protocol",
        "the device speaks another protocol than it did at connecting",
        RETRY,
    ),
    19: (DeviceError, "busy", "the device is in the middle of something", "Finish it on the device first."),
    30: (DeviceError, "battery_low", "the battery of the device is low", "Charge it and try again."),
    99: (DeviceError, "firmware_error", "the firmware failed", "Unplug the device, plug it in again, retry."),
}


def said(message: object) -> str:
    """A device's text as it may be printed: one line of visible ASCII, bounded."""
    if not isinstance(message, str) or not message:
        return ""
    clean = "".join(char if " " <= char <= "~" else "?" for char in message)
    return clean[:_MAX_SAID]


def from_failure(code: object, message: object) -> DeviceError:
    """The error of a Failure message with that code."""
    text = said(message)
    number = int(code) if isinstance(code, int) else -1
    if number in _FAILURES:
        family, reason, what, hint = _FAILURES[number]
        return family(reason, f"{what}: {text}" if text else what, hint=hint, failure_code=str(number))
    if "forbidden key path" in text.lower():
        family, reason = DeviceRefusedError, "path_refused"
    elif number in {3, 8, 9}:
        family, reason = DeviceRefusedError, "refused_by_device"
    else:
        family, reason = DeviceError, "unknown_failure"
    return family(
        reason,
        f"the device refused with code {number}: {text or 'no reason given'}",
        hint="The device found something wrong with the request. Do not override it.",
        failure_code=str(number),
    )


def timeout(limit_s: float) -> DeviceError:
    """No answer within the limit."""
    return DeviceError(
        "timeout",
        f"expected an answer from the device within {limit_s:g} s, found none",
        hint="Check the cable and what the device shows, then run the command again.",
    )


def disconnected(what: str = "") -> DeviceError:
    """The connection broke."""
    return DeviceError(
        "disconnected",
        "the device was unplugged or its connection broke" + (f" ({said(what)})" if what else ""),
        hint="Plug it in again and run the command again: it goes on where it was.",
    )


def from_line(error: Exception) -> VaultError:
    """The typed error of whatever a transport raised; libusb's errors are of no common kind."""
    from trezorlib.transport import TransportException

    if type(error).__name__ == "USBErrorAccess":  # libusb's errors are told by name, without importing it
        return DeviceError(
            "no_permission",
            "expected permission to open the USB device, found none",
            hint="Install the maker's udev rules, then plug the device in again.",
        )
    known = isinstance(error, (VaultError, TransportException, OSError))
    return from_exception(error) if known else disconnected(type(error).__name__)


@contextmanager
def typed() -> Iterator[None]:
    """Around calls of the device library: whatever they raise comes out as a `VaultError`."""
    try:
        yield
    except VaultError:
        raise
    except Exception as error:  # noqa: BLE001 -- KeyError and the like of the library
        raise from_exception(error) from None


def from_exception(error: Exception) -> VaultError:
    """The typed error of whatever the device library raised."""
    from trezorlib import exceptions, messages
    from trezorlib.transport import DeviceIsBusy, Timeout, TransportException

    if isinstance(error, VaultError):
        return error
    if isinstance(error, exceptions.TrezorFailure):
        return from_failure(error.code, error.message)
    if isinstance(error, exceptions.Cancelled):
        return from_failure(4, None)
    if isinstance(error, exceptions.PinException):
        return from_failure(*(*error.args, None, None)[:2])
    if isinstance(error, exceptions.DeviceLockedError):
        return from_failure(5, None)
    if isinstance(error, exceptions.NotPairedError):
        return DeviceError(
            "not_paired", "this computer is not paired with the device", hint="Run `vault device pair`."
        )
    if isinstance(error, Timeout):
        return DeviceError("timeout", "the device did not answer in time", hint=RETRY)
    if isinstance(error, DeviceIsBusy):
        return DeviceError("busy", "another program uses the device", hint="Close it and try again.")
    if isinstance(error, (TransportException, OSError)):
        return disconnected(type(error).__name__)
    return _from_protocol(error, exceptions, messages)


def _from_channel(code: object) -> DeviceError:
    """An error of a THP channel, by its number (ThpErrorCode)."""
    if code == 1:
        return DeviceError("busy", "the device talks to another program", hint="Close it and try again.")
    if code == 5:
        return from_failure(5, None)
    return DeviceError("channel_lost", f"the device gave the channel up (error {code})", hint=RETRY)


def _from_protocol(error: Exception, exceptions: Any, messages: Any) -> VaultError:
    from trezorlib.thp.exceptions import ThpError

    if isinstance(error, ThpError):
        return _from_channel(int(error.code))
    if isinstance(error, exceptions.InvalidSessionError):
        if isinstance(error.from_message, messages.PassphraseRequest):
            return DeviceError(
                "passphrase_requested", "the device asks for a passphrase in the middle of a call", hint=RETRY
            )
        return from_failure(14, None)
    if isinstance(error, exceptions.OutdatedFirmwareError):
        return DeviceError(
            "outdated", "the firmware is older than this program supports", hint="Update the firmware."
        )
    if isinstance(error, exceptions.PassphraseError):
        return DeviceError(
            "passphrase_disabled",
            "passphrase protection is off on this device",
            hint="Use the standard wallet, or turn passphrases on.",
        )
    if isinstance(error, exceptions.MissingCapability):
        return DeviceError(
            "not_supported",
            "this device cannot do that",
            hint='A model without a keypad takes a passphrase only from the computer: set it to "host".',
        )
    if isinstance(error, exceptions.UnexpectedMessageError):
        return _bad_answer(f"{error.actual.__class__.__name__} instead of {error.expected.__name__}")
    if str(error) == "Some signatures are missing!":  # trezorlib.btc.sign_tx, a plain TrezorException
        return DeviceError("missing_signature", "the device did not sign every input", hint=RETRY)
    return _bad_answer(type(error).__name__)


def _bad_answer(what: str) -> DeviceError:
    return DeviceError(
        "bad_answer", f"the device answered what cannot be understood ({said(what)})", hint=RETRY
    )
