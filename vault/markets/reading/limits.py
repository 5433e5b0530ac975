"""How much of a file is taken in; what is larger, or grows too much on unpacking, is refused by name.

History is read from files of strangers: a bound stands before every step that costs memory.
"""

from __future__ import annotations

from typing import Final

MAX_FILES: Final = 5_000  # in a folder
MAX_BYTES: Final = 256 * 1024 * 1024  # of a file, and of what it unpacks to
MAX_ARROW_BYTES: Final = 64 * 1024 * 1024  # columns unpack to several times their size
MAX_CELLS: Final = 20_000_000  # five years of one-minute candles with seven columns are 18 million
MAX_COLUMNS: Final = 2_000
MAX_MEMBERS: Final = 1_000  # of an archive
MAX_RATIO: Final = 200  # text of numbers packs to a fifth or a twentieth, not to a two-hundredth
FREE_BYTES: Final = 1024 * 1024  # below this the ratio is not looked at
MAX_DEPTH: Final = 12  # of a JSON document down to its rows
MAX_SYMBOLS: Final = 2_000  # in one file
