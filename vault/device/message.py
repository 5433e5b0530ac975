"""A message as a person reads it beside the device: part by part, and how the model at hand pages it.

Refuses nothing. What it says of a model was read in its firmware; of others it says what holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vault.attestation import SEPARATOR
from vault.device.connection.features import DeviceInfo
from vault.device.paths import format_path

_ONE_LINE: Final = "The device shows these lines as one, with only a space where a line ends here"
# Trezor One: fsm_layoutPaginated in legacy/firmware/fsm.c.
_TREZOR_ONE_ROW, _TREZOR_ONE_PAGE = 18, 4 * 18
# OneKey Classic 1S: oledDrawPageableStringAdapter in legacy/firmware/oled_text.c.
_CLASSIC_ROW, _CLASSIC_ROWS, _CLASSIC_UNPAGED = 21, 3, 63
# OneKey Pro and Touch: Message in core/src/trezor/lvglui/scrs/template.py.
_PRO_WHOLE, _PRO_CUT = 150, 147


def message_lines(text: str, path: Sequence[int], info: DeviceInfo) -> tuple[str, ...]:
    """The lines of a prompt; from the third on they are the text, cut after each separator's bar."""
    parts = text.split(SEPARATOR)
    mark = SEPARATOR.rstrip()
    cut = (*(part + mark for part in parts[:-1]), parts[-1])
    return (f"key: {format_path(path)}", f"{_ONE_LINE}{_paging(text, info)}", *cut)


def _paging(text: str, info: DeviceInfo) -> str:
    size = len(text)
    if info.kind == "trezor" and info.pin_entry == "matrix":
        pages = -(-size // _TREZOR_ONE_PAGE)
        return f", in {pages} pages of 4 rows of {_TREZOR_ONE_ROW} characters, after the key's address."
    if info.kind == "trezor":
        return (
            ", page by page, after the key's address. It may also let you confirm with pages unread: "
            "read them all, and take its offer to show all."
        )
    if info.model == "OneKey Classic 1S" and size > _CLASSIC_UNPAGED:
        rows = -(-size // _CLASSIC_ROW)
        return (
            f", in {rows} rows of {_CLASSIC_ROW} characters after the key's address, {_CLASSIC_ROWS} rows at "
            "a time. It goes on with rows unread: scroll down to the last one first."
        )
    if info.pin_entry == "device" and size > _PRO_WHOLE:
        return f". It cuts them after {_PRO_CUT} characters: touch View Data to read them all."
    return ", and the key's address."
