"""What all questions to /info have in common: the body, its fields, numbers as the venue writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal

from emulator.venues.engine.exact import plain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.hyperliquid.dialect import NOT_JSON
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call

LINES = 500  # of one answer of a history
PRICE = Decimal("0.0000000001")
ENDLESS_MS = 10**15
_ADDRESS = re.compile(r"(0x)?[0-9a-fA-F]{40}", re.ASCII)

Body = Mapping[str, object]


def number(value: Decimal) -> str:
    """As the venue writes numbers: text with a point."""
    text = plain(value)
    return text if "." in text else f"{text}.0"


def body_of(call: Call) -> Body:
    """The request's JSON object; raises VenueError for no JSON, Refusal for no object."""
    try:
        parsed = json.loads(call.incoming.body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise VenueError(400, NOT_JSON, 400) from None
    if not isinstance(parsed, dict):
        raise Refusal(Reason.BAD_PARAMETER, name="body")
    return parsed


def user_of(asked: Body) -> str:
    """The address in lower case; raises Refusal BAD_PARAMETER."""
    user = asked.get("user")
    if not isinstance(user, str) or not _ADDRESS.fullmatch(user):
        raise Refusal(Reason.BAD_PARAMETER, name="user")
    return "0x" + user.removeprefix("0x").lower()


def first_dex(asked: Body) -> None:
    """Raises VenueError for an exchange of another deployer: none is emulated."""
    if asked.get("dex", "") not in ("", None):
        raise VenueError(500, "null", 500)


def window(asked: Body) -> tuple[int, int]:
    """From when until when; raises Refusal BAD_PARAMETER."""
    start, end = asked.get("startTime", 0), asked.get("endTime")
    if type(start) is not int or (end is not None and type(end) is not int):
        raise Refusal(Reason.BAD_PARAMETER, name="startTime")
    return start, end if type(end) is int else ENDLESS_MS
