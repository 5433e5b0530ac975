"""Our own derivation and descriptors, against the published vectors of BIP49, 84, 86, 341 and 380, and
against bdk and embit for all six kinds.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from embit import descriptor as embit_descriptor
from hypothesis import given
from hypothesis import strategies as st

from vault.address import NETWORKS, base58check_decode, base58check_encode, hash160, network_of
from vault.bip32 import HARDENED, ExtendedKey, derive, taproot_output_key
from vault.bitcoin.descriptor import Descriptor, PlaceFinder, descriptor_checksum
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, Kind
from vault.errors import ConfigError

MAINNET = network_of("mainnet")
FORMS = {
    "p2pkh": "pkh([",
    "p2sh-p2wpkh": "sh(wpkh([",
    "p2wpkh": "wpkh([",
    "p2tr": "tr([",
    "p2wsh": "wsh(sortedmulti(2,[",
    "p2sh-p2wsh": "sh(wsh(sortedmulti(2,[",
}
# BIP39 seed of "abandon … about" without passphrase: the seed of BIP84's and BIP86's vectors.
SEED = bytes.fromhex(
    "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1"
    "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
)
BIP84_ZPUB = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2"
    "oz2AGutZYs"
)
BIP49_KEY = "03a1af804ac108a8a51782198c2d034b28bf90c8803f5a53f76276fa69a4eae77f"
BIP86_XPUB = (
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtM"
    "Mj92pReUsQ"
)


def mainnet(bitcoin_keys: ModuleType, kind: str) -> Descriptor:
    descriptor: Descriptor = bitcoin_keys.account_of(SEED, kind, MAINNET).descriptor
    return descriptor


def test_derives_the_addresses_of_bip84(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    xpub = base58check_encode(MAINNET.xpub + base58check_decode(BIP84_ZPUB)[4:])
    assert descriptor.account.text(MAINNET) == xpub
    assert descriptor.address(False, 0) == "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
    assert descriptor.address(False, 1) == "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"
    assert descriptor.address(True, 0) == "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"


def test_derives_the_addresses_of_bip86(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2tr")
    assert descriptor.account.text(MAINNET) == BIP86_XPUB
    assert descriptor.address(False, 0) == "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
    assert descriptor.address(False, 1) == "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"
    assert descriptor.address(True, 0) == "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"


def test_derives_the_address_of_bip49(bitcoin_keys: ModuleType) -> None:
    """BIP49 gives its example for testnet."""
    descriptor = bitcoin_keys.account_of(SEED, "p2sh-p2wpkh", network_of("testnet4")).descriptor
    assert descriptor.key(False, 0).hex() == BIP49_KEY
    assert descriptor.address(False, 0) == "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"
    redeem = descriptor.place(False, 0).redeem_script
    assert redeem.hex() == "001438971f73930f6c141d977ac4fd4a727c854935b3"


def test_derives_public_children_as_bip32_test_vector_2() -> None:
    master = ExtendedKey.parse(
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJ"
        "hkJ8UB7WEGuduB",
        MAINNET,
    )
    child = ExtendedKey.parse(
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D"
        "3tgFxHmwMkQTPH",
        MAINNET,
    )
    assert (child.depth, child.child_number, child.parent) == (1, 0, hash160(master.key)[:4])
    assert master.child(0, 7) == derive(child.key, child.chain_code, 7)[0]
    assert derive(master.key, master.chain_code, 0) == (child.key, child.chain_code)


def test_tweaks_the_internal_key_as_bip341_says() -> None:
    internal = bytes.fromhex("d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d")
    output = "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"
    assert taproot_output_key(internal).hex() == output
    for no_key in (bytes(31), b"\xff" * 32):
        with pytest.raises(ValueError):
            taproot_output_key(no_key)


def test_computes_the_checksum_of_bip380() -> None:
    assert descriptor_checksum("raw(deadbeef)") == "89f8spxm"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_reads_what_it_writes(bitcoin_keys: ModuleType, kind: Kind, name: str) -> None:
    network = network_of(name)
    descriptor = bitcoin_keys.account_of(SEED, kind, network).descriptor
    text = descriptor.text()
    assert Descriptor.parse(text, network) == descriptor
    assert Descriptor.parse(text, network).text() == text
    assert (descriptor.kind, descriptor.group) == (kind, kind in GROUP_KINDS)
    assert text.startswith(FORMS[kind])


def test_reads_apostrophes_for_hardened_steps(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    body = descriptor.text().partition("#")[0].replace("84h/0h/0h", "84'/0'/0'")
    assert Descriptor.parse(f"{body}#{descriptor_checksum(body)}", MAINNET) == descriptor


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["mainnet", "regtest"])
def test_agrees_with_bdk_on_both_branches(bitcoin_keys: ModuleType, kind: Kind, name: str) -> None:
    bdk: Any = pytest.importorskip("bdkpython")
    network = network_of(name)
    theirs_of = (bdk.NetworkKind.MAIN, bdk.Network.BITCOIN)
    if name == "regtest":
        theirs_of = (bdk.NetworkKind.TEST, bdk.Network.REGTEST)
    descriptor = bitcoin_keys.account_of(SEED, kind, network).descriptor
    for branch in (0, 1):
        theirs = bdk.Descriptor(descriptor.text(branch=branch), theirs_of[0])
        for index in (0, 1, 19, 2**31 - 1):
            address = str(theirs.derive_address(index, theirs_of[1]))
            assert descriptor.address(bool(branch), index) == address


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_embit_on_every_script(bitcoin_keys: ModuleType, kind: Kind) -> None:
    descriptor = mainnet(bitcoin_keys, kind)
    theirs = embit_descriptor.Descriptor.from_string(descriptor.text())
    for branch in (0, 1):
        for index in (0, 7, 2**31 - 1):
            place = descriptor.place(bool(branch), index)
            derived = theirs.derive(index, branch_index=branch)
            assert derived.script_pubkey().data == place.script_pubkey
            if place.redeem_script:
                assert derived.redeem_script().data == place.redeem_script
            if place.witness_script:
                assert derived.witness_script().data == place.witness_script


@pytest.mark.parametrize("kind", GROUP_KINDS)
@pytest.mark.parametrize(("threshold", "cosigners"), [(1, 2), (2, 2), (3, 5), (1, 15), (15, 15)])
def test_agrees_with_bdk_and_embit_on_groups_of_all_sizes(
    bitcoin_keys: ModuleType, kind: Kind, threshold: int, cosigners: int
) -> None:
    bdk: Any = pytest.importorskip("bdkpython")
    seeds = [bytes([number]) * 16 for number in range(cosigners)]
    descriptor = bitcoin_keys.group_of(seeds, threshold, kind, MAINNET).descriptor
    theirs = bdk.Descriptor(descriptor.text(branch=1), bdk.NetworkKind.MAIN)
    assert descriptor.address(True, 3) == str(theirs.derive_address(3, bdk.Network.BITCOIN))
    place = descriptor.place(True, 3)
    embits = embit_descriptor.Descriptor.from_string(descriptor.text()).derive(3, branch_index=1)
    assert embits.witness_script().data == place.witness_script
    assert len(place.witness_script) == 3 + 34 * cosigners


@pytest.mark.parametrize("kind", GROUP_KINDS)
def test_scripts_of_a_group_do_not_depend_on_the_order_of_its_keys(
    bitcoin_keys: ModuleType, kind: Kind
) -> None:
    descriptor = mainnet(bitcoin_keys, kind)
    texts = set()
    for keys in itertools.permutations(descriptor.keys):
        other = Descriptor.of_keys(kind, MAINNET, 2, keys)
        texts.add(other.text())
        assert Descriptor.parse(other.text(), MAINNET).keys == keys
        for change in (False, True):
            ours, theirs = descriptor.place(change, 4), other.place(change, 4)
            assert ours.witness_script == theirs.witness_script
            assert [each.key for each in ours.keys] == sorted(each.key for each in theirs.keys)
    assert len(texts) == 6


def test_a_place_says_whose_each_key_is(bitcoin_keys: ModuleType) -> None:
    account = bitcoin_keys.account_of(SEED, "p2wsh")
    place = account.descriptor.place(True, 9)
    for each in place.keys:
        expression = account.descriptor.keys[each.cosigner]
        assert each.fingerprint == expression.fingerprint
        assert each.path == (*expression.path, 1, 9)
        assert each.key == account.nodes[each.cosigner].child(1).child(9).public
    assert place.where == "1/9, 2 of 3 keys"


def test_a_group_has_no_single_key(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wsh")
    for ask in (
        lambda: descriptor.account,
        lambda: descriptor.origin_fingerprint,
        lambda: descriptor.origin_path,
        lambda: descriptor.path(False, 0),
        lambda: descriptor.key(False, 0),
    ):
        with pytest.raises(ConfigError) as refused:
            ask()
        assert refused.value.code == "config.group_descriptor"


def test_refuses_a_cosigner_that_would_count_twice(bitcoin_keys: ModuleType) -> None:
    a, b, c = mainnet(bitcoin_keys, "p2wsh").keys
    same_key = replace(c, account=replace(a.account, chain_code=bytes(32)))
    same_origin = replace(c, fingerprint=a.fingerprint)
    for third in (a, same_key, same_origin):
        with pytest.raises(ConfigError) as refused:
            Descriptor.of_keys("p2wsh", MAINNET, 2, (a, b, third))
        assert refused.value.code == "config.cosigner_twice"


def test_one_seed_may_be_two_cosigners_at_two_accounts(bitcoin_keys: ModuleType) -> None:
    a, b, _ = mainnet(bitcoin_keys, "p2wsh").keys
    step = 1 | HARDENED
    second = replace(
        b, fingerprint=a.fingerprint, path=(*b.path[:2], step, b.path[3])
    )  # another key at account 1 of the same root
    assert Descriptor.of_keys("p2wsh", MAINNET, 2, (a, second)).place(False, 0).threshold == 2


@pytest.mark.parametrize(("threshold", "cosigners"), [(0, 3), (4, 3), (1, 1), (2, 16)])
def test_refuses_groups_of_other_sizes(bitcoin_keys: ModuleType, threshold: int, cosigners: int) -> None:
    for kind in GROUP_KINDS:
        with pytest.raises(ConfigError) as refused:
            bitcoin_keys.group_of([bytes([number]) * 16 for number in range(cosigners)], threshold, kind)
        assert refused.value.code == "config.bad_group"


def test_refuses_several_keys_where_one_belongs(bitcoin_keys: ModuleType) -> None:
    keys = tuple(mainnet(bitcoin_keys, "p2wpkh").keys * 2)
    with pytest.raises(ConfigError) as refused:
        Descriptor.of_keys("p2wpkh", MAINNET, 1, keys)
    assert refused.value.code == "config.bad_group"


@pytest.mark.parametrize(
    ("kind", "old", "new", "code"),
    [
        ("p2wsh", "sortedmulti(2,", "sortedmulti(", "config.bad_descriptor"),
        ("p2wsh", "sortedmulti(2,", "sortedmulti(02,", "config.bad_descriptor"),
        ("p2wsh", "sortedmulti(2,", "sortedmulti(4,", "config.bad_group"),
        ("p2wsh", "sortedmulti(", "multi(", "config.bad_descriptor"),
        ("p2wsh", "wsh(", "sh(", "config.bad_descriptor"),
        ("p2wsh", "0h/2h]", "0h/1h]", "config.descriptor_origin"),
        ("p2wsh", "<0;1>", "<1;0>", "config.bad_descriptor"),
        ("p2wsh", ",[", ", [", "config.bad_descriptor"),
        ("p2sh-p2wsh", "48h/", "45h/", "config.descriptor_path"),
        ("p2sh-p2wpkh", "sh(wpkh(", "sh(pkh(", "config.bad_descriptor"),
        ("p2sh-p2wpkh", "sh(wpkh(", "wsh(wpkh(", "config.bad_descriptor"),
        ("p2pkh", "44h/", "84h/", "config.descriptor_path"),
        ("p2tr", "/*)", "/*,pk(xpub))", "config.bad_descriptor"),
    ],
)
def test_refuses_another_form_with_a_true_checksum(
    bitcoin_keys: ModuleType, kind: Kind, old: str, new: str, code: str
) -> None:
    body = mainnet(bitcoin_keys, kind).text().partition("#")[0]
    assert old in body
    changed = body.replace(old, new)
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(f"{changed}#{descriptor_checksum(changed)}", MAINNET)
    assert refused.value.code == code


def test_a_key_of_one_purpose_is_no_wallet_of_another(bitcoin_keys: ModuleType) -> None:
    """The same account under another function would make addresses no device shows again."""
    for kind in KINDS:
        for other in KINDS:
            keys = mainnet(bitcoin_keys, kind).keys
            if kind == other or (kind in GROUP_KINDS) != (other in GROUP_KINDS):
                continue
            with pytest.raises(ConfigError) as refused:
                Descriptor.of_keys(other, MAINNET, 2 if other in GROUP_KINDS else 1, keys)
            assert refused.value.code == "config.descriptor_path"


@given(data=st.data())
def test_a_damaged_group_descriptor_is_refused_or_unchanged(
    bitcoin_keys: ModuleType, data: st.DataObject
) -> None:
    text = mainnet(bitcoin_keys, "p2sh-p2wsh").text()
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from("0159abxyz<>;/*,()[]h'#")) + text[at + 1 :]
    try:
        assert Descriptor.parse(damaged, MAINNET).text() == text
    except ConfigError as error:
        assert error.code.startswith("config.")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text[:-1] + ("q" if text[-1] != "q" else "p"), "config.descriptor_checksum"),
        (lambda text: text.partition("#")[0], "config.descriptor_checksum"),
        (lambda text: text.replace("/0h]", "/1h]"), "config.descriptor_checksum"),
        (lambda text: "x" * 4001, "config.bad_descriptor"),
        (lambda text: "pkh(é)#qqqqqqqq", "config.bad_descriptor"),
    ],
)
def test_refuses_a_damaged_descriptor(bitcoin_keys: ModuleType, change: Any, code: str) -> None:
    text = mainnet(bitcoin_keys, "p2wpkh").text()
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(change(text), MAINNET)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("wpkh(", "pkh(", "config.descriptor_path"),
        ("wpkh(", "combo(", "config.bad_descriptor"),
        ("<0;1>/*", "0/*", "config.bad_descriptor"),
        ("84h/0h/0h", "84h/0h", "config.descriptor_origin"),
        ("84h/0h/0h", "84h/0h/1h", "config.descriptor_origin"),
        ("84h/0h/0h", "84h/1h/0h", "config.descriptor_origin"),
        ("84h/0h/0h", "84h/0h/99999999999h", "config.bad_descriptor"),
        ("[73c5da0a", "[73C5DA0A", "config.bad_descriptor"),
        ("xpub", "tprv", "config.private_key"),
    ],
)
def test_refuses_a_false_descriptor_with_a_true_checksum(
    bitcoin_keys: ModuleType, old: str, new: str, code: str
) -> None:
    body = mainnet(bitcoin_keys, "p2wpkh").text().partition("#")[0].replace(old, new)
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(f"{body}#{descriptor_checksum(body)}", MAINNET)
    assert refused.value.code == code


def test_refuses_the_key_of_another_network_and_private_keys(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    with pytest.raises(ConfigError) as refused:
        Descriptor.parse(descriptor.text(), network_of("regtest"))
    assert refused.value.code == "config.foreign_extended_key"
    secret = base58check_encode(bytes.fromhex("0488ade4") + bytes(41) + b"\0" + b"\x07" * 32)
    with pytest.raises(ConfigError) as refused:
        ExtendedKey.parse(secret, MAINNET)
    assert refused.value.code == "config.private_key"
    assert secret not in refused.value.message


def test_refuses_an_extended_key_that_is_no_point(bitcoin_keys: ModuleType) -> None:
    payload = base58check_decode(mainnet(bitcoin_keys, "p2wpkh").account.text(MAINNET))
    with pytest.raises(ConfigError) as refused:
        ExtendedKey.parse(base58check_encode(payload[:45] + b"\x02" + b"\xff" * 32), MAINNET)
    assert refused.value.code == "config.bad_extended_key"


def test_refuses_the_attestation_account_as_a_wallet(bitcoin_keys: ModuleType) -> None:
    account = mainnet(bitcoin_keys, "p2wpkh").account
    path = (84 | 1 << 31, 1 << 31, 100 | 1 << 31)
    moved = ExtendedKey(account.key, account.chain_code, 3, account.parent, path[-1]).text(MAINNET)
    with pytest.raises(ConfigError) as refused:
        Descriptor.build("p2wpkh", MAINNET, "73c5da0a", path, moved)
    assert refused.value.code == "config.reserved_account"


def test_refuses_hardened_indices(bitcoin_keys: ModuleType) -> None:
    for index in (-1, 1 << 31):
        with pytest.raises(ConfigError) as refused:
            mainnet(bitcoin_keys, "p2wpkh").key(False, index)
        assert refused.value.code == "config.bad_index"


@given(
    change=st.booleans(),
    index=st.integers(0, 29),
    hint=st.none() | st.tuples(st.booleans(), st.integers(0, 40)),
)
def test_finds_its_own_scripts_whatever_the_hint(
    bitcoin_keys: ModuleType, change: bool, index: int, hint: tuple[bool, int] | None
) -> None:
    for kind in KINDS:
        descriptor = mainnet(bitcoin_keys, kind)
        script = descriptor.script_pubkey(change, index)
        assert descriptor.find(script, hint, 30) == (change, index)


def test_believes_no_hint_for_a_foreign_script(bitcoin_keys: ModuleType) -> None:
    descriptor = mainnet(bitcoin_keys, "p2wpkh")
    assert descriptor.find(b"\x00\x14" + bytes(20), (True, 3), 30) is None
    assert descriptor.find(b"\x51\x20" + bytes(32), (True, 3), 30) is None
    assert descriptor.find(descriptor.script_pubkey(True, 30), None, 30) is None
    assert descriptor.find(descriptor.script_pubkey(True, 30), (True, 30), 30) == (True, 30)


@given(indices=st.lists(st.tuples(st.booleans(), st.integers(0, 14)), max_size=8))
def test_a_finder_finds_every_script_again_in_any_order(
    bitcoin_keys: ModuleType, indices: list[tuple[bool, int]]
) -> None:
    for kind in ("p2pkh", "p2wsh"):
        descriptor = mainnet(bitcoin_keys, kind)
        finder = PlaceFinder(descriptor, 15)
        for place in indices:
            assert finder.find(descriptor.script_pubkey(*place), None) == descriptor.place(*place)
        assert finder.find(descriptor.script_pubkey(True, 15), (False, 3)) is None
