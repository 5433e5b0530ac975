"""`vault verify`: a file alone is enough to know every hash, every call, and what must not be signed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.ethereum_calls import (
    RECIPIENT,
    SAFE,
    SENDER,
    USDC_1500,
    call_of,
    planned,
    safe_call_of,
    sign,
)
from tests.support.ethereum_safes import ALICE, BOB, MALLORY, STRANGER, raw_signature, safe_call, signed_by
from vault.canonical import canonical_json, digest
from vault.cli.verify import verify
from vault.config import Treasury, TreasuryConfig
from vault.errors import VaultError
from vault.ethereum.build import CallPart
from vault.ethereum.contracts.erc20 import APPROVE
from vault.ethereum.safe.changes import Change
from vault.ethereum.safe.document import own_text, service_text, typed_text
from vault.ethereum.safe.execute import EXEC, exec_data
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.ethereum.tokens import token_of
from vault.ethereum.verify import to_transaction
from vault.evm.address import ZERO_ADDRESS
from vault.evm.call import EthereumCall
from vault.evm.transaction import serialise
from vault.money import ETH, USDC, Amount
from vault.policy.book import AddressBook, Entry
from vault.treasury.ethereum.offline import FileReport, Known, verify_file
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer

AT = datetime(2026, 11, 20, 5, tzinfo=UTC)
PART, _ = planned(USDC_1500)
CALL = safe_call_of(PART)


def _transfer(call: EthereumCall = CALL, **changes: Any) -> Transfer:
    made = Transfer(
        number=1,
        action="pay",
        kind="ethereum_spend",
        source="cold-safe" if call.safe else call.account,
        venue_account="",
        network="eip155:1",
        venue_network="",
        payments=(Payment("payee", RECIPIENT, USDC_1500),),
        fee=Amount.zero(USDC),
        call=call,
    )
    return replace(made, **changes)


def _plan(*transfers: Transfer) -> Plan:
    return Plan.of(
        PlanBody(
            schema_version=PLAN_SCHEMA,
            treasury_id="ours",
            network="regtest",
            created_at=AT,
            expires_at=AT + timedelta(minutes=30),
            policy_id="default",
            policy_version=1,
            policy_digest="1" * 64,
            book_version=1,
            book_digest="2" * 64,
            snapshot_digest="3" * 64,
            assessment_digest="4" * 64,
            approvals_required=1,
            decisions=(),
            transfers=transfers,
        )
    )


def _verified(text: str, known: Known | None = None, **options: Any) -> FileReport:
    return verify_file(text, "file", known or Known(), **options)


def _error(text: str, known: Known | None = None, **options: Any) -> str:
    """The code that a file is refused with, at once or beside what it says."""
    try:
        found = _verified(text, known, **options).first_error
    except VaultError as error:
        found = error
    assert found is not None
    return found.code


def _forged(**safe: Any) -> str:
    """A plan of another program: its digest is right, its call has members that ours has not."""
    document = json.loads(_plan(_transfer()).text())
    document["body"]["transfers"][0]["call"]["safe"].update(safe)
    document["digest"] = digest(document["body"])
    document["plan_id"] = document["digest"][:16]
    return canonical_json(document)


def _run(text: str, *options: str) -> Any:
    return CliRunner().invoke(verify, ["-", *options], input=text.encode(), standalone_mode=False)


def test_a_plan_says_its_hashes_its_call_and_its_owners() -> None:
    assert CALL.safe is not None
    report = _verified(_plan(_transfer()).text())
    assert report.first_error is None
    (item,) = report.items
    assert item.hashes == hashes(safe_tx(1, CALL.safe)).texts
    text = "\n".join(item.lines)
    for said in (RECIPIENT, SAFE, *CALL.safe.owners, "1500.250000 USDC", "operation: 0 (CALL)", "2 of 2"):
        assert said in text
    assert f"data: {CALL.safe.data}" in item.lines  # all that some screens show of it
    for _, each in item.hashes:
        assert each in text
        assert " ".join(each[2:][at : at + 4] for at in range(0, 64, 4)) in text


def test_the_command_answers_in_words_and_in_json_with_its_status() -> None:
    good = _run(_plan(_transfer()).text(), "--json")
    assert good.return_value == 0
    document = json.loads(good.stdout)
    assert document["valid"]
    assert CALL.safe is not None
    assert document["transactions"][0]["hashes"] == {
        name.replace(" ", "_"): text for name, text in hashes(safe_tx(1, CALL.safe)).texts
    }
    words = _run(_plan(_transfer()).text())
    assert "safeTxHash: 0x" in words.stdout
    bad = _run(_plan(_transfer(safe_call_of(PART, implementation=STRANGER))).text(), "--json")
    assert bad.return_value == 36
    assert json.loads(bad.stdout)["transactions"][0]["error"]["error"] == "safe.implementation_changed"
    flipped = _run(_forged(operation=1))
    assert isinstance(flipped.exception, VaultError)
    assert (flipped.exception.code, flipped.exception.exit_status) == ("safe.delegatecall", 36)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (_forged(operation=1), "safe.delegatecall"),
        (_forged(operation="1"), "safe.delegatecall"),
        (_forged(operation=0), "plan.unreadable"),
        (_forged(baseGas=5), "plan.unreadable"),
        (_plan(_transfer()).text().replace(RECIPIENT, STRANGER), "plan.altered"),
    ],
)
def test_a_forged_plan_is_refused(text: str, code: str) -> None:
    assert _error(text) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"implementation": STRANGER}, "safe.implementation_changed"),
        ({"version": "1.5.0"}, "safe.unknown_version"),
        ({"to": STRANGER}, "ethereum.unknown_token"),
        ({"data": f"0x{APPROVE.encode(RECIPIENT, USDC_1500.units).hex()}"}, "ethereum.grants_allowance"),
        ({"data": PART.data[:-2] + "00"}, "ethereum.wrong_amount"),
        ({"data": PART.data + "00"}, "ethereum.bad_calldata"),
        (
            {"data": PART.data.replace(RECIPIENT[2:].lower(), STRANGER[2:].lower())},
            "ethereum.wrong_recipient",
        ),
        ({"value": 1}, "ethereum.value_with_call"),
        ({"owners": (SENDER, SENDER)}, "safe.bad_form"),
        ({"threshold": 3}, "safe.bad_form"),
    ],
)
def test_a_safes_call_that_is_not_what_the_plan_pays_is_refused(changes: dict[str, Any], code: str) -> None:
    assert _error(_plan(_transfer(safe_call_of(PART, **changes))).text()) == code


def test_a_delegatecall_as_the_call_of_an_account_is_named() -> None:
    inner = EXEC.encode(STRANGER, 0, b"", 1, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, bytes(130))
    call = call_of(CallPart(SAFE, 0, f"0x{inner.hex()}"), gas_limit=300_000)
    assert _error(_plan(_transfer(call)).text()) == "safe.delegatecall"


def test_a_change_of_the_safe_is_only_for_a_plan_that_says_so() -> None:
    data = f"0x{Change('change_threshold', threshold=1).data.hex()}"
    call = safe_call_of(CallPart(SAFE, 0, data))
    nothing: dict[str, Any] = {"payments": (), "fee": Amount.zero(ETH)}
    report = _verified(_plan(_transfer(call, action="reconfigure", **nothing)).text())
    assert report.first_error is None
    assert "CHANGES THE SAFE: have 1 owners needed" in "\n".join(report.items[0].lines)
    for action in ("cancel", "revoke"):
        replaces = "0x" + "11" * 32 if action == "cancel" else ""
        text = _plan(_transfer(call, action=action, replaces=replaces, **nothing)).text()
        assert _error(text) == "safe.unplanned_change"


def test_an_allowance_taken_back_is_read() -> None:
    usdc = token_of(1, USDC).address
    part = CallPart(usdc, 0, f"0x{APPROVE.encode(STRANGER, 0).hex()}")
    revoke = _transfer(call_of(part), action="revoke", payments=(), fee=Amount.zero(ETH))
    report = _verified(_plan(revoke).text())
    assert report.first_error is None
    assert f"data: {part.data}" in report.items[0].lines
    part = CallPart(usdc, 0, f"0x{APPROVE.encode(STRANGER, 5).hex()}")
    assert _error(_plan(replace(revoke, call=call_of(part))).text()) == "ethereum.grants_allowance"


def _book(*addresses: str, retired: datetime | None = None) -> Known:
    entries = tuple(
        Entry(
            id=f"payee-{number}",
            asset="USDC",
            network="eip155:1",
            address=address,
            memo=None,
            purpose="cold",
            wallet="cold-safe",
            index=None,
            venue=None,
            added_at=AT - timedelta(days=30),
            in_first_version=False,
            retired_at=retired,
        )
        for number, address in enumerate(addresses)
    )
    return Known(book=AddressBook(version=2, entries=entries))


def test_recipients_are_those_of_the_book_or_refused() -> None:
    texts = [
        _plan(_transfer()).text(),
        _plan(_transfer(call_of(PART))).text(),
        own_text(1, safe_call(to=PART.to, data=PART.data), ()),
        _raw(call_of(PART)),
    ]
    for text in texts:
        found = _verified(text, _book(RECIPIENT))
        assert found.first_error is None
        assert "payee-0" in "\n".join(found.items[0].lines)
        assert _error(text, _book(STRANGER)) == "ethereum.not_in_book"
        assert _error(text, _book(RECIPIENT, retired=AT)) == "ethereum.not_in_book"
        assert any("--book" in note for note in _verified(text).notes)


def test_a_safe_and_signers_of_somebody_else_are_refused_where_ours_are_known(tmp_path: Path) -> None:
    call = safe_call()
    document = {
        "schema": 1,
        "treasury_id": "desk",
        "bitcoin": {"network": "regtest", "esplora": "http://127.0.0.1:1"},
        "device": [
            {"name": "one", "kind": "trezor", "path": "udp:127.0.0.1:1", "root_fingerprint": "00000001"}
        ],
        "chain": [{"name": "mainnet", "id": 1, "rpc": "http://127.0.0.1:2"}],
        "account": [
            {
                "name": "gas",
                "role": "gas",
                "chain": "mainnet",
                "address": RECIPIENT,
                "device": "one",
                "path": "m/44'/60'/0'/0/0",
            },
            {
                "name": "safe",
                "role": "cold",
                "chain": "mainnet",
                "address": call.address,
                "safe": {"outside": list(call.owners), "threshold": call.threshold, "executor": "gas"},
            },
        ],
    }
    known = Known(treasury=Treasury(TreasuryConfig.model_validate(document), tmp_path / "treasury.toml"))
    tx = safe_tx(1, call)
    assert _verified(service_text(tx, signed_by(call, ALICE)), known).first_error is None
    stranger = signed_by(replace(call, owners=(*call.owners, STRANGER)), MALLORY)
    assert _error(service_text(tx, stranger), known) == "safe.foreign_signature"
    assert _error(service_text(safe_tx(1, replace(call, address=STRANGER)), ()), known) == "safe.wrong_safe"


def test_a_withdrawal_at_a_venue_pays_entries_of_the_book_too() -> None:
    withdrawal = replace(
        _transfer(),
        action="sweep",
        kind="venue_withdrawal",
        source="trading",
        venue_account="trading",
        venue_network="ETH",
        call=None,
    )
    text = _plan(withdrawal).text()
    found = _verified(text, _book(RECIPIENT))
    assert found.first_error is None
    said = "\n".join(found.items[0].lines)
    assert RECIPIENT in said and str(withdrawal.amount) in said
    assert _error(text, _book(STRANGER)) == "ethereum.not_in_book"


@pytest.mark.parametrize("form", [own_text, service_text, typed_text])
def test_documents_of_every_form_have_the_same_hashes(form: Any) -> None:
    call = safe_call()
    tx = safe_tx(1, call)
    text = own_text(1, call, ()) if form is own_text else form(*((tx, ()) if form is service_text else (tx,)))
    report = _verified(text)
    assert report.first_error is None
    assert report.items[0].hashes == hashes(tx).texts
    assert _error(text, chain_id=42161) in {"safe.wrong_chain", "safe.wrong_hash"}


def test_documents_of_calls_that_cannot_be_read_are_refused() -> None:
    unknown = safe_call(data="0xdeadbeef")
    assert _error(own_text(1, unknown, ())) == "ethereum.unknown_call"
    foreign = safe_call(implementation=STRANGER)
    assert _error(own_text(1, foreign, ())) == "safe.implementation_changed"


def _raw(call: EthereumCall, data: bytes | None = None) -> str:
    tx = to_transaction(call, data)
    return "0x" + serialise(tx, sign(tx)).hex()


def test_a_signed_transaction_is_read_with_its_signer() -> None:
    report = _verified(_raw(call_of(PART)))
    assert report.first_error is None
    text = "\n".join(report.items[0].lines)
    assert SENDER in text
    assert "1500.250000 USDC" in text


def test_a_signed_execution_says_its_call_and_with_the_nonce_its_owners() -> None:
    call = safe_call()
    data = exec_data(1, call, signed_by(call, ALICE, BOB))
    outer = call_of(CallPart(call.address, 0, "0x"), gas_limit=300_000, safe=call)
    text = _raw(outer, data)
    assert any("--safe-nonce" in note for note in _verified(text).notes)
    report = _verified(text, safe_nonce=call.nonce)
    lines = "\n".join(report.items[0].lines)
    for each in signed_by(call, ALICE, BOB):
        assert f"the signature leads to {each.owner}" in lines
    assert hashes(safe_tx(1, call)).texts[2] in report.items[0].hashes
    other = "\n".join(_verified(text, safe_nonce=call.nonce + 1).items[0].lines)
    assert signed_by(call, ALICE)[0].owner not in other


def test_a_signed_delegatecall_is_refused() -> None:
    inner = EXEC.encode(STRANGER, 0, b"", 1, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, bytes(130))
    outer = call_of(CallPart(SAFE, 0, f"0x{inner.hex()}"), gas_limit=300_000)
    assert _error(_raw(outer)) == "safe.delegatecall"


@pytest.mark.parametrize("text", ["", "{", "0x", "0x02", "02ff", "[]", "{}", "\x00", "0x" + "00" * 70_000])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    assert _error(text)


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    found = CliRunner().invoke(verify, [str(tmp_path / "gone.json")], standalone_mode=False).exception
    assert isinstance(found, VaultError)
    assert "gone.json" in found.message


def test_a_second_machine_needs_no_store_no_node_and_no_device(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(_plan(_transfer()).text())
    script = (
        "import sys; from vault.cli.root import cli\n"
        "try: cli(['verify', sys.argv[1]], standalone_mode=False)\n"
        "finally: print(sorted({each.split('.')[0] for each in sys.modules} & "
        "{'web3', 'sqlalchemy', 'requests', 'keyring', 'trezorlib', 'ccxt', 'bdkpython', 'socketserver'}))"
    )
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.rstrip().endswith("[]")
    assert "safeTxHash: 0x" in done.stdout


def test_strangers_signatures_in_an_execution_do_not_recover_to_owners() -> None:
    call = safe_call()
    digest_ = hashes(safe_tx(1, call)).safe_tx
    data = EXEC.encode(
        call.to,
        0,
        bytes.fromhex(call.data[2:]),
        *(0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS),
        raw_signature(MALLORY, digest_),
    )
    outer = call_of(CallPart(call.address, 0, "0x"), gas_limit=300_000, safe=call)
    lines = "\n".join(_verified(_raw(outer, data), safe_nonce=3).items[0].lines)
    assert f"the signature leads to {STRANGER}" in lines
