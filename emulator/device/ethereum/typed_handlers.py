"""Ethereum messages about typeds."""

from __future__ import annotations

from ..flow import HandlerEntry

HANDLERS: tuple[HandlerEntry, ...] = ()
