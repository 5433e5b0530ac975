"""Questions whose NO does not end the workflow but turns a page."""

from __future__ import annotations

from ...errors import ActionCancelled, CancelledByHost
from ...flow import Flow
from ...ui.screens import Screen


def said_yes(flow: Flow, screen: Screen, *, announce: bool = True) -> bool:
    """Whether the person confirmed. Raises CancelledByHost when the host ended the question."""
    try:
        flow.confirm(screen, announce=announce)
    except CancelledByHost:
        raise
    except ActionCancelled:
        return False
    return True
