"""The encrypted file keyring with a cheap key derivation, so that a hundred tests do not pay for Argon2."""

from __future__ import annotations

from keyrings.cryptfile.cryptfile import CryptFileKeyring


class QuickCryptFileKeyring(CryptFileKeyring):  # type: ignore[misc]
    time_cost = 1
    memory_cost = 64
    filename = "quick_cryptfile_pass.cfg"
