"""The Ethereum messages a device understands."""

from __future__ import annotations

from ..flow import HandlerEntry
from .transaction_handlers import HANDLERS as TRANSACTIONS
from .typed_handlers import HANDLERS as TYPED

HANDLERS: tuple[HandlerEntry, ...] = (*TRANSACTIONS, *TYPED)
