"""Multisig groups: keys, scripts, addresses (judged by embit), fingerprints, and what is refused."""

from __future__ import annotations

import itertools

import pytest
from embit import script as embit_script
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m
from trezorlib.messages import InputScriptType, MultisigPubkeysOrder

from emulator.device.bitcoin import coins, multisig
from emulator.device.bitcoin.address import address_of_key, script_of_address
from emulator.device.bitcoin.rules import BitcoinRules, rules_for
from emulator.device.bitcoin.scripts import multisig_scripts
from emulator.device.errors import DataError, DeviceFailure, FirmwareError, ProcessError
from emulator.device.keys import HARDENED, Node
from emulator.device.personas import PERSONAS

BITCOIN = coins.by_name("Bitcoin")
assert BITCOIN is not None
CORE, ONE, PRO, CLASSIC = (
    rules_for(PERSONAS[name]) for name in ("trezor-core", "trezor-one", "onekey-pro", "onekey-classic1s")
)
ACCOUNTS = tuple(Node.from_seed(bytes([number]) * 16) for number in range(1, 17))
SORTED, AS_GIVEN = MultisigPubkeysOrder.LEXICOGRAPHIC, MultisigPubkeysOrder.PRESERVED


def node_of(account: Node) -> m.HDNodeType:
    return m.HDNodeType(
        depth=account.depth,
        fingerprint=account.fingerprint,
        child_num=account.child_num,
        chain_code=account.chain_code,
        public_key=account.public_key,
    )


def group(
    members: tuple[int, ...] = (0, 1, 2),
    threshold: int = 2,
    path: tuple[int, ...] = (0, 5),
    order: MultisigPubkeysOrder = AS_GIVEN,
    *,
    as_nodes: bool = False,
) -> m.MultisigRedeemScriptType:
    nodes = [node_of(ACCOUNTS[i]) for i in members]
    if as_nodes:
        form = {"nodes": nodes, "address_n": list(path)}
    else:
        form = {"pubkeys": [m.HDNodePathType(node=node, address_n=list(path)) for node in nodes]}
    return m.MultisigRedeemScriptType(m=threshold, signatures=[b""] * len(nodes), pubkeys_order=order, **form)


def key_of(member: int, path: tuple[int, ...] = (0, 5)) -> bytes:
    return ACCOUNTS[member].derive(path).public_key


@pytest.mark.parametrize("as_nodes", [False, True])
def test_both_forms_of_a_group_give_the_same_keys(as_nodes: bool) -> None:
    given = group(as_nodes=as_nodes)
    assert multisig.public_keys(given, CORE) == [key_of(i) for i in range(3)]
    assert multisig.key_count(given) == 3
    assert multisig.redeem_script(given, CORE)[:1] == b"\x52"


@pytest.mark.parametrize("rules", [CORE, ONE])
def test_trezor_sorts_the_keys_if_asked_to(rules: BitcoinRules) -> None:
    scripts = {
        multisig.redeem_script(group(members, order=SORTED), rules)
        for members in itertools.permutations(range(3))
    }
    assert len(scripts) == 1
    keys = multisig.public_keys(group(order=SORTED), rules)
    assert keys == sorted(keys)


@pytest.mark.parametrize("rules", [PRO, CLASSIC])
def test_onekey_does_not_know_that_field(rules: BitcoinRules) -> None:
    assert multisig.public_keys(group((2, 0, 1), order=SORTED), rules) == [key_of(i) for i in (2, 0, 1)]


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        (InputScriptType.SPENDMULTISIG, embit_script.p2sh),
        (InputScriptType.SPENDADDRESS, embit_script.p2sh),
        (InputScriptType.SPENDWITNESS, embit_script.p2wsh),
        (InputScriptType.SPENDP2SHWITNESS, lambda s: embit_script.p2sh(embit_script.p2wsh(s))),
    ],
)
def test_addresses_are_those_embit_makes_of_the_script(kind: InputScriptType, wrap: object) -> None:
    given = group()
    address = address_of_key(kind, BITCOIN, key_of(1), given, CORE)
    script = embit_script.Script(multisig.redeem_script(given, CORE))
    assert callable(wrap)
    assert address == wrap(script).address()
    assert script_of_address(address, BITCOIN) == wrap(script).data


def test_refuses_a_group_our_key_is_not_in() -> None:
    with pytest.raises(DataError, match="Pubkey not found in multisig script"):
        address_of_key(InputScriptType.SPENDWITNESS, BITCOIN, key_of(5), group(), CORE)
    with pytest.raises(DataError, match="XPUB not found in multisig script"):
        multisig.cosigner_index(group(), key_of(5))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (InputScriptType.SPENDTAPROOT, "Multisig not supported for taproot"),
        (InputScriptType.EXTERNAL, "Invalid script type"),
    ],
)
def test_refuses_script_types_without_groups(kind: InputScriptType, text: str) -> None:
    with pytest.raises(ProcessError, match=text):
        address_of_key(kind, BITCOIN, key_of(0), group(), CORE)


@pytest.mark.parametrize("as_nodes", [False, True])
def test_refuses_hardened_steps_below_a_cosigner(as_nodes: bool) -> None:
    with pytest.raises(DataError, match="Cannot perform hardened derivation from XPUB"):
        multisig.public_keys(group(path=(0, HARDENED), as_nodes=as_nodes), CORE)


@pytest.mark.parametrize("key", [b"\x02" + b"\xff" * 32, b"\x05" + bytes(32), b"\x04" + b"\x01" * 64, b""])
def test_refuses_a_cosigner_whose_key_is_no_point(key: bytes) -> None:
    given = group()
    given.pubkeys[1].node.public_key = key
    with pytest.raises(DataError, match="Invalid multisig pubkey"):
        multisig.public_keys(given, CORE)


@pytest.mark.parametrize(
    ("members", "threshold", "refused"),
    [
        ((0, 1), 0, True),
        ((0, 1), 3, True),
        ((), 1, True),
        (tuple(range(16)), 2, True),
        (tuple(range(15)), 15, False),
        ((0,), 1, False),
    ],
)
def test_threshold_and_size_have_limits(members: tuple[int, ...], threshold: int, refused: bool) -> None:
    given = group(members, threshold)
    if refused:
        with pytest.raises(DataError, match="Invalid multisig parameters"):
            multisig.redeem_script(given, CORE)
    else:
        assert multisig.redeem_script(given, CORE)


def test_the_c_firmware_takes_a_threshold_nobody_can_reach() -> None:
    assert multisig.redeem_script(group((0, 1), 3), ONE)[:1] == b"\x53"


def test_fingerprints_tell_groups_apart_by_order_unless_it_does_not_count() -> None:
    forward, backward = group((0, 1, 2)), group((2, 1, 0))
    assert multisig.fingerprint(forward, CORE) != multisig.fingerprint(backward, CORE)
    assert multisig.fingerprint(forward, CLASSIC) == multisig.fingerprint(backward, CLASSIC)
    sorted_pair = [multisig.fingerprint(group(p, order=SORTED), CORE) for p in ((0, 1, 2), (2, 1, 0))]
    assert sorted_pair[0] == sorted_pair[1]
    assert sorted_pair[0] != multisig.fingerprint(forward, CORE)


@given(st.integers(1, 3), st.integers(0, 1000), st.integers(0, 1000))
def test_fingerprints_are_of_the_group_not_of_the_address(threshold: int, one: int, other: int) -> None:
    prints = [multisig.fingerprint(group(threshold=threshold, path=(0, i)), CORE) for i in (one, other)]
    assert prints[0] == prints[1]
    assert prints[0] != multisig.fingerprint(group(threshold=threshold % 3 + 1), CORE)


@pytest.mark.parametrize("field", ["chain_code", "public_key"])
def test_fingerprint_refuses_truncated_keys(field: str) -> None:
    given = group()
    setattr(given.pubkeys[0].node, field, b"\x02" * 31)
    with pytest.raises(DataError, match="Invalid multisig parameters"):
        multisig.fingerprint(given, CORE)


def test_different_paths_are_noticed() -> None:
    given = group()
    assert multisig.uses_single_path(given)
    assert multisig.uses_single_path(group(as_nodes=True))
    given.pubkeys[2].address_n = [0, 6]
    assert not multisig.uses_single_path(given)


def test_our_signature_takes_its_own_slot() -> None:
    given = group(order=SORTED)
    keys = multisig.public_keys(given, CORE)
    mine = keys.index(key_of(1))
    other = (mine + 1) % 3
    given.signatures[other] = b"\x30theirs"
    for spending in (multisig_scripts.script_sig, multisig_scripts.witness):
        data = spending(given, key_of(1), b"\x30mine", CORE)
        assert (data.index(b"mine") < data.index(b"theirs")) == (mine < other)
        assert data.endswith(multisig.redeem_script(given, CORE))


@pytest.mark.parametrize("spending", [multisig_scripts.script_sig, multisig_scripts.witness])
def test_a_filled_slot_is_not_signed_over(spending: object) -> None:
    given = group()
    given.signatures[1] = b"\x30already"
    assert callable(spending)
    with pytest.raises(DataError, match="Invalid multisig parameters"):
        spending(given, key_of(1), b"\x30mine", CORE)


def test_a_missing_slot_is_made_in_a_witness_only() -> None:
    given = group()
    given.signatures = []
    assert b"\x30mine" in multisig_scripts.witness(given, key_of(2), b"\x30mine", CORE)
    with pytest.raises(FirmwareError):
        multisig_scripts.script_sig(given, key_of(2), b"\x30mine", CORE)


@given(st.binary(max_size=40), st.binary(max_size=40), st.lists(st.integers(0, 2**32 - 1), max_size=3))
def test_whatever_a_cosigner_is_said_to_be_it_is_refused_or_derived(
    chain_code: bytes, key: bytes, path: list[int]
) -> None:
    given = group()
    given.pubkeys[0].node.chain_code = chain_code
    given.pubkeys[0].node.public_key = key
    given.pubkeys[0].address_n = path
    try:
        keys = multisig.public_keys(given, CORE)
    except DeviceFailure:
        return
    assert all(len(derived) == 33 for derived in keys)
