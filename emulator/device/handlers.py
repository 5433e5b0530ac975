"""Which message starts which workflow, device by device.

Each room lists its own handlers; a persona leaves out what its firmware does not have. What is not
in the table is answered "Unexpected message".
"""

from __future__ import annotations

from functools import cache

from . import management
from .bitcoin.handlers import HANDLERS as BITCOIN
from .ethereum.handlers import HANDLERS as ETHEREUM
from .flow import Handler
from .personas import Persona
from .proto import MessageClass

Table = dict[int, tuple[MessageClass, Handler]]


@cache
def table_for(persona: Persona) -> Table:
    """Wire type -> (message class, workflow) of all a persona understands."""
    return {
        int(cls.MESSAGE_WIRE_TYPE): (cls, handler)
        for cls, handler in (*management.HANDLERS, *BITCOIN, *ETHEREUM)
        if cls.__name__ not in persona.unsupported
    }
