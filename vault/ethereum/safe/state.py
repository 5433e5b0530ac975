"""A Safe as one block left it: whose code it runs, who owns it, and whatever else could move its funds.

Refuses unknown proxies, versions and implementations before it asks them anything; then owners, threshold,
nonce, modules, guard and fallback handler that are not as configured, or not as they were when planned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vault.errors import EthereumError, SafeError
from vault.ethereum.safe.transaction import SENTINEL
from vault.ethereum.safe.versions import (
    FALLBACK_HANDLERS,
    PROXY_CODE_HASHES,
    VERSIONS,
    known_name,
    require_singleton,
    singleton_at,
)
from vault.ethereum.view import BlockView
from vault.evm.abi import Function, Value, function
from vault.evm.address import ZERO_ADDRESS, checksum_address
from vault.evm.call import SafeCall
from vault.evm.hashing import keccak

VERSION: Final = function("VERSION() returns (string)")
GET_OWNERS: Final = function("getOwners() returns (address[])")
GET_THRESHOLD: Final = function("getThreshold() returns (uint256)")
NONCE: Final = function("nonce() returns (uint256)")
GET_MODULES: Final = function(
    "getModulesPaginated(address start, uint256 pageSize) returns (address[], address)"
)
SINGLETON_SLOT: Final = 0  # SafeProxy.sol
# keccak256 of "guard_manager.guard.address" and of "fallback_manager.handler.address" (both known versions).
GUARD_SLOT: Final = 0x4A204F620C8C5CCDCA3FD54D003BADD85BA500436A431F0CBDA4F558C93C34C8
HANDLER_SLOT: Final = 0x6C9A6C4A39284E37ED1CF53D337577D14212A4870FB976A4366C693B939918D5
MODULES_PAGE: Final = 10
MAX_PAGES: Final = 20
_STOP: Final = "Sign nothing for this Safe until you know who changed it, and why."


@dataclass(frozen=True, slots=True)
class SafeState:
    """What the chain says at a block. `owners` in the order of the Safe's own list; hashes are of code.

    `guard` and `fallback_handler` are the zero address where there is none. Neither known version has a
    guard for modules.
    """

    chain_id: int
    address: str
    block: int
    block_hash: str
    version: str
    implementation: str
    implementation_code_hash: str
    proxy_code_hash: str
    owners: tuple[str, ...]
    threshold: int
    nonce: int
    modules: tuple[str, ...]
    guard: str
    fallback_handler: str


def read_safe(view: BlockView, address: str) -> SafeState:
    """The state of a known Safe.

    Raises `SafeError` (``no_safe``, ``unknown_proxy``, ``unknown_version``, ``implementation_changed``,
    ``fallback_handler_changed``, ``bad_state``), and what the node raises.
    """
    proxy = _proxy_hash(view, address)
    implementation = _slot(view, address, SINGLETON_SLOT)
    version = _version(view, address, implementation)
    owners, threshold = _owners(view, address)
    handler = _slot(view, address, HANDLER_SLOT)
    if handler in FALLBACK_HANDLERS:
        _require_code(view, handler, FALLBACK_HANDLERS[handler], "fallback_handler_changed")
    return SafeState(
        view.chain_id,
        address,
        view.number,
        view.block_hash,
        version,
        implementation,
        f"0x{keccak(view.code(implementation)).hex()}",
        proxy,
        owners,
        threshold,
        _number(_ask(view, address, NONCE)[0]),
        _modules(view, address),
        _slot(view, address, GUARD_SLOT),
        handler,
    )


def _proxy_hash(view: BlockView, address: str) -> str:
    code = view.code(address)
    if not code:
        raise SafeError(
            "no_safe",
            f"expected a Safe at {address} on chain {view.chain_id}, found no contract",
            hint="Is it the right chain? A Safe exists on each chain by itself.",
        )
    found = f"0x{keccak(code).hex()}"
    if found not in PROXY_CODE_HASHES.values():
        raise SafeError(
            "unknown_proxy",
            f"expected the proxy of a Safe {' or '.join(VERSIONS)} at {address}, found code that hashes to "
            f"{found}",
            hint="It may be no Safe, or an older one. Nothing is signed for it.",
        )
    return found


def _version(view: BlockView, address: str, implementation: str) -> str:
    """The version, once the code that says it is known to be the published one."""
    known = singleton_at(implementation)
    if known is None:
        require_singleton(_claimed_version(view, implementation), implementation)
        raise AssertionError  # it always raises for an unknown implementation
    _require_code(view, implementation, known.code_hash, "implementation_changed")
    said = _text(_ask(view, address, VERSION)[0])
    require_singleton(said, implementation)
    return said


def _claimed_version(view: BlockView, implementation: str) -> str:
    """What unknown code calls itself: only to choose the words of its refusal."""
    try:
        said = _text(_ask(view, implementation, VERSION)[0])
    except EthereumError:
        return VERSIONS[-1]
    return said if said.replace(".", "").isdigit() else VERSIONS[-1]


def _require_code(view: BlockView, address: str, code_hash: str, reason: str) -> None:
    found = f"0x{keccak(view.code(address)).hex()}"
    if found != code_hash:
        raise SafeError(
            reason,
            f"expected code with hash {code_hash} at {address} ({known_name(address)}), found {found}",
            hint="This chain does not have Safe's published contract there. " + _STOP,
        )


def _owners(view: BlockView, address: str) -> tuple[tuple[str, ...], int]:
    (rows,) = _ask(view, address, GET_OWNERS)
    owners = _addresses(rows)
    threshold = _number(_ask(view, address, GET_THRESHOLD)[0])
    if len(set(owners)) != len(owners) or not 1 <= threshold <= len(owners):
        raise _bad(f"{threshold} of {len(owners)} owners", address)
    return owners, threshold


def _modules(view: BlockView, address: str) -> tuple[str, ...]:
    """All pages. The page after `next` begins behind it; 1.3.0 leaves `next` itself out of both pages."""
    found: list[str] = []
    start = SENTINEL
    for _ in range(MAX_PAGES):
        rows, following = _ask(view, address, GET_MODULES, start, MODULES_PAGE)
        page, after = list(_addresses(rows)), str(following)
        if after not in {SENTINEL, ZERO_ADDRESS, *page}:
            page.append(after)
        if len(set(page)) != len(page) or set(page) & set(found):
            raise _bad("a module that is listed twice", address)
        found += page
        if after in {SENTINEL, ZERO_ADDRESS}:
            return tuple(found)
        start = after
    raise _bad(f"more than {MAX_PAGES * MODULES_PAGE} modules", address)


def _ask(view: BlockView, address: str, asked: Function, *values: Value) -> tuple[Value, ...]:
    return asked.result(view.call(address, asked.encode(*values)))


def _slot(view: BlockView, address: str, slot: int) -> str:
    """The address that a storage slot holds, alone."""
    word = view.storage(address, slot)
    if len(word) != 32 or any(word[:12]):
        raise _bad(f"slot 0x{slot:x} holding no address", address)
    return checksum_address(word[12:])


def _addresses(value: Value) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, tuple) else ()


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int) else -1


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _bad(found: str, address: str) -> SafeError:
    return SafeError("bad_state", f"expected the state of a Safe at {address}, found {found}")


def require_untouched(state: SafeState) -> None:
    """No module, no guard, and Safe's own fallback handler or none: nothing beside the owners moves funds.

    Raises `SafeError` (``module_enabled``, ``guard_changed``, ``fallback_handler_changed``).
    """
    if state.modules:
        raise SafeError(
            "module_enabled",
            f"expected no module at {state.address}, found {', '.join(state.modules)}",
            hint="A module moves everything without any owner's signature. " + _STOP,
        )
    if state.guard != ZERO_ADDRESS:
        raise SafeError(
            "guard_changed",
            f"expected no guard at {state.address}, found {state.guard}",
            hint="A guard can stop every transaction for ever. " + _STOP,
        )
    if state.fallback_handler not in {ZERO_ADDRESS, *FALLBACK_HANDLERS}:
        raise SafeError(
            "fallback_handler_changed",
            f"expected Safe's own fallback handler or none at {state.address}, found "
            f"{state.fallback_handler}",
            hint="A foreign handler can answer for the Safe, signatures too (EIP-1271). " + _STOP,
        )


def require_configured(state: SafeState, owners: Iterable[str], threshold: int) -> None:
    """Owners and threshold are the configured ones. Raises as `require_owners`."""
    require_owners(state.address, state.owners, state.threshold, owners, threshold)


def require_owners(
    safe: str, found: Iterable[str], found_threshold: int, owners: Iterable[str], threshold: int
) -> None:
    """The owners found are those expected, in any order, and so is the threshold.

    Raises `SafeError` (``safe.owners_changed``, ``safe.threshold_changed``).
    """
    wanted, there = set(owners), set(found)
    if wanted != there:
        raise SafeError(
            "owners_changed",
            f"expected the owners {_list(wanted)} of {safe}, found {_list(there)}",
            hint=_STOP,
        )
    if found_threshold != threshold:
        raise SafeError(
            "threshold_changed",
            f"expected {threshold} of {len(there)} owners to be needed at {safe}, found {found_threshold}",
            hint=_STOP,
        )


def require_as_planned(state: SafeState, call: SafeCall) -> None:
    """The Safe is as it was when the call was planned, and the call is the next one.

    Raises `SafeError` (``unknown_version``, ``implementation_changed``, ``owners_changed``,
    ``threshold_changed``, ``nonce_changed``, ``wrong_safe``).
    """
    if state.address != call.address:
        raise SafeError("wrong_safe", f"expected Safe {call.address}, found {state.address}")
    require_singleton(call.version, call.implementation)
    for reason, what, expected, found in (
        ("implementation_changed", "implementation", call.implementation, state.implementation),
        ("unknown_version", "version", call.version, state.version),
    ):
        if expected != found:
            raise SafeError(
                reason, f"expected {what} {expected} at {call.address}, found {found}", hint=_STOP
            )
    require_configured(state, call.owners, call.threshold)
    if state.nonce != call.nonce:
        raise SafeError(
            "nonce_changed",
            f"expected nonce {call.nonce} to be the next at {call.address}, found {state.nonce}",
            hint="Another transaction of the Safe was executed meanwhile: make a new plan."
            if state.nonce > call.nonce
            else "Earlier transactions of the Safe are still open: execute them first.",
        )


def planned(state: SafeState, to: str, value: int, data: bytes) -> SafeCall:
    """The call as a plan binds it, with the next nonce and who may sign it."""
    return SafeCall(
        state.address,
        state.version,
        state.implementation,
        state.nonce,
        to,
        value,
        f"0x{data.hex()}",
        state.owners,
        state.threshold,
    )


def _list(addresses: Iterable[str]) -> str:
    return ", ".join(sorted(addresses))
