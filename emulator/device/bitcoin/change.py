"""Recognises change: an output on the inputs' own account, script type and chain.

If the inputs do not agree on account and script type, nothing counts as change. Before signing,
an input must still agree with what was said of it in the first pass.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..errors import changed_during_signing
from ..proto import Message
from . import paths
from .stream import INPUT_TYPE_OF_CHANGE

_UNDEFINED = object()
_MISMATCH = object()


class _Common:
    """One attribute all inputs have in common, or not."""

    def __init__(self) -> None:
        self.value: object = _UNDEFINED

    def add(self, attribute: Hashable | None) -> None:
        if self.value is _MISMATCH:
            return
        if attribute is None:
            self.value = _MISMATCH
        elif self.value is _UNDEFINED:
            self.value = attribute
        elif self.value != attribute:
            self.value = _MISMATCH

    def check(self, attribute: Hashable | None) -> None:
        if self.value is not _MISMATCH and self.value != attribute:
            raise changed_during_signing()

    def matches(self, attribute: Hashable | None) -> bool:
        return self.value is not _MISMATCH and self.value == attribute


def _account(txio: Message) -> tuple[int, ...] | None:
    if len(txio.address_n) <= paths.WALLET_DEPTH:
        return None
    return tuple(txio.address_n[: -paths.WALLET_DEPTH])


class ChangeDetector:
    """Fed with every internal input, asked about every output."""

    def __init__(self) -> None:
        self._account = _Common()
        self._script_type = _Common()

    @property
    def account(self) -> tuple[int, ...] | None:
        """The account all inputs share, None if there is none."""
        value = self._account.value
        return value if isinstance(value, tuple) else None

    def add_input(self, txi: Message) -> None:
        self._account.add(_account(txi))
        self._script_type.add(int(txi.script_type))

    def check_input(self, txi: Message) -> None:
        """Raises ProcessError when an input left the common account or script type."""
        self._account.check(_account(txi))
        self._script_type.check(int(txi.script_type))

    def is_change(self, txo: Message) -> bool:
        if txo.script_type not in INPUT_TYPE_OF_CHANGE or txo.multisig is not None:
            return False
        return (
            self._account.matches(_account(txo))
            and self._script_type.matches(int(INPUT_TYPE_OF_CHANGE[txo.script_type]))
            and txo.address_n[-2] <= paths.CHANGE_CHAIN
            and txo.address_n[-1] <= paths.MAX_CHANGE_INDEX
            and txo.amount > 0
        )
