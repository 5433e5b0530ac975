"""Recognises change as the C firmware does: on the inputs' account, script type and group.

Unlike in core firmware an account may have no steps, and an output of no amount may be change.
"""

from __future__ import annotations

from collections.abc import Hashable

from trezorlib.messages import InputScriptType

from ....errors import DataError, changed_during_signing
from ....protocol.proto import Message
from ... import multisig, paths
from ...rules import BitcoinRules
from ...scripts.script_types import INPUT_TYPE_OF_CHANGE, is_external


class _Shared:
    """An attribute as long as all inputs have the same."""

    def __init__(self) -> None:
        self._value: Hashable | None = None
        self._spoiled = False

    def add(self, value: Hashable | None) -> None:
        """One more input's; None is like nothing else."""
        if self._value is None and value is not None:
            self._value = value
        elif self._value != value:
            self._spoiled = True
        self._spoiled = self._spoiled or value is None

    def is_left_by(self, value: Hashable | None) -> bool:
        """Whether an input does not have what all inputs had."""
        return not self._spoiled and self._value != value

    def has(self, value: Hashable | None) -> bool:
        return not self._spoiled and self._value is not None and self._value == value


def _account(txio: Message) -> tuple[int, ...] | None:
    if len(txio.address_n) < paths.WALLET_DEPTH:
        return None
    return tuple(txio.address_n[: -paths.WALLET_DEPTH])


def _kind(script_type: InputScriptType) -> int:
    """Legacy multisig and single key are one kind: the group tells them apart."""
    single = script_type == InputScriptType.SPENDMULTISIG
    return int(InputScriptType.SPENDADDRESS if single else script_type)


class ChangeDetector:
    """Fed with every input, asked about every output."""

    def __init__(self, rules: BitcoinRules) -> None:
        self._rules = rules
        self._group = _Shared()
        self._is_group = _Shared()
        self._kind = _Shared()
        self._account = _Shared()

    def _group_of(self, txio: Message) -> bytes | None:
        return None if txio.multisig is None else multisig.fingerprint(txio.multisig, self._rules)

    def add_input(self, txi: Message) -> None:
        """Raises DataError for a group that cannot be."""
        if is_external(txi):
            return
        self._group.add(self._group_of(txi))
        self._is_group.add(txi.multisig is not None)
        self._kind.add(_kind(txi.script_type))
        self._account.add(_account(txi))

    def check_input(self, txi: Message) -> None:
        """Raises ProcessError when an input left the common group, script type or account."""
        try:
            group = self._group_of(txi)
        except DataError:
            group = None
        if (
            self._group.is_left_by(group)
            or self._kind.is_left_by(_kind(txi.script_type))
            or self._account.is_left_by(_account(txi))
        ):
            raise changed_during_signing()

    def is_change(self, txo: Message) -> bool:
        if txo.script_type not in INPUT_TYPE_OF_CHANGE or not txo.address_n:
            return False
        if txo.multisig is not None and not self._is_our_group(txo.multisig):
            return False
        if not self._rules.groups_may_change_to_key and not self._is_group.has(txo.multisig is not None):
            return False
        return (
            self._kind.has(_kind(INPUT_TYPE_OF_CHANGE[txo.script_type]))
            and self._account.has(_account(txo))
            and txo.address_n[-2] <= paths.CHANGE_CHAIN
            and txo.address_n[-1] <= paths.MAX_CHANGE_INDEX
        )

    def _is_our_group(self, group: Message) -> bool:
        try:
            same = self._group.has(multisig.fingerprint(group, self._rules))
        except DataError:
            return False
        return same and (not self._rules.change_needs_one_path or multisig.uses_single_path(group))
