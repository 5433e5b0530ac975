"""Ethereum messages about transactions."""

from __future__ import annotations

from ..flow import HandlerEntry

HANDLERS: tuple[HandlerEntry, ...] = ()
