"""The device's random numbers: true ones, until debuglink reseeds it for a test.

After ReseedRandom the numbers are those of the firmware's emulators (a linear congruential
generator, crypto/rand_insecure.c), so that a PIN matrix or an entropy can be foretold. Such a
device refuses nothing and protects nothing: it is for tests.
"""

from __future__ import annotations

import secrets

_MULTIPLIER = 1664525  # Numerical Recipes
_INCREMENT = 1013904223
_MASK = 0xFFFF_FFFF


class DeviceRandom:
    """Random bytes and permutations, true or foretold."""

    def __init__(self) -> None:
        self._state: int | None = None

    def reseed(self, value: int) -> None:
        """Foretell everything from now on."""
        self._state = value & _MASK

    def _word(self) -> int:
        if self._state is None:
            return secrets.randbits(32)
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return self._state

    def bytes(self, count: int) -> bytes:
        """`count` random bytes."""
        words = (self._word().to_bytes(4, "little") for _ in range(-(-count // 4)))
        return b"".join(words)[:count]

    def below(self, limit: int) -> int:
        """A number in [0, limit), without bias."""
        top = _MASK - _MASK % limit
        while (word := self._word()) >= top:
            pass
        return word // (top // limit)

    def permute(self, text: str) -> str:
        """The characters of `text` in random order."""
        letters = list(text)
        for i in range(len(letters) - 1, 0, -1):
            j = self.below(i + 1)
            letters[i], letters[j] = letters[j], letters[i]
        return "".join(letters)
