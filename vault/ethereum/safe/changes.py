"""Changes of a Safe by itself: owners, threshold, modules, guard and fallback handler, as named inner calls.

They hand out or take away power over everything the Safe holds, so they are only ever made and signed for a
plan's action "reconfigure". Refuses a change that the Safe's own lists contradict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vault.errors import AddressError, EthereumError, SafeError
from vault.ethereum.safe.state import SafeState
from vault.ethereum.safe.table import CHANGES, Kind
from vault.ethereum.safe.transaction import SENTINEL, SafeTx
from vault.evm.abi import Value
from vault.evm.address import ZERO_ADDRESS, address_bytes

_SUBJECTS: Final = ("owner", "module", "guard", "handler")


@dataclass(frozen=True, slots=True)
class Change:
    """What a Safe would do to itself.

    `subject` is the owner, module, guard or handler meant, empty for a threshold alone; `previous` is what
    stands before it in the Safe's own list. A guard or handler that is the zero address is taken away.
    """

    kind: Kind
    subject: str = ""
    threshold: int = 0
    new_owner: str = ""
    previous: str = ""

    @property
    def text(self) -> str:
        """The change in words, addresses in full."""
        needed = f"; {self.threshold} owners needed from then on"
        taken = self.subject == ZERO_ADDRESS
        return {
            "add_owner": f"add the owner {self.subject}{needed}",
            "remove_owner": f"remove the owner {self.subject}{needed}",
            "swap_owner": f"put the owner {self.new_owner} in the place of {self.subject}",
            "change_threshold": f"have {self.threshold} owners needed",
            "enable_module": f"let the module {self.subject} move everything without any owner",
            "disable_module": f"take the module {self.subject} away",
            "set_guard": "take the guard away" if taken else f"let {self.subject} stop transactions (guard)",
            "set_fallback_handler": "take the fallback handler away"
            if taken
            else f"let {self.subject} answer for the Safe (fallback handler)",
        }[self.kind]

    @property
    def data(self) -> bytes:
        """The inner calldata, sent by the Safe to itself."""
        asked = CHANGES[self.kind].function
        return asked.encode(*(self._argument(each.name) for each in asked.inputs))

    def _argument(self, name: str) -> Value:
        if name == "threshold":
            return self.threshold
        if name == "newOwner":
            return self.new_owner
        return self.previous if name.startswith("prev") else self.subject


def add_owner(state: SafeState, owner: str, threshold: int | None = None) -> Change:
    """Raises `SafeError` (``safe.bad_change``), as all of these do."""
    return _checked(state, Change("add_owner", owner, threshold or state.threshold))


def remove_owner(state: SafeState, owner: str, threshold: int | None = None) -> Change:
    """The threshold stays, or becomes the number of owners left where that is less."""
    needed = threshold or min(state.threshold, len(state.owners) - 1)
    return _checked(state, Change("remove_owner", owner, needed, previous=_before(state.owners, owner)))


def swap_owner(state: SafeState, owner: str, new_owner: str) -> Change:
    change = Change("swap_owner", owner, new_owner=new_owner, previous=_before(state.owners, owner))
    return _checked(state, change)


def change_threshold(state: SafeState, threshold: int) -> Change:
    return _checked(state, Change("change_threshold", threshold=threshold))


def enable_module(state: SafeState, module: str) -> Change:
    return _checked(state, Change("enable_module", module))


def disable_module(state: SafeState, module: str) -> Change:
    return _checked(state, Change("disable_module", module, previous=_before(state.modules, module)))


def set_guard(state: SafeState, guard: str = ZERO_ADDRESS) -> Change:
    return _checked(state, Change("set_guard", guard))


def set_fallback_handler(state: SafeState, handler: str = ZERO_ADDRESS) -> Change:
    return _checked(state, Change("set_fallback_handler", handler))


def _before(addresses: tuple[str, ...], one: str) -> str:
    """What the Safe's list has before an address: the one listed before it, or the sentinel."""
    if one not in addresses:
        raise _bad(f"expected one of {', '.join(addresses) or 'none'}, found {one[:80]}")
    at = addresses.index(one)
    return addresses[at - 1] if at else SENTINEL


def _checked(state: SafeState, change: Change) -> Change:
    after(change, state)
    return change


def recognise(tx: SafeTx) -> Change | None:
    """The change that a Safe transaction makes to its Safe; None for a call of something else.

    Raises `EthereumError` (``ethereum.unknown_call``, ``ethereum.bad_calldata``) for another call of itself.
    """
    if tx.to != tx.safe or (not tx.data and not tx.value):
        return None
    for kind, known in CHANGES.items():
        if tx.data[:4] == known.function.selector and not tx.value:
            values = dict(
                zip((i.name for i in known.function.inputs), known.function.decode(tx.data), strict=True)
            )
            return _of(kind, values)
    raise EthereumError(
        "unknown_call",
        f"expected a change of the Safe that is known, found selector 0x{tx.data[:4].hex()} to itself",
        hint="What cannot be read is not signed.",
    )


def _of(kind: Kind, values: dict[str, Value]) -> Change:
    subject = next((str(values[name]) for name in _SUBJECTS if name in values), "")
    threshold = values.get("threshold", 0)
    previous = next((str(value) for name, value in values.items() if name.startswith("prev")), "")
    number = threshold if isinstance(threshold, int) else 0
    return Change(kind, subject, number, str(values.get("newOwner", "")), previous)


def after(change: Change, state: SafeState) -> SafeState:
    """The Safe as the change leaves it. Raises `SafeError` (``safe.bad_change``) for one it cannot make."""
    owners, modules = list(state.owners), list(state.modules)
    threshold = change.threshold or state.threshold
    one, nobody = change.subject, {ZERO_ADDRESS, SENTINEL, state.address}
    if change.kind in {"set_guard", "set_fallback_handler"}:
        if one != ZERO_ADDRESS:
            _somebody(one, nobody)
        if change.kind == "set_guard":
            return replace(state, guard=one)
        return replace(state, fallback_handler=one)
    if change.kind == "add_owner":
        owners.insert(0, _new(one, owners, nobody))
    elif change.kind == "enable_module":
        modules.insert(0, _new(one, modules, nobody - {state.address}))
    elif change.kind == "disable_module":
        _require_previous(change, state.modules)
        modules.remove(one)
    elif change.kind != "change_threshold":
        _require_previous(change, state.owners)
        at = owners.index(one)
        owners[at : at + 1] = [_new(change.new_owner, owners, nobody)] if change.new_owner else []
    if not 1 <= threshold <= len(owners):
        raise _bad(f"expected a threshold of 1 to {len(owners)}, found {threshold}")
    return replace(state, owners=tuple(owners), threshold=threshold, modules=tuple(modules))


def _require_previous(change: Change, listed: tuple[str, ...]) -> None:
    expected = _before(listed, change.subject)
    if change.previous != expected:
        raise _bad(f"expected {expected} before {change.subject} in the Safe's list, found {change.previous}")


def _new(one: str, there: list[str], nobody: set[str]) -> str:
    if one in there:
        raise _bad(f"{one} is there already")
    return _somebody(one, nobody)


def _somebody(one: str, nobody: set[str]) -> str:
    try:
        address_bytes(one)
    except AddressError as error:
        raise _bad(error.message) from None
    if one in nobody:
        raise _bad(f"expected an address of somebody else, found {one}")
    return one


def _bad(what: str) -> SafeError:
    return SafeError("bad_change", f"change of a Safe: {what}")
