"""Groups are derived from the cosigners' extended keys as embit derives them, or refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.groups import HARD, STEPS, Group, funded_input
from vault.address import NETWORKS
from vault.device.bitcoin.multisig import carried_in, group_message, group_place
from vault.device.bitcoin.request import GroupOrigin, Multisig, PartialSignature, SpendOutput, SpendRequest
from vault.device.bitcoin.translate import translate
from vault.errors import DeviceError

REGTEST = NETWORKS["regtest"]


def refusal(kind: str, origin: GroupOrigin, network: str = "regtest") -> str:
    with pytest.raises(DeviceError) as error:
        group_place(kind, origin, NETWORKS[network])
    return error.value.code


@pytest.mark.parametrize("kind", list(STEPS))
def test_scripts_and_keys_are_those_of_an_independent_library(
    wallet: Any, other_wallet: Any, kind: str
) -> None:
    group = Group(kind, 2, ((wallet, 0), (other_wallet, 0), (wallet, 4)))
    for branch, index in ((0, 0), (0, 1), (1, 2), (1, 999_999)):
        place = group_place(kind, group.origin(branch, index), REGTEST)
        assert place.lock.script_pubkey == group.script(branch, index).data
        assert list(place.lock.keys) == [key.sec() for key in group.keys(branch, index)]
        assert [member.key for member in place.members] == list(place.lock.keys)


@given(st.permutations(range(3)), st.integers(0, 1), st.integers(0, 1_000_000))
def test_the_order_in_which_cosigners_were_written_down_changes_nothing(
    wallet: Any, other_wallet: Any, order: list[int], branch: int, index: int
) -> None:
    members = [(wallet, 0), (other_wallet, 0), (wallet, 1)]
    base = Group("p2wsh", 2, tuple(members)).origin(branch, index)
    cosigners = tuple(base.group.cosigners[number] for number in order)
    shuffled = GroupOrigin(Multisig(2, cosigners), branch, index)
    assert (
        group_place("p2wsh", base, REGTEST).lock.script_pubkey
        == group_place("p2wsh", shuffled, REGTEST).lock.script_pubkey
    )


def test_the_message_names_keys_in_script_order_and_never_an_order_of_its_own(
    wallet: Any, other_wallet: Any
) -> None:
    place = group_place("p2wsh", Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0))).origin(1, 7), REGTEST)
    message = group_message(place, {place.lock.keys[1]: b"sig"})
    assert message.pubkeys_order is None
    assert message.m == 2
    assert list(message.signatures) == [b"", b"sig"]
    assert [list(each.address_n) for each in message.pubkeys] == [[1, 7], [1, 7]]
    assert [each.node.public_key for each in message.pubkeys] == [
        member.account.key for member in place.members
    ]


def changed(group: Group, number: int = 0, **changes: Any) -> GroupOrigin:
    origin = group.origin(0, 0)
    cosigners = list(origin.group.cosigners)
    cosigners[number] = dataclasses.replace(cosigners[number], **changes)
    return GroupOrigin(dataclasses.replace(origin.group, cosigners=tuple(cosigners)), 0, 0)


def test_extended_keys_that_are_not_the_cosigners_are_refused(wallet: Any, other_wallet: Any) -> None:
    from embit.networks import NETWORKS as EMBIT

    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    path = group.account(0)
    node = wallet.root.derive(list(path))
    bad = "device.bad_account_key"
    for xpub in (
        "",
        "tpub",
        node.to_public().to_base58(EMBIT["main"]["xpub"]),
        node.to_public().to_base58(EMBIT["regtest"]["Zpub"]),
        node.to_base58(EMBIT["regtest"]["xprv"]),
        wallet.root.derive(list(path[:3])).to_public().to_base58(EMBIT["regtest"]["xpub"]),
        wallet.root.derive([*path, 0]).to_public().to_base58(EMBIT["regtest"]["xpub"]),
        group.origin(0, 0).group.cosigners[0].xpub[:-1] + "1",
    ):
        assert refusal("p2wsh", changed(group, xpub=xpub)) == bad


@pytest.mark.parametrize(
    "path",
    [
        (48 | HARD, 1 | HARD, HARD),
        (48 | HARD, 0 | HARD, HARD, 2 | HARD),
        (48 | HARD, 1 | HARD, HARD, 1 | HARD),
        (48 | HARD, 1 | HARD, 0, 2 | HARD),
        (48 | HARD, 1 | HARD, 100 | HARD, 2 | HARD),
        (84 | HARD, 1 | HARD, HARD, 2 | HARD),
        (45 | HARD, 1 | HARD, HARD, 2 | HARD),
    ],
)
def test_account_paths_fit_bip48_script_type_and_network(
    wallet: Any, other_wallet: Any, path: tuple[int, ...]
) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    assert refusal("p2wsh", changed(group, path=path)) == "device.forbidden_path"


def test_groups_out_of_shape_are_refused(wallet: Any, other_wallet: Any) -> None:
    pair = ((wallet, 0), (other_wallet, 0))
    for threshold in (0, 3, -1):
        assert refusal("p2wsh", Group("p2wsh", threshold, pair).origin(0, 0)) == "device.bad_group"
    assert refusal("p2wsh", Group("p2wsh", 1, pair[:1]).origin(0, 0)) == "device.bad_group"
    assert refusal("p2wsh", Group("p2wsh", 1, (pair[0], pair[0])).origin(0, 0)) == "device.bad_group"
    sixteen = tuple((wallet, number) for number in range(16))
    assert refusal("p2wsh", Group("p2wsh", 2, sixteen).origin(0, 0)) == "device.bad_group"
    for branch, index in ((2, 0), (-1, 0), (0, -1), (0, 1_000_001), (0, HARD)):
        assert refusal("p2wsh", Group("p2wsh", 2, pair).origin(branch, index)) == "device.forbidden_path"
    assert refusal("p2tr", Group("p2wsh", 2, pair).origin(0, 0)) == "device.unsupported_script_type"
    assert refusal("p2wsh", Group("p2wsh", 2, pair).origin(0, 0), "mainnet") == "device.forbidden_path"


def test_no_more_signatures_are_carried_than_leave_room_for_ours(wallet: Any, other_wallet: Any) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0), (wallet, 1), (wallet, 2)))
    place = group_place("p2wsh", group.origin(0, 0), REGTEST)
    partial = [PartialSignature(0, key, b"s") for key in place.lock.keys]
    for mine in place.lock.keys:
        carried = carried_in(partial, 0, place, mine)
        assert len(carried) == 1
        assert mine not in carried
    assert carried_in(partial, 1, place, place.lock.keys[0]) == {}


def test_an_input_with_two_of_our_keys_takes_two_runs_and_a_foreign_one_none(
    wallet: Any, other_wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0), (wallet, 1)))
    spend = funded_input(group.script(0, 0), group.origin(0, 0), "p2wsh", 0, 100_000)
    single = wallet.input("p2wpkh", 1, 50_000)
    back = SpendOutput(140_000, group.script(1, 0).data, change=group.origin(1, 0))
    request = SpendRequest(2, 0, (spend, single), (back,))
    result = translate(request, REGTEST, wallet.fingerprint)
    assert len(result.passes) == 2
    assert {run.keys[0] for run in result.passes} == {
        wallet.key((*group.account(number), 0, 0)).to_public().key.sec() for number in (0, 1)
    }
    assert {run.keys[1] for run in result.passes} == {single.origin.key}
    with pytest.raises(DeviceError) as error:
        translate(request, REGTEST, other_wallet.fingerprint)  # the single key is not theirs
    assert error.value.code == "device.foreign_key"
