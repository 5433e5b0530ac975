"""The keyring of a demo: an encrypted file that opens fast, for a password that nobody can guess.

Refuses nothing by itself. Never for a password that a person has thought of.
"""

from __future__ import annotations

from keyrings.cryptfile.cryptfile import CryptFileKeyring


class FastFileKeyring(CryptFileKeyring):  # type: ignore[misc]
    """Argon2 with its least costs: slow hashing guards weak passwords, and this one has 192 random bits."""

    priority = 0.1  # only where it is named
    time_cost = 1
    memory_cost = 64  # KiB
    parallelism = 1
