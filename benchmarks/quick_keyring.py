"""An encrypted file keyring with a cheap key derivation: what is measured is the venues, not Argon2."""

from __future__ import annotations

from typing import Final

from keyrings.cryptfile.cryptfile import CryptFileKeyring

PASSWORD: Final = "for a benchmark only"  # noqa: S105


class QuickCryptFileKeyring(CryptFileKeyring):  # type: ignore[misc]
    time_cost = 1
    memory_cost = 64
    filename = "quick_cryptfile_pass.cfg"
