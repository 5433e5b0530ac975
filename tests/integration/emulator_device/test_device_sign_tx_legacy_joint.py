"""SignTx as the C firmwares do it with more than our single keys: inputs of others, replacements, groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from embit.transaction import Transaction
from trezorlib import btc, exceptions, messages
from trezorlib import client as trezor_client
from trezorlib.tools import parse_path
from trezorlib.transport import get_transport

from emulator.device.server import DeviceEmulator
from tests.support.sign_tx_host import ABANDON, Host, bench_of, pay, shown

m: Any = messages
LEGACY, NESTED = m.InputScriptType.SPENDADDRESS, m.InputScriptType.SPENDP2SHWITNESS
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
GROUP_OUTPUT = m.OutputScriptType.PAYTOWITNESS
OTHER = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"
C_FIRMWARES = ["trezor-one", "onekey-classic1s"]
SIGN_TX, CONFIRM_OUTPUT = int(m.ButtonRequestType.SignTx), int(m.ButtonRequestType.ConfirmOutput)


@pytest.fixture(params=C_FIRMWARES)
def legacy(request: Any, bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    """A device with C firmware that confirms everything, and coins for it."""
    yield from bench_of(request.param, bench, connected)


@pytest.fixture
def trezor_one(bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    yield from bench_of("trezor-one", bench, connected)


@pytest.fixture
def onekey(bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    yield from bench_of("onekey-classic1s", bench, connected)


def relax(bench: Any) -> None:
    level = m.SafetyCheckLevel.PromptTemporarily
    bench.session.call(m.ApplySettings(safety_checks=level), expect=m.Success)


# Inputs of others


def external(bench: Any, txi: Any, **fields: Any) -> Any:
    script, amount = bench.spent[(txi.prev_hash, txi.prev_index)]
    kind = m.InputScriptType.EXTERNAL
    outpoint = {"prev_hash": txi.prev_hash, "prev_index": txi.prev_index}
    return m.TxInputType(**outpoint, amount=amount, script_pubkey=script, script_type=kind, **fields)


def test_nothing_vouches_for_an_input_but_a_proof(legacy: Any) -> None:
    ours, theirs = legacy.fund(WITNESS, 100_000), legacy.fund(TAPROOT, 100_000)
    signed = external(legacy, theirs, witness=b"\x01\x40" + bytes(64))
    Host(legacy, [ours, signed], [pay(190_000)]).refused("ProcessError: Unverifiable external input.")


def test_with_relaxed_checks_an_unverified_input_is_asked_about(legacy: Any) -> None:
    relax(legacy)
    ours, theirs = legacy.fund(WITNESS, 100_000), legacy.fund(TAPROOT, 100_000)
    since = len(legacy.device.screens)
    witness = b"\x01\x40" + bytes(64)
    host = Host(legacy, [ours, external(legacy, theirs, witness=witness)], [pay(190_000)])
    signed = Transaction.parse(host.sign())
    assert "unverified_external_input" in [name for name, _ in shown(legacy, since)]
    assert signed.vin[1].witness.serialize() == witness  # written as it came
    assert sorted(host.signatures) == [0]


def proof_by(bench: Any, kind: Any, mnemonic: str = "all " * 11 + "all") -> tuple[Any, bytes]:
    """(coin of someone else, a proof that it is theirs)."""
    with DeviceEmulator(mnemonic=mnemonic, mode="auto") as device:
        other = _other_bench(bench, device)
        txi = other.fund(kind, 100_000)
        proof, _ = btc.get_ownership_proof(
            other.session, "Regtest", other.path(kind), script_type=kind, commitment_data=b"why"
        )
    return txi, proof


def _other_bench(bench: Any, device: DeviceEmulator) -> Any:
    client = trezor_client.get_client(trezor_client.AppManifest("tests"), get_transport(device.path))
    return type(bench)(device, client, client.get_session(""), bench.coin, bench.prev_txes, bench.spent)


@pytest.mark.parametrize("kind", [WITNESS, TAPROOT])
def test_a_proof_makes_a_transaction_with_others(trezor_one: Any, kind: Any) -> None:
    theirs, proof = proof_by(trezor_one, kind)
    foreign = external(trezor_one, theirs, ownership_proof=proof, commitment_data=b"why")
    Host(trezor_one, [trezor_one.fund(WITNESS, 100_000), foreign], [pay(190_000)]).sign()
    assert trezor_one.device.screens[-1].name == "confirm_joint_total"
    assert trezor_one.device.screens[-1].lines == ("0.001 REGTEST", "to the total amount:", "0.002 REGTEST")


def test_only_native_segwit_can_be_proven(legacy: Any) -> None:
    theirs, proof = proof_by(legacy, LEGACY)
    foreign = external(legacy, theirs, ownership_proof=proof, commitment_data=b"why")
    Host(legacy, [foreign], [pay(90_000)]).refused("DataError: Invalid external input.")


def _bend(proof: bytes) -> bytes:
    return proof[:60] + bytes([proof[60] ^ 1]) + proof[61:]


def _two_owners(proof: bytes) -> bytes:
    return proof[:5] + b"\x02" + proof[6:38] + proof[6:]


@pytest.mark.parametrize("spoil", [_bend, _two_owners, lambda proof: proof[:-1], lambda proof: proof + b"\0"])
def test_a_proof_that_is_none(legacy: Any, spoil: Callable[[bytes], bytes]) -> None:
    theirs, proof = proof_by(legacy, TAPROOT)
    foreign = external(legacy, theirs, ownership_proof=spoil(proof), commitment_data=b"why")
    Host(legacy, [foreign], [pay(90_000)]).refused("DataError: Invalid external input.")


def test_a_coin_of_ours_is_not_proven_to_be_someone_elses(legacy: Any) -> None:
    ours, proof = proof_by(legacy, WITNESS, mnemonic=ABANDON)
    foreign = external(legacy, ours, ownership_proof=proof, commitment_data=b"why")
    Host(legacy, [foreign], [pay(90_000)]).refused("DataError: Invalid external input.")


# Replacement


def replaceable(bench: Any, kind: Any, outputs: list[Any], coins: int = 1) -> Host:
    """A transaction the device signed, as its replacement is asked for."""
    inputs = [bench.fund(kind, 100_000, f"0/{i}") for i in range(coins)]
    host = Host(bench, inputs, outputs)
    signed = Transaction.parse(host.sign())
    before = deepcopy(inputs)
    for txi, vin in zip(before, signed.vin, strict=True):
        txi.script_sig = vin.script_sig.data
        txi.witness = vin.witness.serialize() if vin.witness.items else None
    bench.prev_txes[signed.txid()] = m.TransactionType(
        version=signed.version,
        lock_time=signed.locktime,
        inputs=before,
        outputs=deepcopy(outputs),
        bin_outputs=[
            m.TxOutputBinType(amount=out.value, script_pubkey=out.script_pubkey.data) for out in signed.vout
        ],
    )
    for pieces in (inputs, outputs):
        for number, piece in enumerate(pieces):
            piece.orig_hash, piece.orig_index = signed.txid(), number
    return Host(bench, inputs, outputs)


@pytest.mark.parametrize("kind", [LEGACY, NESTED, WITNESS, TAPROOT])
def test_a_fee_bump_shows_the_transaction_and_the_fee(trezor_one: Any, kind: Any) -> None:
    host = replaceable(trezor_one, kind, [pay(40_000), trezor_one.change(kind, 50_000)])
    host.outputs[1].amount -= 5_000
    since = len(trezor_one.device.screens)
    assert trezor_one.accepted_by_kernel(host.sign())
    assert shown(trezor_one, since) == [("confirm_replacement", SIGN_TX), ("modify_fee", SIGN_TX)]
    assert trezor_one.device.screens[since].title == "Update TXID:"


def test_a_lowered_payment_is_shown_on_two_screens(legacy: Any) -> None:
    host = replaceable(legacy, WITNESS, [pay(90_000)])
    host.outputs[0].amount -= 5_000
    since = len(legacy.device.screens)
    host.sign()
    modified = [("modify_output", CONFIRM_OUTPUT)] * 2
    assert shown(legacy, since)[1:3] == modified


def _removed(host: Host) -> None:
    del host.inputs[1]


def _swapped(host: Host) -> None:
    host.inputs.reverse()


def _of_another(host: Host) -> None:
    host.inputs[1].orig_hash = b"\x07" * 32


def _new_payment(host: Host) -> None:
    host.outputs[1].amount -= 1_000
    host.outputs.append(pay(1_000, OTHER))


def _raised(host: Host) -> None:
    host.outputs[0].amount += 1
    host.outputs[1].amount -= 1


def _payment_dropped(host: Host) -> None:
    del host.outputs[0]


def _redirected(host: Host) -> None:
    host.outputs[0].address = OTHER


def _lock_time(host: Host) -> None:
    host.bench.prev_txes[host.inputs[0].orig_hash].inputs[0].sequence = 0


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_removed, "DataError: Removal of original inputs is not supported."),
        (_swapped, "DataError: Rearranging or removal of original inputs is not supported."),
        (_of_another, "ProcessError: Only one original transaction is allowed."),
        (
            _new_payment,
            "ProcessError: Adding new external outputs in replacement transactions is not supported.",
        ),
        (_raised, "ProcessError: Increasing original output amounts is not supported."),
        (_payment_dropped, "DataError: Removal of original external outputs is not supported."),
        (_redirected, "ProcessError: Not an original output."),
        (_lock_time, "ProcessError: Invalid original TXID."),
    ],
)
def test_a_replacement_that_is_none(legacy: Any, spoil: Callable[[Host], None], text: str) -> None:
    host = replaceable(legacy, WITNESS, [pay(140_000), legacy.change(WITNESS, 50_000)], coins=2)
    spoil(host)
    host.refused(text)


@pytest.mark.parametrize("kind", [LEGACY, WITNESS, TAPROOT])
def test_an_original_we_did_not_sign(legacy: Any, kind: Any) -> None:
    host = replaceable(legacy, kind, [pay(90_000)])
    host.outputs[0].amount -= 1_000
    known = legacy.prev_txes[host.inputs[0].orig_hash].inputs[0]
    name = "witness" if known.witness else "script_sig"
    signed = getattr(known, name)
    if kind == LEGACY:  # part of the id: the original is another transaction then
        setattr(known, name, signed[:20] + bytes([signed[20] ^ 1]) + signed[21:])
        host.refused("ProcessError: Invalid original TXID.")
        return
    setattr(known, name, signed[:20] + bytes([signed[20] ^ 1]) + signed[21:])
    host.refused("DataError: Invalid signature.")
    setattr(known, name, None)
    host.refused("DataError: Unsupported signature script.")


# Groups


def group(bench: Any, suffix: tuple[int, int], slots: list[bytes], threshold: int = 1) -> Any:
    """Two accounts of this wallet; ours is the first."""
    nodes = [
        btc.get_public_node(bench.session, parse_path(f"m/48h/1h/{i}h/2h"), coin_name="Regtest").node
        for i in range(2)
    ]
    keys = [m.HDNodePathType(node=node, address_n=list(suffix)) for node in nodes]
    return m.MultisigRedeemScriptType(pubkeys=keys, signatures=slots, m=threshold)


def group_coin(bench: Any, slots: list[bytes]) -> Any:
    path = parse_path("m/48h/1h/0h/2h/0/0")
    shape = group(bench, (0, 0), [b"", b""])
    address = btc.get_address(bench.session, "Regtest", path, script_type=WITNESS, multisig=shape)
    signed = Transaction.parse(
        Host(bench, [bench.fund(TAPROOT, 100_000, "0/9")], [pay(99_000, address)]).sign()
    )
    bench.prev_txes[signed.txid()] = m.TransactionType(
        version=signed.version,
        lock_time=signed.locktime,
        inputs=[
            m.TxInputType(prev_hash=vin.txid, prev_index=vin.vout, script_sig=b"", sequence=vin.sequence)
            for vin in signed.vin
        ],
        bin_outputs=[m.TxOutputBinType(amount=99_000, script_pubkey=signed.vout[0].script_pubkey.data)],
    )
    bench.spent[(signed.txid(), 0)] = (signed.vout[0].script_pubkey.data, 99_000)
    outpoint = {"prev_hash": signed.txid(), "prev_index": 0}
    shape = group(bench, (0, 0), slots)
    return m.TxInputType(address_n=path, **outpoint, amount=99_000, script_type=WITNESS, multisig=shape)


def test_a_group_is_signed_in_our_place_whatever_stood_there(legacy: Any) -> None:
    host = Host(legacy, [group_coin(legacy, [b"\x30" * 70, b""])], [pay(90_000)])
    assert legacy.accepted_by_kernel(host.sign())


def test_without_a_place_for_it_our_signature_is_only_returned(legacy: Any) -> None:
    host = Host(legacy, [group_coin(legacy, [])], [pay(90_000)])
    witness = Transaction.parse(host.sign()).vin[0].witness.items
    assert [len(item) for item in witness] == [0, 71]
    assert 0 in host.signatures


def test_a_single_key_output_of_the_groups_account(trezor_one: Any, onekey: Any) -> None:
    """To OneKey's firmware it is change, to Trezor One's a payment."""
    for bench, asked in ((trezor_one, True), (onekey, False)):
        txi = group_coin(bench, [b"", b""])
        own = m.TxOutputType(
            address_n=parse_path("m/48h/1h/0h/2h/1/0"), amount=50_000, script_type=GROUP_OUTPUT
        )
        since = len(bench.device.screens)
        Host(bench, [txi], [pay(40_000), own]).sign()
        paths = [screen.lines[-1] for screen in bench.device.screens[since:] if "m/48" in screen.lines[-1]]
        assert bool([line for line in paths if line == "m/48'/1'/0'/2'/1/0"]) is asked


def test_change_of_the_group_is_not_asked_about(legacy: Any) -> None:
    txi = group_coin(legacy, [b"", b""])
    path, shape = parse_path("m/48h/1h/0h/2h/1/0"), group(legacy, (1, 0), [b"", b""])
    change = m.TxOutputType(address_n=path, amount=90_000, script_type=GROUP_OUTPUT, multisig=shape)
    since = len(legacy.device.screens)
    assert legacy.accepted_by_kernel(Host(legacy, [txi], [change]).sign())
    assert shown(legacy, since) == [("confirm_total", SIGN_TX)]


def test_a_group_without_our_key(legacy: Any) -> None:
    txi = group_coin(legacy, [b"", b""])
    txi.address_n = parse_path("m/48h/1h/5h/2h/0/0")
    Host(legacy, [txi], [pay(90_000)]).refused("ProcessError: Failed to derive scriptPubKey")


# Coinjoin

ACCOUNT = parse_path("m/10025h/1h/0h/1h")


def _round(bench: Any, **fields: Any) -> Any:
    """Authorise two rounds, then ask for one with a coin of ours alone; the last answer."""
    session = bench.session
    btc.authorize_coinjoin(session, "www.example.com", 2, 500_000, 3_500, ACCOUNT, "Regtest", TAPROOT)
    txi = m.TxInputType(
        address_n=[*ACCOUNT, 0, 0], prev_hash=b"\x09" * 32, prev_index=0, amount=100_000, script_type=TAPROOT
    )
    txo = m.TxOutputType(
        address_n=[*ACCOUNT, 1, 0], amount=99_900, script_type=m.OutputScriptType.PAYTOTAPROOT
    )
    for name, value in fields.items():
        setattr(txo if name == "amount" else txi, name, value)
    request = m.CoinJoinRequest(
        fee_rate=500_000, no_fee_threshold=0, min_registrable_amount=5_000, mask_public_key=b"", signature=b""
    )
    return btc.sign_tx(
        session, "Regtest", [txi], [txo], prev_txes={}, coinjoin_request=request, preauthorized=True
    )


def test_an_authorised_round_is_signed_without_a_question(trezor_one: Any) -> None:
    signatures, serialized = _round(trezor_one)
    asked = [name for name, _ in shown(trezor_one)]
    assert "confirm_total" not in asked
    assert "confirm_output" not in asked
    assert Transaction.parse(serialized).vin[0].witness.items == [signatures[0]]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"address_n": parse_path("m/86h/1h/0h/0/0")}, "Unauthorized path"),
        ({"amount": 80_000}, "Total fee over threshold."),
    ],
)
def test_a_round_outside_its_bounds(trezor_one: Any, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(exceptions.TrezorFailure, match=text):
        _round(trezor_one, **fields)


def test_the_classic_signs_no_input_that_is_not_unmasked(onekey: Any) -> None:
    with pytest.raises(exceptions.TrezorFailure, match="Unauthorized input"):
        _round(onekey)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"max_rounds": 0}, "Invalid number of rounds."),
        ({"max_rounds": 501}, "The number of rounds is unexpectedly large."),
        ({"max_coordinator_fee_rate": 5_000_001}, "The coordination fee rate is unexpectedly large."),
        ({"max_fee_per_kvbyte": 100_000_001}, "The fee per vbyte is unexpectedly large."),
        ({"address_n": []}, "Empty path not allowed."),
        ({"address_n": parse_path("m/86h/1h/0h")}, "Forbidden key path."),
    ],
)
def test_bounds_that_cannot_be_authorised(legacy: Any, fields: dict[str, Any], text: str) -> None:
    bounds = {"max_rounds": 2, "max_coordinator_fee_rate": 500_000, "max_fee_per_kvbyte": 3_500}
    account = {"coordinator": "www.example.com", "address_n": ACCOUNT, "coin_name": "Regtest"}
    request = m.AuthorizeCoinJoin(**{**bounds, **account, "script_type": TAPROOT, **fields})
    with pytest.raises(exceptions.TrezorFailure) as caught:
        legacy.session.call(request)
    assert f"{caught.value.code.name}: {caught.value.message}" == f"DataError: {text}"
    assert shown(legacy) == []
