"""Files of a Safe transaction: what was written reads back; what lies, adds or leaves out is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_safes import ALICE, BOB, CAROL, OWNERS, STRANGER, safe_call, signed_by
from vault.errors import DocumentError, EthereumError, SafeError, VaultError
from vault.ethereum.safe.document import (
    MAX_TEXT,
    combine,
    own_text,
    read_document,
    service_text,
    typed_text,
)
from vault.ethereum.safe.signatures import OwnerSignature
from vault.ethereum.safe.transaction import hashes, safe_tx

CALL = safe_call()
TX = safe_tx(1, CALL)
HASH = f"0x{hashes(TX).safe_tx.hex()}"
BOTH = tuple(sorted(signed_by(CALL, ALICE, BOB), key=lambda each: int(each.owner, 16)))


def _unseen(signatures: Any) -> tuple[OwnerSignature, ...]:
    return tuple(OwnerSignature(each.owner, each.signature) for each in signatures)


def _service(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(service_text(TX, BOTH))
    document.update(changes)
    return {name: value for name, value in document.items() if value is not ...}


def _own(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(own_text(1, CALL, BOTH))
    document.update(changes)
    return document


def _refused(document: Any, code: str, chain_id: int | None = None) -> VaultError:
    with pytest.raises(VaultError) as refused:
        read_document(document if isinstance(document, str) else json.dumps(document), "file", chain_id)
    assert refused.value.code == code
    return refused.value


def test_all_three_forms_read_back_to_the_same_transaction() -> None:
    own = read_document(own_text(1, CALL, BOTH))
    service = read_document(service_text(TX, BOTH))
    typed = read_document(typed_text(TX))
    assert own.tx == service.tx == typed.tx == TX
    assert own.call == CALL
    assert (service.call, typed.call) == (None, None)
    assert own.signatures == service.signatures == _unseen(BOTH)
    assert not typed.signatures


def test_nobody_whose_signature_came_in_a_file_is_known_to_have_seen_data() -> None:
    for text in (own_text(1, CALL, BOTH), service_text(TX, BOTH)):
        assert {each.saw for each in read_document(text).signatures} == {"unknown"}


def test_the_services_file_is_of_the_chain_whose_hash_it_carries() -> None:
    for chain_id in (1, 42161, 11155111):
        found = read_document(service_text(safe_tx(chain_id, CALL), ()))
        assert found.tx.chain_id == chain_id
    _refused(_service(), "safe.wrong_chain", 42161)
    _refused(json.loads(typed_text(TX)), "safe.wrong_chain", 42161)
    _refused(_own(), "safe.wrong_chain", 42161)


def test_what_the_service_itself_answers_is_read() -> None:
    """The members of a transaction at the service, version 2: numbers as text, facts about it beside it."""
    rows = [
        {
            "owner": each.owner,
            "submissionDate": "2026-11-01T10:00:00Z",
            "transactionHash": None,
            "signature": f"0x{each.signature.hex()}",
            "signatureType": "EOA",
        }
        for each in BOTH
    ]
    document = _service(
        nonce="3",
        safeTxGas="0",
        baseGas="0",
        contractTransactionHash=...,
        confirmations=rows,
        confirmationsRequired=2,
        dataDecoded={"method": "transfer"},
        isExecuted=False,
        isSuccessful=None,
        proposer=OWNERS[0],
        submissionDate="2026-11-01T10:00:00Z",
        trusted=True,
        origin="{}",
        gasToken=None,
        refundReceiver=None,
    )
    assert read_document(json.dumps(document)).signatures == _unseen(BOTH)


def test_a_proposal_of_one_sender_is_read() -> None:
    (mine,) = signed_by(CALL, CAROL)
    document = _service(
        safeTxHash=..., confirmations=..., sender=mine.owner, signature=f"0x{mine.signature.hex()}"
    )
    assert read_document(json.dumps(document)).signatures == _unseen([mine])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": 1}, "safe.delegatecall"),
        ({"operation": "1"}, "safe.delegatecall"),
        ({"operation": True}, "document.bad_number"),
        ({"operation": None}, "document.bad_number"),
        ({"operation": ...}, "safe.bad_document"),
        ({"safeTxGas": 1}, "safe.refund"),
        ({"baseGas": "1"}, "safe.refund"),
        ({"gasPrice": "1"}, "safe.refund"),
        ({"gasToken": STRANGER}, "safe.refund"),
        ({"refundReceiver": STRANGER}, "safe.refund"),
        ({"to": STRANGER}, "safe.wrong_hash"),
        ({"value": "1"}, "safe.wrong_hash"),
        ({"nonce": 4}, "safe.wrong_hash"),
        ({"data": None}, "safe.wrong_hash"),
        ({"safe": STRANGER}, "safe.wrong_hash"),
        ({"safeTxHash": "0x" + "00" * 32}, "safe.bad_document"),
        ({"safeTxHash": ..., "contractTransactionHash": ...}, "safe.bad_document"),
        ({"safeTxHash": HASH.upper(), "contractTransactionHash": ...}, "safe.bad_document"),
        ({"to": STRANGER.lower()}, "safe.bad_document"),
        ({"to": "0x" + "0" * 40}, "safe.bad_form"),
        ({"safe": OWNERS[0].upper()}, "safe.bad_document"),
        ({"value": -1}, "document.bad_number"),
        ({"value": "0x1"}, "document.bad_number"),
        ({"value": "01"}, "document.bad_number"),
        ({"data": "0xabc"}, "safe.bad_document"),
        ({"data": 5}, "safe.bad_document"),
        ({"extra": 1}, "safe.bad_document"),
        ({"confirmations": {}}, "safe.bad_document"),
        ({"confirmations": [None]}, "safe.bad_document"),
        ({"confirmations": [{"owner": OWNERS[0]}]}, "safe.bad_document"),
    ],
)
def test_a_lying_file_of_the_service_is_refused(change: dict[str, Any], code: str) -> None:
    _refused(_service(**change), code)


def _row(**changes: Any) -> dict[str, Any]:
    first = {"owner": BOTH[0].owner, "signature": f"0x{BOTH[0].signature.hex()}", "signatureType": "EOA"}
    return first | changes


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (_row(owner=BOTH[0].owner.lower()), "safe.bad_document"),
        (_row(owner=BOTH[1].owner), "safe.wrong_owner"),
        (_row(owner=None), "safe.bad_document"),
        (_row(signature=None), "safe.bad_signature"),
        (_row(signature="0x" + "11" * 64 + "1b"), "safe.bad_signature"),
        (_row(signature=f"0x{BOTH[0].signature[:64].hex()}00"), "safe.contract_signature"),
        (_row(signature=f"0x{BOTH[0].signature[:64].hex()}01"), "safe.approved_hash"),
        (_row(signature=f"0x{BOTH[0].signature[:64].hex()}1f"), "safe.eth_sign"),
        (_row(signature=f"0x{BOTH[0].signature.hex()}00"), "safe.bad_signature"),
        (_row(signatureType="ETH_SIGN"), "safe.eth_sign"),
        (_row(signatureType="CONTRACT_SIGNATURE"), "safe.contract_signature"),
        (_row(signatureType="APPROVED_HASH"), "safe.approved_hash"),
        (_row(signatureType="MORE"), "safe.bad_signature"),
        (_row(more=1), "safe.bad_document"),
    ],
)
def test_a_confirmation_that_does_not_hold_is_refused(row: dict[str, Any], code: str) -> None:
    _refused(_service(confirmations=[row]), code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"safe_tx_hash": "0x" + "00" * 32}, "safe.wrong_hash"),
        ({"chain_id": 2}, "safe.wrong_hash"),
        ({"chain_id": "1"}, "safe.bad_document"),
        ({"chain_id": True}, "safe.bad_document"),
        ({"call": {}}, "safe.bad_document"),
        ({"operation": 1}, "safe.bad_document"),
        ({"signatures": None}, "safe.bad_document"),
        ({"signatures": [{"owner": STRANGER}]}, "safe.bad_document"),
    ],
)
def test_an_altered_file_of_ours_is_refused(change: dict[str, Any], code: str) -> None:
    _refused(_own(**change), code)


def test_an_operation_in_our_own_call_is_refused() -> None:
    document = _own()
    document["call"]["operation"] = 1
    _refused(document, "safe.bad_document")


def test_a_stranger_does_not_sign_for_the_owners_that_our_file_names() -> None:
    altered = safe_call(owners=(OWNERS[2], STRANGER))
    document = json.loads(own_text(1, altered, ()))
    document["signatures"] = json.loads(own_text(1, CALL, BOTH))["signatures"]
    _refused(document, "safe.foreign_signature")


@pytest.mark.parametrize("name", ["operation", "safeTxGas", "baseGas", "gasPrice"])
def test_typed_data_are_refused_for_more_than_a_call(name: str) -> None:
    document = json.loads(typed_text(TX))
    for value in (1, "1"):
        document["message"][name] = value
        _refused(document, "safe.delegatecall" if name == "operation" else "safe.refund")


def test_large_values_of_typed_data_are_text_and_read_back() -> None:
    tx = safe_tx(1, safe_call(value=10**20))
    assert '"value":"100000000000000000000"' in typed_text(tx)
    assert read_document(typed_text(tx)).tx == tx


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "document.not_json"),
        ("[]", "safe.bad_document"),
        ("{}", "safe.bad_document"),
        ('{"format":"vault-safe-2"}', "safe.bad_document"),
        ('{"safe":1,"safe":2}', "document.duplicate_key"),
        ('{"value":1.5}', "document.float"),
        (" " * (MAX_TEXT + 1), "safe.bad_document"),
        ("[" * 100, "document.too_deep"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, code: str) -> None:
    _refused(text, code)


def test_files_of_several_owners_together_have_all_signatures() -> None:
    files = [
        read_document(own_text(1, CALL, signed_by(CALL, ALICE))),
        read_document(service_text(TX, signed_by(CALL, BOB))),
        read_document(service_text(TX, signed_by(CALL, BOB, CAROL))),
        read_document(typed_text(TX)),
    ]
    found = combine(files)
    assert {each.owner for each in found.signatures} == set(OWNERS)
    assert found.call == CALL


@pytest.mark.parametrize(
    "other",
    [
        own_text(1, safe_call(nonce=4), ()),
        own_text(42161, CALL, ()),
        own_text(1, safe_call(threshold=3), ()),
    ],
)
def test_files_of_two_transactions_or_two_sets_of_owners_are_not_combined(other: str) -> None:
    with pytest.raises(SafeError) as refused:
        combine([read_document(own_text(1, CALL, BOTH)), read_document(other)])
    assert refused.value.code == "safe.conflict"
    with pytest.raises(SafeError):
        combine([])


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises((SafeError, DocumentError, EthereumError)):
        read_document(text)


_VALUES = (
    st.none() | st.booleans() | st.integers(-1, 2**260) | st.text(max_size=50) | st.just([]) | st.just({})
)


@given(st.sampled_from(sorted(_service())), _VALUES)
def test_no_single_member_can_be_anything_else_and_mean_another_transaction(name: str, value: object) -> None:
    try:
        found = read_document(json.dumps(_service(**{name: value})))
    except VaultError:
        return
    assert found.tx == TX
