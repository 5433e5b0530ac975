"""SLIP-39 shares: which seed they are, and which kind of backup.

Refuses shares that do not belong together or are too few, as the firmware does when it recovers
the encrypted master secret. The arithmetic is that of the reference package `shamir_mnemonic`.
"""

from __future__ import annotations

from collections.abc import Sequence

from shamir_mnemonic import MnemonicError, Share  # type: ignore[import-untyped]
from shamir_mnemonic.shamir import decode_mnemonics, recover_ems  # type: ignore[import-untyped]
from trezorlib.messages import BackupType

WORD_COUNTS = (20, 33)


def is_share(mnemonic: str) -> bool:
    """Whether the number of words is that of a SLIP-39 share."""
    return len(mnemonic.split(" ")) in WORD_COUNTS


def check(mnemonics: Sequence[str]) -> None:
    """Raise ValueError unless the shares make a secret."""
    try:
        recover_ems(decode_mnemonics(mnemonics))
    except MnemonicError as error:
        raise ValueError(str(error)) from None


def seed(mnemonics: Sequence[str], passphrase: str) -> bytes:
    """The master secret under a passphrase (SLIP-39 has no wrong one)."""
    secret: bytes = recover_ems(decode_mnemonics(mnemonics)).decrypt(passphrase.encode())
    return secret


def backup_type(mnemonic: str) -> BackupType:
    """The kind of backup a share belongs to."""
    share = Share.from_mnemonic(mnemonic)
    if share.extendable:
        if share.group_count > 1:
            return BackupType.Slip39_Advanced_Extendable
        single = share.member_threshold == 1
        return BackupType.Slip39_Single_Extendable if single else BackupType.Slip39_Basic_Extendable
    return BackupType.Slip39_Advanced if share.group_count > 1 else BackupType.Slip39_Basic
