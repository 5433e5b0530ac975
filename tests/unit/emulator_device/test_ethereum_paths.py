"""Which key paths a device derives on which network: schemes, coin types, limits of each make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib.tools import parse_path

from emulator.device.ethereum import paths
from emulator.device.ethereum.networks import UNKNOWN_NETWORK
from emulator.device.ethereum.rules import EthereumRules, rules_for
from emulator.device.personas import PERSONAS, by_name

CORE = rules_for(by_name("trezor-core"))
CLASSIC = rules_for(by_name("onekey-classic1s"))
PRO = rules_for(by_name("onekey-pro"))
EVERY = [rules_for(persona) for persona in PERSONAS.values()]


def allowed(rules: EthereumRules, path: str, chain_id: int = 1) -> bool:
    coins = paths.coin_types(rules, rules.registry.by_chain_id(chain_id))
    return paths.is_address_path(rules, coins, parse_path(path))


@pytest.mark.parametrize(
    "path",
    ["m/44h/60h/0h/0/0", "m/44h/60h/0h/1/1000000", "m/44h/60h/100h", "m/44h/60h/0h/100", "m/45h/60/1/0/5"],
)
def test_the_schemes_of_wallets_are_allowed_everywhere(path: str) -> None:
    assert all(allowed(rules, path) for rules in EVERY)


@pytest.mark.parametrize(
    "path",
    [
        "m",
        "m/44h",
        "m/44h/60h",
        "m/44/60/0/0/0",
        "m/44h/60/0h/0/0",
        "m/44h/60h/0/0/0",
        "m/44h/60h/0h/2/0",
        "m/44h/60h/0h/0h/0",
        "m/44h/60h/0h/0/0h",
        "m/44h/61h/0h/0/0",
        "m/45h/60h/0/0/0",
        "m/45h/60/0/2/0",
        "m/45h/60/0/0",
        "m/49h/60h/0h/0/0",
    ],
)
def test_anything_else_is_forbidden_everywhere(path: str) -> None:
    assert not any(allowed(rules, path) for rules in EVERY)


@pytest.mark.parametrize(
    ("path", "core", "classic", "pro"),
    [
        ("m/44h/60h/101h/0/0", False, True, True),
        ("m/44h/60h/0h/0/1000001", False, False, True),
        ("m/44h/60h/0h/0/0/7", False, False, True),
        ("m/44h/1h/0h/0/0", True, False, False),
    ],
)
def test_the_makes_differ_where_their_firmwares_do(path: str, core: bool, classic: bool, pro: bool) -> None:
    assert (allowed(CORE, path), allowed(CLASSIC, path), allowed(PRO, path)) == (core, classic, pro)


@pytest.mark.parametrize("rules", EVERY)
def test_other_networks_may_sign_with_ether_paths_and_not_the_reverse(rules: EthereumRules) -> None:
    assert allowed(rules, "m/44h/61h/0h/0/0", 61)
    assert allowed(rules, "m/44h/60h/0h/0/0", 61)
    assert not allowed(rules, "m/44h/61h/0h/0/0", 1)


def test_unknown_networks_have_ethers_and_the_testnets_coin_types() -> None:
    assert paths.coin_types(CORE, UNKNOWN_NETWORK) == (60, 1)


@given(st.lists(st.integers(min_value=0, max_value=2**32 - 1), max_size=8))
def test_any_path_is_judged_without_failing(path: list[int]) -> None:
    for rules in EVERY:
        paths.is_address_path(rules, (60,), path)
        assert paths.format_path(path).startswith("m")
        paths.account_label(rules, path)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("m/44h/60h/0h/0/0", "ETH #1"),
        ("m/44h/60h/0h/0/100", "ETH #101"),
        ("m/44h/60h/3h/0/0", "ETH #4"),
        ("m/44h/60h/0h/0/101", "ETH #1"),
        ("m/44h/60h/0h/7", "ETH #8"),
        ("m/44h/60h/5h", "ETH #6"),
        ("m/45h/60/2/0/0", "ETH #3"),
        ("m/84h/0h/0h/0/0", None),
    ],
)
def test_accounts_are_numbered_as_core_numbers_them(path: str, label: str | None) -> None:
    assert paths.account_label(CORE, parse_path(path)) == label
