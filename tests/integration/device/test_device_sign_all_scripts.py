"""Every script type, signed by every persona (and a genuine emulator by option), judged by others.

Signatures are verified over embit's hashes, and the finished transaction by libbitcoinkernel.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from embit import script

from tests.support.groups import accepted_by_consensus
from vault.address import NETWORKS
from vault.device.bitcoin.finish import finish
from vault.device.bitcoin.request import SpendOutput, SpendRequest
from vault.device.prompt import Prompt, SigningProgress
from vault.errors import DeviceError

REGTEST = NETWORKS["regtest"]
SINGLE = ("p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr")


def spent_scripts(wallet: Any, request: SpendRequest) -> list[bytes]:
    return [wallet.script(spend.origin.path).data for spend in request.inputs]


def data_output(data: bytes) -> SpendOutput:
    push = bytes([len(data)]) if len(data) < 76 else b"\x4c" + bytes([len(data)])
    return SpendOutput(0, b"\x6a" + push + data)


@pytest.mark.parametrize("kind", SINGLE)
def test_each_script_type_signs_and_the_network_accepts_it(
    every_device: Any, opened: Any, wallet: Any, verified: Any, kind: str
) -> None:
    request = wallet.request(kind, kind, kind)
    counted: list[SigningProgress] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        signed = session.sign_transaction(request, REGTEST, counted.append)
    assert verified(wallet, request, signed)
    accepted_by_consensus(finish(request, REGTEST, signed), request, spent_scripts(wallet, request))
    assert counted == [
        *(SigningProgress(1, 1, answered, 3) for answered in range(4)),
        SigningProgress(1, 1, 3, 3, proven=True),
    ]


def test_all_script_types_in_one_transaction_from_several_accounts(
    every_device: Any, opened: Any, wallet: Any, verified: Any
) -> None:
    inputs = tuple(
        wallet.input(kind, number, 50_000 + number, account=number % 3)
        for number, kind in enumerate((*SINGLE, *SINGLE))
    )
    total = sum(each.amount_sat for each in inputs)
    payment = wallet.request("p2wpkh").outputs[0]
    outputs = (payment, *(wallet.change(kind, 1, 10_000) for kind in SINGLE), data_output(b"ledger 7"))
    request = SpendRequest(2, 800_000, inputs, outputs)
    assert request.fee_sat == total - 60_000 - 40_000
    # A fee this high is refused by strict devices: the rest goes back as change.
    back = wallet.change("p2wpkh", 9, request.fee_sat - 9_000)
    request = dataclasses.replace(request, outputs=(*outputs, back))
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert verified(wallet, request, signed)
    accepted_by_consensus(finish(request, REGTEST, signed), request, spent_scripts(wallet, request))


@pytest.mark.parametrize("size", [1, 75, 76, 80])
def test_op_return_keeps_its_true_data_across_the_pushdata_border(
    every_device: Any, opened: Any, wallet: Any, verified: Any, size: int
) -> None:
    plain = wallet.request("p2wpkh")
    data = bytes(range(1, size + 1))
    request = dataclasses.replace(plain, outputs=(plain.outputs[0], data_output(data), plain.outputs[1]))
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert verified(wallet, request, signed)
    raw = finish(request, REGTEST, signed)
    assert script.Script(request.outputs[1].script_pubkey).serialize() in raw
    accepted_by_consensus(raw, request, spent_scripts(wallet, request))


@pytest.mark.parametrize(
    ("version", "locktime", "sequence"),
    [(1, 0, 0xFFFFFFFF), (2, 800_000, 0), (2, 1_700_000_000, 0xFFFFFFFE), (1, 5, 144), (2, 500, 0xFFFFFFFF)],
)
def test_version_locktime_and_sequence_are_signed_as_they_stand(
    *, every_device: Any, opened: Any, wallet: Any, verified: Any, version: int, locktime: int, sequence: int
) -> None:
    plain = wallet.request("p2pkh", "p2tr")
    inputs = tuple(dataclasses.replace(each, sequence=sequence) for each in plain.inputs)
    request = SpendRequest(version, locktime, inputs, plain.outputs)
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert verified(wallet, request, signed)
    accepted_by_consensus(finish(request, REGTEST, signed), request, spent_scripts(wallet, request))


@pytest.mark.parametrize(
    "address",
    [
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
        "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
        "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
        "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
    ],
)
def test_payments_go_to_every_kind_of_address(
    every_device: Any, opened: Any, wallet: Any, verified: Any, address: str
) -> None:
    plain = wallet.request("p2wpkh")
    target = SpendOutput(60_000, script.address_to_scriptpubkey(address).data, address=address)
    request = dataclasses.replace(plain, outputs=(target, plain.outputs[1]))
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


def test_everything_the_person_is_asked_stands_in_the_prompt(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    plain = wallet.request("p2wpkh", "p2wpkh", locktime=800_000)
    request = dataclasses.replace(plain, outputs=(*plain.outputs, data_output(b"\xca\xfe")))
    prompts: list[Prompt] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint, on_prompt=prompts.append) as session:
        session.sign_transaction(request, REGTEST)
    said = "\n".join(prompts[-1].lines)
    if every_device.emulator is None:
        pytest.skip("what a genuine emulator draws is not read here")
    facts = ("REGTEST", "bcrt1", "cafe", "800000")
    shown = [
        word
        for screen in every_device.emulator.screens
        for line in screen.lines
        for word in (line, *line.split(": "))
        if any(fact in word for fact in facts)
    ]
    assert len(shown) >= 5
    for text in shown:
        # Words around a fact differ between makes and versions: the facts themselves must be there.
        for fact in text.replace("?", "").split():
            if any(part in fact for part in ("bcrt1", "cafe", "800000")) or fact[:2] == "0.":
                assert fact in said, (fact, said)


def test_one_refused_piece_stops_everything_before_the_device_is_asked(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    request = wallet.request("p2wpkh", "p2wpkh", "p2wpkh")
    forged = dataclasses.replace(request.inputs[1], sighash=0x83)
    request = dataclasses.replace(request, inputs=(request.inputs[0], forged, request.inputs[2]))
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        with pytest.raises(DeviceError) as error:
            session.sign_transaction(request, REGTEST)
        assert error.value.code == "device.unsupported_sighash"
        assert session.fingerprint == wallet.fingerprint
