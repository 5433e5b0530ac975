"""Which message starts which workflow, device by device.

Each room lists its own handlers; a persona leaves out what its firmware does not have. What is not
in the table is answered "Unexpected message", or "Unknown message" by the C firmwares.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from .flow import Handler, HandlerEntry
from .management.handlers import handlers_for
from .personas import Persona
from .protocol.proto import MessageClass

Entry = tuple[MessageClass, Handler]
Table = dict[int, Entry]


def _table(persona: Persona, entries: Iterable[HandlerEntry]) -> Table:
    return {
        int(cls.MESSAGE_WIRE_TYPE): (cls, handler)
        for cls, handler in entries
        if cls.__name__ not in persona.unsupported
    }


@cache
def table_for(persona: Persona) -> Table:
    """Wire type -> (message class, workflow) of all a persona understands."""
    from .bitcoin.handlers import HANDLERS as BITCOIN
    from .ethereum.handlers import HANDLERS as ETHEREUM

    return _table(persona, (*handlers_for(persona), *BITCOIN, *ETHEREUM))


class Handlers:
    """The table of a persona; the coins' rooms are imported when a message is not about the device itself.

    A device that was just started answers its first Features without them.
    """

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        self._management = _table(persona, handlers_for(persona))

    def get(self, wire_type: int) -> Entry | None:
        """Message class and workflow of a wire type, None for an unknown one."""
        return self._management.get(wire_type) or table_for(self._persona).get(wire_type)

    def __contains__(self, wire_type: object) -> bool:
        return isinstance(wire_type, int) and self.get(wire_type) is not None
