"""A spend request becomes exactly the messages it says, or is refused with its own code."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from embit import script
from embit.transaction import Transaction
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages

from vault.address import NETWORKS
from vault.device.bitcoin.request import SpendOutput, SpendRequest
from vault.device.bitcoin.translate import translate
from vault.device.paths import (
    HARDENED,
    check_wallet_path,
    coin_name,
    format_path,
    parse_path,
)
from vault.errors import AddressError, DeviceError, WrongDeviceError

REGTEST = NETWORKS["regtest"]
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def changed_input(request: SpendRequest, **changes: Any) -> SpendRequest:
    first = dataclasses.replace(request.inputs[0], **changes)
    return dataclasses.replace(request, inputs=(first, *request.inputs[1:]))


def changed_output(request: SpendRequest, index: int, **changes: Any) -> SpendRequest:
    outputs = list(request.outputs)
    outputs[index] = dataclasses.replace(outputs[index], **changes)
    return dataclasses.replace(request, outputs=tuple(outputs))


def refusal(wallet: Any, request: SpendRequest, network: str = "regtest") -> str:
    with pytest.raises(DeviceError) as error:
        translate(request, NETWORKS[network], wallet.fingerprint)
    return error.value.code


def test_every_field_of_inputs_and_outputs_is_carried_over(wallet: Any) -> None:
    request = wallet.request("p2wpkh", "p2tr")
    result = translate(request, REGTEST, wallet.fingerprint)
    assert result.coin == "Regtest"
    for given_input, message in zip(request.inputs, result.passes[0].inputs, strict=True):
        assert message.prev_hash.hex() == given_input.txid
        assert message.prev_index == given_input.vout
        assert message.sequence == given_input.sequence
        assert message.amount == given_input.amount_sat
        assert tuple(message.address_n) == given_input.origin.path
    kinds = messages.InputScriptType
    assert [message.script_type for message in result.passes[0].inputs] == [
        kinds.SPENDWITNESS,
        kinds.SPENDTAPROOT,
    ]
    pay, change = result.outputs
    assert (pay.address, pay.amount, list(pay.address_n)) == (STRANGER, 60_000, [])
    assert change.address is None
    assert tuple(change.address_n) == request.outputs[1].change.path
    assert change.script_type == messages.OutputScriptType.PAYTOWITNESS


def test_previous_transactions_keep_all_that_their_txid_commits_to(wallet: Any) -> None:
    request = wallet.request("p2wpkh", "p2wpkh")
    result = translate(request, REGTEST, wallet.fingerprint)
    assert len(result.prev_txes) == 2
    for spend in request.inputs:
        message = result.prev_txes[bytes.fromhex(spend.txid)]
        original = Transaction.parse(spend.prevtx)
        assert (message.version, message.lock_time) == (original.version, original.locktime)
        assert [o.amount for o in message.bin_outputs] == [o.value for o in original.vout]
        assert [o.script_pubkey for o in message.bin_outputs] == [o.script_pubkey.data for o in original.vout]
        assert [i.prev_hash for i in message.inputs] == [i.txid for i in original.vin]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"script_type": "p2pkh"}, "device.forbidden_path"),
        ({"script_type": "p2sh-p2wpkh"}, "device.forbidden_path"),
        ({"script_type": "p2wsh"}, "device.unsupported_script_type"),
        ({"script_type": "p2tr"}, "device.forbidden_path"),
        ({"vout": 0}, "device.amount_mismatch"),
        ({"vout": 2}, "device.prevtx_mismatch"),
        ({"vout": -1}, "device.prevtx_mismatch"),
        ({"amount_sat": 100_001}, "device.amount_mismatch"),
        ({"amount_sat": 0}, "device.bad_amount"),
        ({"amount_sat": -5}, "device.bad_amount"),
        ({"amount_sat": 2_100_000_000_000_001}, "device.bad_amount"),
        ({"amount_sat": 100_000.0}, "device.bad_amount"),
        ({"amount_sat": True}, "device.bad_amount"),
        ({"txid": "00" * 32}, "device.prevtx_mismatch"),
        ({"sequence": 2**32}, "device.bad_sequence"),
        ({"sequence": -1}, "device.bad_sequence"),
        ({"prevtx": b""}, "device.malformed_transaction"),
        ({"sighash": 3}, "device.unsupported_sighash"),
        ({"sighash": 0x81}, "device.unsupported_sighash"),
        ({"sighash": 0}, "device.unsupported_sighash"),
    ],
)
def test_an_input_that_is_not_exactly_ours_is_refused(
    wallet: Any, changes: dict[str, Any], code: str
) -> None:
    assert refusal(wallet, changed_input(wallet.request("p2wpkh", "p2wpkh"), **changes)) == code


def test_default_sighash_is_taken_in_either_spelling_and_no_other(wallet: Any) -> None:
    for kind, good, bad in (("p2wpkh", (None, 1), (0, 2, 0x81)), ("p2tr", (None, 0), (1, 2, 0x81))):
        request = wallet.request(kind)
        for sighash in good:
            translate(changed_input(request, sighash=sighash), REGTEST, wallet.fingerprint)
        for sighash in bad:
            assert refusal(wallet, changed_input(request, sighash=sighash)) == "device.unsupported_sighash"


@pytest.mark.parametrize(
    "path",
    [
        "m/84h/1h/0h/2/0",
        "m/84h/0h/0h/0/0",
        "m/84h/1h/100h/0/0",
        "m/84h/1h/0/0/0",
        "m/84h/1h/0h/0/0h",
        "m/84h/1h/0h/0/1000001",
        "m/84h/1h/0h/0",
        "m/86h/1h/0h/0/0",
        "m/49h/1h/0h/0/0",
        "m",
    ],
)
def test_inputs_and_change_on_other_paths_are_refused(wallet: Any, path: str) -> None:
    request = wallet.request("p2wpkh")
    origin = dataclasses.replace(request.inputs[0].origin, path=parse_path(path))
    assert refusal(wallet, changed_input(request, origin=origin)) == "device.forbidden_path"
    change = refusal(wallet, changed_output(request, 1, change=origin))
    kinds = {86: "device.change_mismatch", 49: "device.change_mismatch"}
    unknown = {0: "device.unsupported_script_type"}
    known = {84: "device.forbidden_path"}
    purpose = origin.path[0] - HARDENED if origin.path else 0
    assert change == {**kinds, **unknown, **known}[purpose]


def test_keys_of_another_wallet_are_refused_by_fingerprint(wallet: Any, other_wallet: Any) -> None:
    request = wallet.request("p2wpkh")
    foreign = dataclasses.replace(request.inputs[0].origin, fingerprint=other_wallet.fingerprint)
    for forged in (changed_input(request, origin=foreign), changed_output(request, 1, change=foreign)):
        with pytest.raises(WrongDeviceError) as error:
            translate(forged, REGTEST, wallet.fingerprint)
        assert error.value.code == "device.foreign_key"


def test_a_previous_output_of_another_script_type_is_refused(wallet: Any) -> None:
    path = wallet.path("p2tr", 0)
    taproot = wallet.input("p2tr", 0, 100_000)
    request = wallet.request("p2wpkh")
    assert path[0] == 86 | HARDENED
    forged = changed_input(request, txid=taproot.txid, prevtx=taproot.prevtx)
    assert refusal(wallet, forged) == "device.script_type_mismatch"


def test_an_input_twice_is_refused(wallet: Any) -> None:
    request = wallet.request("p2wpkh")
    twice = dataclasses.replace(request, inputs=request.inputs * 2)
    assert refusal(wallet, twice) == "device.duplicate_input"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 0}, "device.unsupported_version"),
        ({"version": 3}, "device.unsupported_version"),
        ({"locktime": 2**32}, "device.bad_locktime"),
        ({"locktime": -1}, "device.bad_locktime"),
        ({"inputs": ()}, "device.bad_counts"),
        ({"outputs": ()}, "device.bad_counts"),
    ],
)
def test_a_transaction_out_of_shape_is_refused(wallet: Any, changes: dict[str, Any], code: str) -> None:
    assert refusal(wallet, dataclasses.replace(wallet.request("p2wpkh"), **changes)) == code


@pytest.mark.parametrize(
    ("index", "changes", "code"),
    [
        (0, {"amount_sat": 0}, "device.bad_amount"),
        (0, {"amount_sat": 10**9}, "device.not_enough_funds"),
        (0, {"address": None}, "device.bad_output"),
        (
            0,
            {"address": "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"},
            "device.output_mismatch",
        ),
        (0, {"script_pubkey": bytes.fromhex("6a0548454c4c4f")}, "device.bad_amount"),
        (0, {"script_pubkey": b"\x51"}, "device.output_mismatch"),
        (1, {"address": STRANGER}, "device.bad_output"),
        (1, {"script_pubkey": b"\x00\x20" + b"\1" * 32}, "device.change_mismatch"),
        (1, {"script_pubkey": b"\x51\x20" + b"\1" * 32}, "device.change_mismatch"),
    ],
)
def test_an_output_that_cannot_be_said_exactly_is_refused(
    wallet: Any, index: int, changes: dict[str, Any], code: str
) -> None:
    assert refusal(wallet, changed_output(wallet.request("p2wpkh"), index, **changes)) == code


def test_an_address_of_another_network_is_refused(wallet: Any) -> None:
    request = changed_output(
        wallet.request("p2wpkh"), 0, address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    )
    with pytest.raises(AddressError) as error:
        translate(request, REGTEST, wallet.fingerprint)
    assert error.value.code == "address.wrong_network"


def test_a_wallet_of_a_test_network_is_refused_on_mainnet(wallet: Any) -> None:
    assert refusal(wallet, wallet.request("p2wpkh"), "mainnet") == "device.forbidden_path"


@pytest.mark.parametrize(
    "address",
    [
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
        "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
    ],
)
def test_payments_to_any_known_kind_of_address_are_translated(wallet: Any, address: str) -> None:
    data = script.address_to_scriptpubkey(address).data
    request = changed_output(wallet.request("p2wpkh"), 0, address=address, script_pubkey=data)
    result = translate(request, REGTEST, wallet.fingerprint)
    assert result.outputs[0].address == address


@pytest.mark.parametrize("kind", ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"])
def test_change_is_sent_by_key_only_when_the_key_makes_the_script(wallet: Any, kind: str) -> None:
    request = wallet.request(kind)
    result = translate(request, REGTEST, wallet.fingerprint)
    assert tuple(result.outputs[1].address_n) == request.outputs[1].change.path
    for other in (wallet.path(kind, 4, 1), wallet.path(kind, 3, 0), wallet.path(kind, 3, 1, account=1)):
        origin = wallet.origin(other)
        assert refusal(wallet, changed_output(request, 1, change=origin)) == "device.change_mismatch"
        named = dataclasses.replace(origin, key=request.outputs[1].change.key)
        translate(changed_output(request, 1, change=named), REGTEST, wallet.fingerprint)


@pytest.mark.parametrize("kind", ["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"])
def test_an_input_of_another_key_is_refused_before_the_device_is_asked(wallet: Any, kind: str) -> None:
    request = wallet.request(kind, kind)
    stranger = dataclasses.replace(request.inputs[0].origin, key=request.inputs[1].origin.key)
    assert refusal(wallet, changed_input(request, origin=stranger)) == "device.script_mismatch"
    for key in (b"", b"\4" + bytes(64), b"\2" * 34):
        broken = dataclasses.replace(request.inputs[0].origin, key=key)
        assert refusal(wallet, changed_input(request, origin=broken)) == "device.bad_key"


def with_data(request: SpendRequest, script_pubkey: bytes, **changes: Any) -> SpendRequest:
    facts = {"amount_sat": 0, "script_pubkey": script_pubkey, **changes}
    return dataclasses.replace(request, outputs=(*request.outputs, SpendOutput(**facts)))


@pytest.mark.parametrize("data", [b"\1", b"x" * 75, b"x" * 76, b"x" * 80])
def test_op_return_data_is_what_the_push_pushes(wallet: Any, data: bytes) -> None:
    header = bytes([len(data)]) if len(data) < 76 else b"\x4c" + bytes([len(data)])
    result = translate(
        with_data(wallet.request("p2wpkh"), b"\x6a" + header + data), REGTEST, wallet.fingerprint
    )
    message = result.outputs[2]
    assert (message.op_return_data, message.amount, message.address) == (data, 0, None)
    assert message.script_type == messages.OutputScriptType.PAYTOOPRETURN


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "00",  # an empty push
        "51",  # a number, no push of data
        "4c05" + "aa" * 5,  # PUSHDATA1 where a direct push does
        "4d5000" + "aa" * 80,  # PUSHDATA2
        "4e50000000" + "aa" * 80,  # PUSHDATA4
        "4c51" + "aa" * 81,  # more than nodes relay
        "05aaaaaaaa",  # a byte too few
        "05aaaaaaaaaa00",  # a byte too many
        "02aaaa02bbbb",  # two pushes
        "6a02aaaa",  # another OP_RETURN
        "08" + b"omni".hex() + "00000000",  # shown as something else
    ],
)
def test_op_return_scripts_that_a_device_would_write_otherwise_are_refused(wallet: Any, tail: str) -> None:
    request = with_data(wallet.request("p2wpkh"), bytes.fromhex("6a" + tail))
    assert refusal(wallet, request) == "device.op_return_unsupported"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_sat": 1}, "device.bad_amount"),
        ({"amount_sat": False}, "device.bad_amount"),
        ({"address": STRANGER}, "device.bad_output"),
    ],
)
def test_op_return_burns_nothing_and_pays_nobody(wallet: Any, changes: dict[str, Any], code: str) -> None:
    request = with_data(wallet.request("p2wpkh"), bytes.fromhex("6a02aaaa"), **changes)
    assert refusal(wallet, request) == code


@pytest.mark.parametrize(
    ("name", "coin"),
    [("mainnet", "Bitcoin"), ("regtest", "Regtest"), ("testnet4", "Testnet"), ("signet", "Testnet")],
)
def test_each_network_has_its_coin_and_regtest_is_never_sent_as_testnet(name: str, coin: str) -> None:
    assert coin_name(NETWORKS[name]) == coin


@given(st.lists(st.integers(0, 2**32 - 1), max_size=10))
def test_paths_read_back_as_they_are_written(steps: list[int]) -> None:
    assert parse_path(format_path(steps)) == tuple(steps)
    assert parse_path(steps) == tuple(steps)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "m/",
        "m//0",
        "m/-1",
        "m/0x1",
        "m/2147483648",
        "m/1hh",
        "m/٣",
        "84h/",
        "m/1/m",
        "m/" + "1/" * 10 + "1",
    ],
)
def test_refuses_what_is_no_path(path: str) -> None:
    with pytest.raises(DeviceError) as error:
        parse_path(path)
    assert error.value.code == "device.bad_path"


@pytest.mark.parametrize("steps", [(-1,), (2**32,), (True,), (1.0,), (0,) * 11])
def test_refuses_steps_that_are_no_32_bit_numbers(steps: tuple[Any, ...]) -> None:
    with pytest.raises(DeviceError):
        parse_path(steps)


@given(
    st.lists(st.integers(0, 2**32 - 1), min_size=0, max_size=6),
    st.sampled_from(["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr"]),
)
def test_only_the_schema_of_the_script_type_passes(steps: list[int], kind: str) -> None:
    with pytest.raises(DeviceError):
        check_wallet_path(tuple(steps), kind, NETWORKS["mainnet"])


def test_change_is_change_only_when_the_caller_says_so(wallet: Any) -> None:
    request = wallet.request("p2wpkh")
    ours = wallet.address("p2wpkh", 3, 1)
    as_payment = dataclasses.replace(
        request,
        outputs=(
            request.outputs[0],
            SpendOutput(request.outputs[1].amount_sat, request.outputs[1].script_pubkey, address=ours),
        ),
    )
    result = translate(as_payment, REGTEST, wallet.fingerprint)
    assert result.outputs[1].address == ours
    assert list(result.outputs[1].address_n) == []
