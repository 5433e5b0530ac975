"""Why a call cannot be spelled out on the display; the device then shows its raw data instead."""

from __future__ import annotations


class ClearSigningFailed(Exception):  # noqa: N818 - not a failure of the device
    """The call cannot be clear-signed."""


class InvalidCall(ClearSigningFailed):
    """The data is not what the function's parameters would be encoded as."""


class InvalidFormat(ClearSigningFailed):
    """The display format does not fit the parameters, or is none this firmware knows."""
