"""How an emulator process ends: on SIGTERM or SIGINT, or when its standard input does.

A parent that holds the other end of the pipe can die in any way and the emulator still goes with it.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from types import FrameType

_CHUNK = 4096


def wait_for_end(*, follow_stdin: bool = True) -> None:
    """Return at the first reason to end. Call from the main thread."""
    reader, writer = os.pipe()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        os.write(writer, b"x")

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
    watched = [reader, 0] if follow_stdin else [reader]
    try:
        while True:
            ready, _, _ = select.select(watched, [], [])
            if reader in ready or not os.read(0, _CHUNK):
                return
    finally:
        os.close(reader)
        os.close(writer)
