"""Which key paths each firmware allows, and which it finds usual for a script type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib.messages import InputScriptType
from trezorlib.tools import parse_path

from emulator.device.bitcoin import coins, paths
from emulator.device.bitcoin.coins import Coin
from emulator.device.bitcoin.path_policies import PathPolicy, Unlocked
from emulator.device.bitcoin.rules import rules_for
from emulator.device.errors import DataError
from emulator.device.keys import HARDENED
from emulator.device.personas import PERSONAS

ALL = tuple(PERSONAS)
TREZOR = ("trezor-core", "trezor-one")
ONEKEY = ("onekey-pro", "onekey-classic1s")
LEGACY = ("trezor-one", "onekey-classic1s")
KINDS = InputScriptType


def policy(persona: str) -> PathPolicy:
    return rules_for(PERSONAS[persona]).path_policy


def coin(name: str) -> Coin:
    found = coins.by_name(name)
    assert found is not None
    return found


BITCOIN, TESTNET, REGTEST = coin("Bitcoin"), coin("Testnet"), coin("Regtest")

ALLOWED_BY_ALL = [
    "m/44h/0h/0h/0/0",
    "m/49h/0h/0h/1/7",
    "m/84h/0h/0h/0/0",
    "m/86h/0h/100h/1/1000000",
    "m/45h/3/0/9",
    "m/48h/0h/0h/0h/0/0",
    "m/48h/0h/0h/1h/0/0",
    "m/48h/0h/0h/2h/0/0",
    "m/45h/0h/0h/5/1/0",
    "m/45h/0/0/5/1/0",
    "m/49/0/0/0/5",
    "m/1/5",
    "m/3h/100h/4/5",
    "m/1195487518",
    "m/1195487518/6/5",
]
REFUSED_BY_ALL = [
    "m",
    "m/84h/1h/0h/0/0",
    "m/84h/2h/0h/0/0",
    "m/44h/60h/0h/0/0",
    "m/84h/0h/0h/2/0",
    "m/84h/0h/0h/0/1000001",
    "m/84h/0h/0h/0/0h",
    "m/84h/0h/0h/0",
    "m/84h/0h/0h/0/0/0",
    "m/84h/0h/0/0/0",
    "m/84/0h/0h/0/0",
    "m/85h/0h/0h/0/0",
    "m/48h/0h/0h/3h/0/0",
    "m/45h/0h/0/5/1/0",
    "m/1/1000001",
    "m/2/5",
    "m/3h/101h/4/5",
    "m/1195487518/7/5",
    "m/10025h/0h/0h/1h/0/0",
]


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize("path", ALLOWED_BY_ALL)
def test_the_coins_own_paths_are_allowed(persona: str, path: str) -> None:
    assert policy(persona).allows(BITCOIN, parse_path(path))


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize("path", REFUSED_BY_ALL)
def test_foreign_and_malformed_paths_are_not(persona: str, path: str) -> None:
    assert not policy(persona).allows(BITCOIN, parse_path(path))


@pytest.mark.parametrize(
    ("path", "allowing"),
    [
        ("m/84h/0h/101h/0/0", ONEKEY),
        ("m/84h/0h/2147483647h/0/0", ONEKEY),
        ("m/45h/0/0/0/5", ("trezor-core", *LEGACY)),  # Casa's tree
        ("m/45h/7h/7h/7/7h", ("trezor-one",)),  # checks nothing behind a hardened second step
        ("m/45h/0h/0h/7/7", ("trezor-one", *ONEKEY)),
        ("m/48h/0h/0h/0/5", LEGACY),  # Copay's
        ("m/44h/0h/0h/0", ("onekey-pro",)),
        ("m/44h/0h/0h/0/1/2/3", ("onekey-pro",)),
        ("m/10026h/826421588h/2h/0h", ("trezor-core",)),
    ],
)
def test_firmwares_differ_in_a_few_trees(path: str, allowing: tuple[str, ...]) -> None:
    assert {name for name in ALL if policy(name).allows(BITCOIN, parse_path(path))} == set(allowing)


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize("network", [TESTNET, REGTEST])
def test_test_networks_use_coin_type_1_and_no_tree_without_one(persona: str, network: Coin) -> None:
    asked = policy(persona)
    assert asked.allows(network, parse_path("m/84h/1h/0h/0/0"))
    for foreign in ("m/84h/0h/0h/0/0", "m/45h/3/0/9", "m/1/5", "m/1195487518"):
        assert not asked.allows(network, parse_path(foreign))


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize(
    ("purpose", "kind"),
    [
        (44, KINDS.SPENDADDRESS),
        (49, KINDS.SPENDP2SHWITNESS),
        (84, KINDS.SPENDWITNESS),
        (86, KINDS.SPENDTAPROOT),
    ],
)
def test_each_purpose_fits_exactly_one_script_type(persona: str, purpose: int, kind: InputScriptType) -> None:
    path = [purpose | HARDENED, HARDENED, HARDENED, 0, 0]
    assert [k for k in KINDS if policy(persona).fits(BITCOIN, path, k)] == [kind]


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("m/48h/0h/0h/0h/0/0", {KINDS.SPENDADDRESS, KINDS.SPENDMULTISIG}),
        ("m/48h/0h/0h/1h/0/0", {KINDS.SPENDP2SHWITNESS}),
        ("m/48h/0h/0h/2h/0/0", {KINDS.SPENDWITNESS}),
        ("m/45h/3/0/9", {KINDS.SPENDADDRESS, KINDS.SPENDMULTISIG}),
    ],
)
def test_bip45_and_bip48_are_for_groups_only(persona: str, path: str, kinds: set[InputScriptType]) -> None:
    asked = policy(persona)
    steps = parse_path(path)
    assert {k for k in KINDS if asked.fits(BITCOIN, steps, k, multisig=True)} == kinds
    assert not any(asked.fits(BITCOIN, steps, k) for k in KINDS)


@pytest.mark.parametrize(
    ("persona", "usual"),
    [("trezor-core", True), ("trezor-one", True), ("onekey-pro", False), ("onekey-classic1s", False)],
)
def test_segwit_groups_in_unchaineds_tree_are_usual_on_trezor(persona: str, usual: bool) -> None:
    path = parse_path("m/45h/0h/0h/5/1/0")
    assert policy(persona).fits(BITCOIN, path, KINDS.SPENDWITNESS, multisig=True) is usual


@pytest.mark.parametrize("persona", ALL)
def test_a_coinjoin_account_opens_as_far_as_it_was_unlocked(persona: str) -> None:
    asked = policy(persona)
    receive, change = parse_path("m/10025h/0h/0h/1h/0/7"), parse_path("m/10025h/0h/0h/1h/1/7")
    assert asked.allows(BITCOIN, receive, Unlocked.EXTERNAL)
    assert not asked.allows(BITCOIN, change, Unlocked.EXTERNAL)
    assert asked.allows(BITCOIN, change, Unlocked.ALL)
    for foreign in ("m/10025h/1h/0h/1h/0/7", "m/10025h/0h/1h/1h/0/7", "m/10025h/0h/0h/0h/0/7"):
        assert not asked.allows(BITCOIN, parse_path(foreign), Unlocked.ALL)


@pytest.mark.parametrize("persona", ALL)
@given(
    path=st.lists(
        st.sampled_from([0, 1, 2, 6, 49, 100, 101, 1_000_001, 1195487518])
        | st.sampled_from([0, 1, 2, 3, 44, 45, 48, 49, 84, 86, 101, 10025]).map(lambda n: n | HARDENED),
        max_size=7,
    ),
    kind=st.sampled_from(list(InputScriptType)),
    multisig=st.booleans(),
)
def test_what_is_usual_is_allowed(
    persona: str, path: list[int], kind: InputScriptType, multisig: bool
) -> None:
    asked = policy(persona)
    if asked.fits(BITCOIN, path, kind, multisig=multisig):
        slip25 = bool(path) and path[0] == paths.SLIP25_PURPOSE  # usual, but locked
        assert slip25 or asked.allows(BITCOIN, path)


@pytest.mark.parametrize("persona", ALL)
def test_signet_is_a_coin_of_trezors_only(persona: str) -> None:
    rules = rules_for(PERSONAS[persona])
    if persona in TREZOR:
        assert coins.wanted("Signet", rules.coins, rules.unknown_coin).hrp == "tb"
        return
    with pytest.raises(DataError, match=rules.unknown_coin):
        coins.wanted("Signet", rules.coins, rules.unknown_coin)


@pytest.mark.parametrize("name", ["Bitcoins", "bitcoin", "", "Litecoin", "BTC"])
def test_a_coin_has_one_spelling(name: str) -> None:
    for persona, words in (("trezor-core", "Unsupported coin type"), ("trezor-one", "Invalid coin name")):
        rules = rules_for(PERSONAS[persona])
        with pytest.raises(DataError, match=words):
            coins.wanted(name, rules.coins, rules.unknown_coin)


def test_accounts_are_named_by_purpose_and_number() -> None:
    names = {
        "m/44h/0h/0h/0/0": "Legacy #1",
        "m/49h/0h/1h/0/0": "L. SegWit #2",
        "m/84h/0h/2h/0/0": "SegWit #3",
        "m/86h/0h/0h/1/5": "Taproot #1",
        "m/10025h/0h/0h/1h/0/0": "Coinjoin",
        "m/48h/0h/0h/2h/0/0": None,
    }
    for path, name in names.items():
        assert paths.account_name(BITCOIN, parse_path(path), None) == name
    assert paths.account_name(BITCOIN, parse_path("m/84h/0h/2h"), None, account_level=True) == "SegWit #3"
