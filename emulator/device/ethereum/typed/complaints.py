"""Several failures for one refusal, as firmware in C sends them.

There every level that gives up reports a failure of its own; a host reads the first and finds the
others as answers to its next messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import DataError, DeviceFailure, Unanswered
from ...flow import Flow
from ...protocol import proto


class Complaints(DeviceFailure):
    """A failure that others precede; it carries the last one's code and message."""

    def __init__(self, earlier: tuple[DeviceFailure, ...], last: DeviceFailure) -> None:
        super().__init__(last.message)
        self.code = last.code
        self.earlier = earlier


def followed_by(failure: DeviceFailure, message: str) -> Complaints:
    """The failure, and a DataError after it."""
    if isinstance(failure, Unanswered):
        return Complaints((), DataError(message))
    earlier = failure.earlier if isinstance(failure, Complaints) else ()
    last = DataError(failure.message)
    last.code = failure.code
    return Complaints((*earlier, last), DataError(message))


@contextmanager
def complaining(message: str, *, aloud: bool) -> Iterator[None]:
    """Let a failure inside be followed by one more."""
    try:
        yield
    except DeviceFailure as failure:
        if not aloud:
            raise
        raise followed_by(failure, message) from None


@contextmanager
def all_reported(flow: Flow) -> Iterator[None]:
    """Send the failures that precede the one that ends the workflow."""
    try:
        yield
    except Complaints as complaints:
        for failure in complaints.earlier:
            flow.send(proto.failure(failure.code, failure.message))
        raise
