"""What a device returns for a transaction: taken only when it has exactly the right form."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from embit import script
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from hypothesis import given
from hypothesis import strategies as st

from tests.support.signing import good_signatures
from vault.address import NETWORKS
from vault.device.bitcoin.request import SpendRequest
from vault.device.bitcoin.sign import _expected, check_answer
from vault.device.bitcoin.signatures import is_strict_der
from vault.device.bitcoin.transactions import read_transaction
from vault.device.bitcoin.translate import translate
from vault.errors import DeceivedError, DeviceError

REGTEST = NETWORKS["regtest"]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DER = bytes.fromhex(
    "304402204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd41"
    "0220181522ec8eca07de4860a4acdd12909d831cc56cbbac4622082221a8768d1d09"
)
SCHNORR = bytes(range(64))
# The first SegWit example of BIP143 (P2WPKH), signed.
BIP143 = bytes.fromhex(
    "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b"
    "9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc"
    "22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a"
    "0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000"
    "001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f"
    "32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121"
    "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000"
)


def serialised(request: SpendRequest, signatures: list[bytes], **changes: Any) -> bytes:
    """The transaction a device would return, by embit."""
    tx = Transaction(
        version=changes.get("version", request.version),
        vin=[TransactionInput(bytes.fromhex(i.txid), i.vout, sequence=i.sequence) for i in request.inputs],
        vout=[TransactionOutput(o.amount_sat, script.Script(o.script_pubkey)) for o in request.outputs],
        locktime=changes.get("locktime", request.locktime),
    )
    for item, spend, signature in zip(tx.vin, request.inputs, signatures, strict=True):
        stack = [signature] if spend.script_type == "p2tr" else [signature + b"\1", spend.origin.key]
        item.witness = script.Witness(stack)
    return bytes(tx.serialize())


@pytest.fixture
def request_of_two(wallet: Any) -> SpendRequest:
    result = wallet.request("p2wpkh", "p2tr")
    assert isinstance(result, SpendRequest)
    return result


def check(
    wallet: Any, request: SpendRequest, signatures: list[bytes | None], raw: bytes
) -> tuple[bytes, ...]:
    translation = translate(request, REGTEST, wallet.fingerprint)
    return check_answer(translation, translation.passes[0], request, signatures, raw)


@pytest.fixture
def code_of(wallet: Any) -> Callable[[SpendRequest, list[bytes | None], bytes], str]:
    def refused(request: SpendRequest, signatures: list[bytes | None], raw: bytes) -> str:
        with pytest.raises(DeceivedError) as error:
            check(wallet, request, signatures, raw)
        assert error.value.exit_status == 43
        return error.value.code

    return refused


def test_valid_signatures_are_returned_in_order(wallet: Any, request_of_two: SpendRequest) -> None:
    good = good_signatures(wallet, request_of_two)
    assert check(wallet, request_of_two, list(good), serialised(request_of_two, good)) == tuple(good)


def test_well_formed_signatures_of_something_else_are_refused(
    wallet: Any, request_of_two: SpendRequest, code_of: Any
) -> None:
    first, second = good_signatures(wallet, request_of_two)
    for signatures in ([DER, second], [first, SCHNORR]):
        raw = serialised(request_of_two, signatures)
        assert code_of(request_of_two, signatures, raw) == "device.invalid_signature"


def test_a_signature_of_another_input_is_named(wallet: Any, code_of: Any) -> None:
    request = wallet.request("p2wpkh", "p2wpkh", "p2pkh")
    first, second, third = good_signatures(wallet, request)
    plain = {"device.altered_transaction", "device.swapped_signature"}
    swapped = [second, first, third]
    translation = translate(request, REGTEST, wallet.fingerprint)
    raw = _expected(translation, translation.passes[0], tuple(swapped))
    assert code_of(request, swapped, raw) == "device.swapped_signature"
    assert code_of(request, [first, second, second], raw) in plain


def test_a_high_s_is_refused(wallet: Any, code_of: Any) -> None:
    request = wallet.request("p2wpkh")
    (low,) = good_signatures(wallet, request)
    r_size = low[3]
    s = (ORDER - int.from_bytes(low[6 + r_size :], "big")).to_bytes(33, "big")
    body = low[2 : 4 + r_size] + b"\x02\x21" + s
    high = b"\x30" + bytes([len(body)]) + body
    assert is_strict_der(high)
    assert code_of(request, [high], serialised(request, [high])) == "device.bad_signature"


@pytest.mark.parametrize("signatures", [[None, SCHNORR], [DER, b""], [DER], [DER, SCHNORR, DER], []])
def test_missing_and_surplus_signatures_are_refused(
    request_of_two: SpendRequest, code_of: Any, signatures: list[bytes | None]
) -> None:
    raw = serialised(request_of_two, [DER, SCHNORR])
    assert code_of(request_of_two, signatures, raw) == "device.missing_signature"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (DER[:-1], SCHNORR),
        (DER + b"\1", SCHNORR),
        (SCHNORR, SCHNORR),
        (DER, SCHNORR[:-1]),
        (DER, SCHNORR + b"\0"),
        (DER, DER),
        (DER[:-1] + b"", SCHNORR),
        (b"\0" * 70, SCHNORR),
    ],
)
def test_signatures_of_the_wrong_form_are_refused(
    request_of_two: SpendRequest, code_of: Any, first: bytes, second: bytes
) -> None:
    raw = serialised(request_of_two, [first, second])
    assert code_of(request_of_two, [first, second], raw) == "device.bad_signature"


@pytest.mark.parametrize("changes", [{"version": 1}, {"locktime": 7}])
def test_another_version_or_locktime_is_refused(
    request_of_two: SpendRequest, code_of: Any, changes: dict[str, int]
) -> None:
    raw = serialised(request_of_two, [DER, SCHNORR], **changes)
    assert code_of(request_of_two, [DER, SCHNORR], raw) == "device.altered_transaction"


def test_altered_inputs_and_outputs_are_refused(request_of_two: SpendRequest, code_of: Any) -> None:
    first, second = request_of_two.inputs
    pay, change = request_of_two.outputs
    forged = (
        dataclasses.replace(request_of_two, outputs=(change, pay)),
        dataclasses.replace(request_of_two, outputs=(pay,)),
        dataclasses.replace(request_of_two, outputs=(pay, change, change)),
        dataclasses.replace(request_of_two, outputs=(dataclasses.replace(pay, amount_sat=60_001), change)),
        dataclasses.replace(
            request_of_two, outputs=(dataclasses.replace(pay, script_pubkey=b"\x00\x14" + b"\7" * 20), change)
        ),
        dataclasses.replace(request_of_two, inputs=(dataclasses.replace(first, vout=0), second)),
        dataclasses.replace(request_of_two, inputs=(dataclasses.replace(first, sequence=1), second)),
        dataclasses.replace(request_of_two, inputs=(dataclasses.replace(first, txid="ab" * 32), second)),
    )
    for other in forged:
        raw = serialised(other, [DER, SCHNORR])
        assert code_of(request_of_two, [DER, SCHNORR], raw) == "device.altered_transaction"


def test_a_transaction_that_carries_another_signature_is_refused(
    request_of_two: SpendRequest, code_of: Any
) -> None:
    raw = serialised(request_of_two, [DER, SCHNORR[::-1]])
    assert code_of(request_of_two, [DER, SCHNORR], raw) == "device.altered_transaction"
    unsigned = Transaction.parse(serialised(request_of_two, [DER, SCHNORR]))
    for item in unsigned.vin:
        item.witness = script.Witness([])
    assert code_of(request_of_two, [DER, SCHNORR], unsigned.serialize()) == "device.altered_transaction"


def test_every_single_changed_byte_of_the_returned_transaction_is_noticed(
    wallet: Any, request_of_two: SpendRequest, code_of: Any
) -> None:
    good = good_signatures(wallet, request_of_two)
    raw = serialised(request_of_two, good)
    for position in range(len(raw)):
        altered = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        assert code_of(request_of_two, list(good), altered) == "device.altered_transaction", position


def test_strict_der_takes_what_bip66_takes() -> None:
    assert is_strict_der(DER)
    assert is_strict_der(bytes.fromhex("3006020101020101"))
    assert is_strict_der(bytes.fromhex("300702020080020101"))
    for bad in (
        "",
        "3006020101",
        "3106020101020101",
        "3007020101020101",
        "3006030101020101",
        "3006020101030101",
        "3006020181020101",
        "30070202000102010100",
        "300702020001020101",
        "3005020002020101",
        "300602010102010100",
        "30060201010201",
    ):
        assert not is_strict_der(bytes.fromhex(bad)), bad


@given(st.binary(max_size=80))
def test_strict_der_never_crashes(data: bytes) -> None:
    assert is_strict_der(data) in {True, False}


def test_reads_the_signed_example_of_bip143() -> None:
    tx = read_transaction(BIP143)
    assert tx.txid == Transaction.parse(BIP143).txid()
    assert tx.locktime == 17
    assert [item.sequence for item in tx.inputs] == [0xFFFFFFEE, 0xFFFFFFFF]
    assert [item.amount_sat for item in tx.outputs] == [112_340_000, 223_450_000]
    assert tx.inputs[0].witness == ()
    assert len(tx.inputs[1].witness) == 2


@pytest.mark.parametrize("cut", [1, 2, 50, len(BIP143) - 1])
def test_a_cut_transaction_is_refused(cut: int) -> None:
    with pytest.raises(DeviceError):
        read_transaction(BIP143[:-cut])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        BIP143 + b"\0",
        BIP143[:5] + b"\2" + BIP143[6:],  # unknown segwit flag
        b"\1\0\0\0" + b"\0\1" + b"\0" * 8,  # no inputs
        b"\1\0\0\0" + b"\xfd\1\0" + b"\1" * 36 + b"\0" * 5 + b"\1" + b"\0" * 9 + b"\0" * 4,  # long count of 1
        b"\1\0\0\0" + b"\xff" * 9,
        b"\1\0\0\0\1" + b"\1" * 36 + b"\xfe\xff\xff\xff\xff",
        b"\0" * 4_000_001,
    ],
)
def test_what_is_no_transaction_is_refused_quickly(raw: bytes) -> None:
    with pytest.raises(DeviceError) as error:
        read_transaction(raw)
    assert error.value.code == "device.malformed_transaction"


def test_a_superfluous_witness_section_is_refused() -> None:
    body = b"\1" + b"\1" * 36 + b"\0" + b"\xff" * 4 + b"\1" + b"\1" + b"\0" * 7 + b"\0"
    plain = b"\1\0\0\0" + body + b"\0" * 4
    assert read_transaction(plain).txid
    with pytest.raises(DeviceError):
        read_transaction(b"\1\0\0\0\0\1" + body + b"\0" + b"\0" * 4)


@given(st.binary(max_size=300))
def test_the_reader_ends_in_a_transaction_or_a_typed_error(data: bytes) -> None:
    try:
        read_transaction(data)
    except DeviceError as error:
        assert error.code == "device.malformed_transaction"


@given(st.integers(0, len(BIP143) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_another_transaction_or_a_typed_error(position: int, change: int) -> None:
    altered = BIP143[:position] + bytes([BIP143[position] ^ change]) + BIP143[position + 1 :]
    try:
        found = read_transaction(altered)
    except DeviceError as error:
        assert error.code == "device.malformed_transaction"
    else:
        assert found != read_transaction(BIP143)
