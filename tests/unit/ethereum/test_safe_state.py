"""A Safe is what its chain says at one block: a hand on code, owners, modules, guard or handler shows."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import SAFE as SAFE_L1
from emulator.chains.ethereum.deploy import SAFE_FALLBACK, SAFE_L2, USDC, deploy_contract
from tests.support.ethereum_safes import (
    OWNERS,
    RECIPIENT,
    STRANGER,
    LiveSafe,
    live_safe,
    runtime,
    safe_call,
    safe_chain,
    state,
)
from vault.errors import SafeError
from vault.ethereum.safe import state as states
from vault.ethereum.safe.state import (
    GUARD_SLOT,
    HANDLER_SLOT,
    planned,
    read_safe,
    require_as_planned,
    require_configured,
    require_untouched,
)
from vault.ethereum.safe.versions import PROXY_CODE_HASHES
from vault.evm.address import ZERO_ADDRESS
from vault.evm.hashing import keccak

MODULES = [f"0x{number:040x}" for number in range(0x1001, 0x1020)]


@pytest.fixture(scope="module")
def chain() -> EthereumChain:
    return safe_chain()


@pytest.fixture
def safe(chain: EthereumChain) -> LiveSafe:
    """A Safe of its own for each test."""
    return live_safe(chain, salt=next(_SALTS))


_SALTS = itertools.count()


def _refused(check: Any, *arguments: Any) -> str:
    with pytest.raises(SafeError) as refused:
        check(*arguments)
    assert refused.value.exit_status == 36
    return refused.value.code


def _mapping_slot(key: str, slot: int) -> int:
    return int.from_bytes(keccak(int(key, 16).to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")


def _put_modules(safe: LiveSafe, modules: list[str]) -> None:
    """The Safe's own linked list (storage slot 1), as if its owners had enabled them."""
    ring = [f"0x{1:040x}", *modules, f"0x{1:040x}"]
    for before, after in itertools.pairwise(ring):
        safe.chain.set_storage(safe.address, _mapping_slot(before, 1), int(after, 16))


def test_reads_a_safe_made_by_the_real_factory(safe: LiveSafe) -> None:
    found = safe.state()
    assert (found.version, found.implementation) == ("1.4.1", SAFE_L2)
    assert (set(found.owners), found.threshold, found.nonce) == (set(OWNERS), 2, 0)
    assert (found.modules, found.guard, found.fallback_handler) == ((), ZERO_ADDRESS, SAFE_FALLBACK)
    assert (found.block, found.block_hash) == (safe.chain.height, safe.chain.tip_hash)
    require_untouched(found)
    require_configured(found, OWNERS, 2)
    require_as_planned(found, planned(found, USDC, 0, b""))


def test_the_storage_slots_are_what_safe_says_they_are() -> None:
    assert int.from_bytes(keccak(b"guard_manager.guard.address"), "big") == GUARD_SLOT
    assert int.from_bytes(keccak(b"fallback_manager.handler.address"), "big") == HANDLER_SLOT


def test_an_address_without_a_contract_is_no_safe(safe: LiveSafe) -> None:
    assert _refused(read_safe, safe.view, RECIPIENT) == "safe.no_safe"


def test_another_contract_is_no_safe(safe: LiveSafe) -> None:
    assert _refused(read_safe, safe.view, USDC) == "safe.unknown_proxy"


def test_an_exchanged_singleton_is_refused_before_it_is_asked_anything(safe: LiveSafe) -> None:
    drainer = deploy_contract(safe.chain, "SafeDrainer")
    safe.set_singleton(drainer)
    assert _refused(safe.state) == "safe.implementation_changed"


def test_a_singleton_that_calls_itself_by_an_unknown_version_is_named_so(safe: LiveSafe) -> None:
    code = runtime("SafeL2").replace(b"1.4.1", b"1.5.0")
    safe.chain.set_code(STRANGER, code)
    safe.set_singleton(STRANGER)
    assert _refused(safe.state) == "safe.unknown_version"


def test_a_copy_of_the_singleton_elsewhere_is_not_the_published_one(safe: LiveSafe) -> None:
    safe.chain.set_code(RECIPIENT, runtime("SafeL2"))
    safe.set_singleton(RECIPIENT)
    assert _refused(safe.state) == "safe.implementation_changed"


def test_other_code_at_the_published_address_is_refused() -> None:
    safe = live_safe(safe_chain())
    safe.chain.set_code(SAFE_L2, runtime("SafeL2").replace(b"1.4.1", b"1.4.2"))
    assert _refused(safe.state) == "safe.implementation_changed"


def test_other_code_at_the_handlers_address_is_refused() -> None:
    safe = live_safe(safe_chain())
    safe.chain.set_code(SAFE_FALLBACK, runtime("SafeDrainer"))
    assert _refused(safe.state) == "safe.fallback_handler_changed"


def test_the_l1_singleton_of_the_version_is_as_good(safe: LiveSafe) -> None:
    safe.set_singleton(SAFE_L1)
    assert safe.state().implementation == SAFE_L1


def test_dirt_beside_an_address_in_a_slot_is_refused(safe: LiveSafe) -> None:
    safe.chain.set_storage(safe.address, GUARD_SLOT, 1 << 200)
    assert _refused(safe.state) == "safe.bad_state"


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 31])
def test_every_module_is_found_on_however_many_pages(safe: LiveSafe, count: int) -> None:
    _put_modules(safe, MODULES[:count])
    found = safe.state()
    assert [int(each, 16) for each in found.modules] == [int(each, 16) for each in MODULES[:count]]
    assert _refused(require_untouched, found) == "safe.module_enabled"


def test_a_list_of_modules_that_runs_in_circles_ends(safe: LiveSafe) -> None:
    _put_modules(safe, MODULES[:12])
    safe.chain.set_storage(safe.address, _mapping_slot(MODULES[11], 1), int(MODULES[0], 16))
    assert _refused(safe.state) == "safe.bad_state"


def test_pages_of_1_3_0_leave_no_module_out(monkeypatch: pytest.MonkeyPatch, safe: LiveSafe) -> None:
    """1.3.0 names the first module behind a page, which stands neither on it nor on the next."""
    monkeypatch.setattr(states, "_ask", _of_1_3_0(MODULES[:25]))
    assert states._modules(safe.view, safe.address) == tuple(MODULES[:25])


def _of_1_3_0(modules: list[str]) -> Any:
    def ask(_view: object, _address: str, _function: object, start: str, size: int) -> tuple[Any, ...]:
        at = modules.index(start) + 1 if start in modules else 0
        page = tuple(modules[at : at + size])
        rest = modules[at + size :]
        return page, rest[0] if rest else f"0x{1:040x}"

    return ask


def test_a_guard_and_a_foreign_handler_are_seen(safe: LiveSafe) -> None:
    safe.chain.set_storage(safe.address, GUARD_SLOT, int(STRANGER, 16))
    assert _refused(require_untouched, safe.state()) == "safe.guard_changed"
    safe.chain.set_storage(safe.address, GUARD_SLOT, 0)
    safe.chain.set_storage(safe.address, HANDLER_SLOT, int(STRANGER, 16))
    assert _refused(require_untouched, safe.state()) == "safe.fallback_handler_changed"
    safe.chain.set_storage(safe.address, HANDLER_SLOT, 0)
    require_untouched(safe.state())


def test_a_threshold_above_the_owners_is_no_state(safe: LiveSafe) -> None:
    safe.chain.set_storage(safe.address, 4, 9)
    assert _refused(safe.state) == "safe.bad_state"


@pytest.mark.parametrize(
    ("owners", "threshold", "code"),
    [
        (OWNERS[:2], 2, "safe.owners_changed"),
        ((*OWNERS, STRANGER), 2, "safe.owners_changed"),
        ((*OWNERS[:2], STRANGER), 2, "safe.owners_changed"),
        ((), 2, "safe.owners_changed"),
        (OWNERS, 1, "safe.threshold_changed"),
        (OWNERS, 3, "safe.threshold_changed"),
    ],
)
def test_other_owners_or_another_threshold_than_configured_are_refused(
    owners: tuple[str, ...], threshold: int, code: str
) -> None:
    assert _refused(require_configured, state(), owners, threshold) == code
    require_configured(state(), reversed(OWNERS), 2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nonce": 4}, "safe.nonce_changed"),
        ({"nonce": 2}, "safe.nonce_changed"),
        ({"implementation": SAFE_L1}, "safe.implementation_changed"),
        ({"version": "1.3.0"}, "safe.unknown_version"),
        ({"owners": OWNERS[:2]}, "safe.owners_changed"),
        ({"owners": (*OWNERS[:2], STRANGER)}, "safe.owners_changed"),
        ({"threshold": 1}, "safe.threshold_changed"),
        ({"address": STRANGER}, "safe.wrong_safe"),
    ],
)
def test_a_safe_that_changed_since_the_plan_is_refused(change: dict[str, Any], code: str) -> None:
    require_as_planned(state(), safe_call())
    assert _refused(require_as_planned, state(**change), safe_call()) == code


def test_a_plan_that_names_foreign_code_is_refused_even_if_the_chain_agrees() -> None:
    both = {"implementation": STRANGER}
    assert _refused(require_as_planned, state(**both), safe_call(**both)) == "safe.implementation_changed"


def test_a_proxy_of_other_code_by_a_single_byte_is_no_safe(safe: LiveSafe) -> None:
    assert safe.state().proxy_code_hash == PROXY_CODE_HASHES["1.4.1"]
    safe.chain.set_code(safe.address, safe.chain.code(safe.address) + b"\0")
    assert _refused(safe.state) == "safe.unknown_proxy"
