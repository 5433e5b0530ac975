"""Groups: several devices in any order, several keys on one device, resumed after an interruption."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from tests.support.groups import Group, accepted_by_consensus, funded_input
from vault.address import NETWORKS
from vault.device.bitcoin.finish import carry_on, finish
from vault.device.bitcoin.multisig import show_group_address
from vault.device.bitcoin.request import PartialSignature, SignedInputs, SpendOutput, SpendRequest
from vault.errors import DeceivedError, DeviceError, WrongDeviceError

REGTEST = NETWORKS["regtest"]
MNEMONIC = "all all all all all all all all all all all all"
OTHER_MNEMONIC = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
THIRD_MNEMONIC = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)
KINDS = ("p2sh", "p2sh-p2wsh", "p2wsh")
NOTHING = SignedInputs(())


@pytest.fixture
def third_wallet(wallet: Any) -> Any:
    from embit import bip32, bip39

    return type(wallet)(bip32.HDKey.from_seed(bip39.mnemonic_to_seed(THIRD_MNEMONIC)))


def spend(wallet: Any, group: Group, places: tuple[tuple[int, int], ...]) -> SpendRequest:
    """Inputs at these places of the group, a payment, and change back to the group."""
    inputs = tuple(
        funded_input(group.script(*place), group.origin(*place), group.kind, number, 100_000 + number)
        for number, place in enumerate(places)
    )
    total = sum(each.amount_sat for each in inputs)
    back = SpendOutput(total - 62_000, group.script(1, 4).data, change=group.origin(1, 4))
    return SpendRequest(2, 0, inputs, (wallet.request("p2wpkh").outputs[0], back))


def spent(group: Group, places: tuple[tuple[int, int], ...]) -> list[bytes]:
    return [bytes(group.script(*place).data) for place in places]


PLACES = ((0, 0), (0, 1), (1, 2), (0, 7))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["trezor-core", "trezor-one", "onekey-pro"])
def test_two_of_three_on_devices_of_different_makes_in_both_orders(
    *, opened: Any, wallet: Any, other_wallet: Any, third_wallet: Any, kind: str, first: str
) -> None:
    group = Group(kind, 2, ((wallet, 0), (other_wallet, 0), (third_wallet, 0)))
    request = spend(wallet, group, PLACES)
    finished = []
    with (
        DeviceEmulator(mnemonic=MNEMONIC, persona=first, mode="auto") as one,
        DeviceEmulator(mnemonic=OTHER_MNEMONIC, persona="onekey-classic1s", mode="auto") as two,
    ):
        for order in ((one, two), (two, one)):
            now, signed = request, NOTHING
            for device in order:
                now = carry_on(now, signed)
                with opened(device) as session:
                    signed = session.sign_transaction(now, REGTEST)
                assert len(signed.partial) == len(PLACES)
                assert signed.signatures == ()
            finished.append(finish(now, REGTEST, signed))
    assert finished[0] == finished[1]
    accepted_by_consensus(finished[0], request, spent(group, PLACES))


@pytest.mark.parametrize("kind", KINDS)
def test_every_persona_signs_as_any_cosigner_and_all_agree(
    *, every_device: Any, opened: Any, wallet: Any, other_wallet: Any, third_wallet: Any, kind: str
) -> None:
    group = Group(kind, 2, ((other_wallet, 0), (third_wallet, 3), (wallet, 1)))
    request = spend(wallet, group, PLACES)
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert {each.key for each in signed.partial} <= {
        key.sec() for place in PLACES for key in group.keys(*place)
    }
    with DeviceEmulator(mnemonic=THIRD_MNEMONIC, persona="trezor-core", mode="auto") as second:
        now = carry_on(request, signed)
        with opened(second) as session:
            last = session.sign_transaction(now, REGTEST)
    accepted_by_consensus(finish(now, REGTEST, last), request, spent(group, PLACES))


@pytest.mark.parametrize("kind", KINDS)
def test_all_members_on_one_device_take_a_run_each(
    every_device: Any, opened: Any, wallet: Any, kind: str
) -> None:
    group = Group(kind, 2, ((wallet, 2), (wallet, 0)))
    request = spend(wallet, group, PLACES)
    prompts: list[Any] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint, on_prompt=prompts.append) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert [prompt.lines[-1][:10] for prompt in prompts] == ["run 1 of 2", "run 2 of 2"]
    assert len(signed.partial) == 2 * len(PLACES)
    accepted_by_consensus(finish(request, REGTEST, signed), request, spent(group, PLACES))


def test_a_group_and_single_keys_of_other_accounts_in_one_transaction(
    every_device: Any, opened: Any, wallet: Any, other_wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0), (wallet, 5)))
    of_group = spend(wallet, group, PLACES[:2])
    singles = (wallet.input("p2wpkh", 7, 90_000), wallet.input("p2tr", 8, 90_000, account=3))
    outputs = (*of_group.outputs, wallet.change("p2wpkh", 3, 179_000))
    request = SpendRequest(2, 0, (singles[0], *of_group.inputs, singles[1]), outputs)
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert [index for index, _ in signed.signatures] == [0, 3]
    assert len(signed.partial) == 4
    scripts = [wallet.script(each.origin.path).data for each in singles]
    accepted_by_consensus(
        finish(request, REGTEST, signed),
        request,
        [scripts[0], *spent(group, PLACES[:2]), scripts[1]],
    )


def test_every_order_of_three_of_five_gives_a_transaction_the_network_accepts(
    opened: Any, wallet: Any, other_wallet: Any, third_wallet: Any
) -> None:
    group = Group(
        "p2wsh", 3, ((wallet, 0), (other_wallet, 0), (third_wallet, 0), (wallet, 1), (other_wallet, 1))
    )
    request = spend(wallet, group, PLACES[:1])
    makers = {
        MNEMONIC: "trezor-core",
        OTHER_MNEMONIC: "onekey-pro",
        THIRD_MNEMONIC: "trezor-one",
    }
    devices = [
        DeviceEmulator(mnemonic=words, persona=persona, mode="auto").start()
        for words, persona in makers.items()
    ]
    try:
        for order in itertools.permutations(devices, 2):
            now, signed = request, NOTHING
            for device in order:
                now = carry_on(now, signed)
                with opened(device) as session:
                    signed = session.sign_transaction(now, REGTEST)
            total = len(carry_on(now, signed).partial)
            if total < 3:
                with pytest.raises(DeviceError) as error:
                    finish(now, REGTEST, signed)
                assert error.value.code == "device.unfinished"
                continue
            accepted_by_consensus(finish(now, REGTEST, signed), request, spent(group, PLACES[:1]))
    finally:
        for device in devices:
            device.stop()


def test_signing_twice_changes_nothing_and_a_complete_group_may_still_be_signed(
    every_device: Any, opened: Any, wallet: Any, other_wallet: Any, third_wallet: Any
) -> None:
    group = Group("p2sh", 2, ((wallet, 0), (other_wallet, 0), (third_wallet, 0)))
    request = spend(wallet, group, PLACES[:2])
    with opened(every_device) as session:
        first = session.sign_transaction(request, REGTEST)
        again = session.sign_transaction(carry_on(request, first), REGTEST)
    assert again == first
    now = carry_on(request, first)
    for words in (OTHER_MNEMONIC, THIRD_MNEMONIC):
        with (
            DeviceEmulator(mnemonic=words, persona="trezor-core", mode="auto") as next_one,
            opened(next_one) as session,
        ):
            last = session.sign_transaction(now, REGTEST)
        now = carry_on(now, last)
    assert len(now.partial) == 6
    accepted_by_consensus(finish(now, REGTEST, last), request, spent(group, PLACES[:2]))


def test_a_carried_signature_that_does_not_verify_never_reaches_the_device(
    trezor: Any, opened: Any, wallet: Any, other_wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    request = spend(wallet, group, PLACES[:2])
    with opened(trezor) as session:
        good = session.sign_transaction(request, REGTEST).partial
    trezor_screens = len(trezor.screens)
    zero, one = good
    forged = (
        (dataclasses.replace(zero, input=1), "of another input"),
        (dataclasses.replace(zero, signature=zero.signature[:-1]), "cut"),
        (dataclasses.replace(zero, signature=one.signature), "of another input's hash"),
        (dataclasses.replace(zero, key=group.keys(0, 5)[0].sec()), "of another key"),
        (dataclasses.replace(zero, input=9), "of no input"),
        (dataclasses.replace(zero, input=-1), "of no input"),
    )
    for each, what in (*forged, (zero, "twice")):
        partial = (zero, zero) if what == "twice" else (each,)
        with opened(trezor) as session, pytest.raises(DeviceError) as error:
            session.sign_transaction(dataclasses.replace(request, partial=partial), REGTEST)
        assert error.value.code == "device.bad_partial_signature", what
    assert len(trezor.screens) == trezor_screens


def test_a_wallet_that_is_no_cosigner_is_refused(
    trezor: Any, opened: Any, wallet: Any, other_wallet: Any, third_wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((other_wallet, 0), (third_wallet, 0)))
    with opened(trezor) as session, pytest.raises(WrongDeviceError) as error:
        session.sign_transaction(spend(wallet, group, PLACES), REGTEST)
    assert error.value.code == "device.foreign_key"
    assert trezor.screens == ()


def test_change_of_another_group_is_no_change(
    trezor: Any, opened: Any, wallet: Any, other_wallet: Any, third_wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    other = Group("p2wsh", 1, ((wallet, 0), (third_wallet, 0)))
    request = spend(wallet, group, PLACES[:1])
    swapped = dataclasses.replace(request.outputs[1], change=other.origin(1, 4))
    request = dataclasses.replace(request, outputs=(request.outputs[0], swapped))
    with opened(trezor) as session, pytest.raises(DeviceError) as error:
        session.sign_transaction(request, REGTEST)
    assert error.value.code == "device.change_mismatch"
    assert trezor.screens == ()


@pytest.mark.parametrize("kind", KINDS)
def test_each_cosigner_shows_the_address_of_the_group(
    every_device: Any, opened: Any, wallet: Any, other_wallet: Any, kind: str
) -> None:
    group = Group(kind, 2, ((other_wallet, 0), (wallet, 0)))
    for place in ((0, 0), (0, 1), (1, 3)):
        expected = group.address(*place)
        with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
            shown = show_group_address(session, REGTEST, kind, group.origin(*place), expected=expected)
        assert shown == expected
        if every_device.emulator is not None:
            assert any(expected in screen.text for screen in every_device.emulator.screens)


def test_a_group_address_that_is_not_ours_is_refused_before_and_a_lie_after(
    trezor: Any, opened: Any, wallet: Any, other_wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((other_wallet, 0), (wallet, 0)))
    with opened(trezor) as session, pytest.raises(DeviceError) as error:
        show_group_address(session, REGTEST, "p2wsh", group.origin(0, 0), expected=group.address(0, 1))
    assert error.value.code == "device.address_mismatch"
    assert trezor.screens == ()
    trezor.set_faults({"wrong_address": True})
    with opened(trezor) as session, pytest.raises(DeceivedError) as lie:
        show_group_address(session, REGTEST, "p2wsh", group.origin(0, 0), expected=group.address(0, 0))
    assert lie.value.code == "device.address_mismatch"


@pytest.mark.parametrize("fault", ["wrong_key_signature", "sign_other_output", "truncate_signature"])
def test_a_lying_cosigner_gives_no_partial_signature(
    every_device: Any, opened: Any, wallet: Any, other_wallet: Any, fault: str
) -> None:
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    device = every_device.built_in("a genuine emulator cannot be told to lie")
    device.set_faults({fault: True})
    with opened(device) as session, pytest.raises(DeceivedError) as error:
        session.sign_transaction(spend(wallet, group, PLACES[:2]), REGTEST)
    assert error.value.code in {"device.invalid_signature", "device.bad_signature"}


def test_a_group_of_one_is_refused_as_core_firmware_signs_another_script(
    trezor: Any, opened: Any, wallet: Any
) -> None:
    request = spend(wallet, Group("p2wsh", 1, ((wallet, 0),)), PLACES[:1])
    with opened(trezor) as session, pytest.raises(DeviceError) as error:
        session.sign_transaction(request, REGTEST)
    assert error.value.code == "device.bad_group"


def test_partial_signatures_name_input_and_key(
    trezor: Any, opened: Any, wallet: Any, other_wallet: Any
) -> None:
    group = Group("p2wsh", 1, ((wallet, 0), (other_wallet, 0)))
    request = spend(wallet, group, PLACES[:1])
    with opened(trezor) as session:
        (found,) = session.sign_transaction(request, REGTEST).partial
    ours = wallet.key((*group.account(0), 0, 0)).to_public().key.sec()
    assert found == PartialSignature(0, ours, found.signature)
    accepted_by_consensus(
        finish(request, REGTEST, SignedInputs((), (found,))), request, spent(group, PLACES[:1])
    )
