"""Recognises change: an output on the inputs' own account, script type, group and chain.

If the inputs do not agree on one of them, nothing counts as change. Before signing, an input must
still agree with what was said of it in the first pass.
"""

from __future__ import annotations

from collections.abc import Hashable

from trezorlib.messages import InputScriptType

from ....errors import changed_during_signing
from ....protocol.proto import Message
from ... import multisig, paths
from ...rules import BitcoinRules
from ...scripts.script_types import INPUT_TYPE_OF_CHANGE, is_external

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


def _kind(script_type: InputScriptType) -> int:
    """Legacy multisig and single key are one kind: the group tells them apart."""
    if script_type == InputScriptType.SPENDMULTISIG:
        return int(InputScriptType.SPENDADDRESS)
    return int(script_type)


class ChangeDetector:
    """Fed with every input, asked about every output."""

    def __init__(self, rules: BitcoinRules) -> None:
        self._rules = rules
        self._group = _Common()
        self._account = _Common()
        self._kind = _Common()

    def _group_of(self, txio: Message) -> bytes:
        """The multisig group, empty for a single key."""
        return b"" if txio.multisig is None else multisig.fingerprint(txio.multisig, self._rules)

    @property
    def account(self) -> tuple[int, ...] | None:
        """The account all inputs share, None if there is none."""
        value = self._account.value
        return value if isinstance(value, tuple) else None

    def add_input(self, txi: Message) -> None:
        if is_external(txi):
            return
        self._account.add(_account(txi))
        self._kind.add(_kind(txi.script_type))
        self._group.add(self._group_of(txi))

    def check_input(self, txi: Message) -> None:
        """Raises ProcessError when an input left the common account, script type or group."""
        self._account.check(_account(txi))
        self._kind.check(_kind(txi.script_type))
        self._group.check(self._group_of(txi))

    def is_change(self, txo: Message) -> bool:
        if txo.script_type not in INPUT_TYPE_OF_CHANGE:
            return False
        if txo.multisig is not None and not multisig.uses_single_path(txo.multisig):
            return False  # an address that would be hard to find again
        return (
            self._group.matches(self._group_of(txo))
            and self._account.matches(_account(txo))
            and self._kind.matches(_kind(INPUT_TYPE_OF_CHANGE[txo.script_type]))
            and len(txo.address_n) >= paths.WALLET_DEPTH
            and txo.address_n[-2] <= paths.CHANGE_CHAIN
            and txo.address_n[-1] <= paths.MAX_CHANGE_INDEX
            and txo.amount > 0
        )
