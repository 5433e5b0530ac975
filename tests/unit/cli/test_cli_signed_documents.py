"""Policy and address book as the commands see them: signed, unsigned, altered, older, by the wrong person."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vault.attestation import SignedStatement

Edit = Callable[[Path, str, str], None]


def test_signed_documents_hold(signed: Any) -> None:
    policy, book = signed.ok("policy", "show"), signed.ok("book", "show")
    assert (policy["signature"]["valid"], policy["signature"]["attester"]) == (True, "alice")
    assert book["signature"]["valid"] is True
    assert [entry["state"] for entry in book["entries"]] == ["active"]


def test_an_unsigned_policy_is_said_and_stops_everything(signed: Any) -> None:
    (signed.folder / "policy.toml.sig").unlink()
    shown = signed.vault("policy", "show", "--json")
    assert (shown.status, shown.document["signature"]["error"]) == (17, "attestation.unsigned")
    signed.fails(17, "attestation.unsigned", "plan")
    check = signed.vault("check", "--json")
    assert (check.status, check.document["decisions"]) == (1, [])
    assert [each["code"] for each in check.document["unsigned"]] == ["attestation.unsigned"]


@pytest.mark.parametrize(
    ("file", "command"), [("policy.toml", "vault policy sign"), ("address-book.json", "vault book sign")]
)
def test_a_draft_is_watched_over_and_never_followed(signed: Any, file: str, command: str) -> None:
    document = signed.folder / file
    text = document.read_text(encoding="utf-8")
    draft = text.replace('"version": 1', '"version": 2').replace("version = 1\ndesc", "version = 2\ndesc")
    assert draft != text
    document.write_text(draft, encoding="utf-8")
    check = signed.vault("check")
    assert check.status == 1
    assert f"{file} is not signed as it stands (attestation.other_document)" in check.out
    assert command in check.out
    status = signed.vault("status")
    assert f"WARNING: not signed as it stands, nothing is decided: {file}: attestation.other" in status.out
    assert f"{file} not signed" in signed.fails(13, "store.no_decisions", "why", "--last")["message"]
    signed.fails(17, "attestation.other_document", "plan")


def test_a_draft_that_cannot_be_read_hides_no_margin_either(signed: Any) -> None:
    (signed.folder / "policy.toml").write_text("half a sent", encoding="utf-8")
    check = signed.vault("check", "--json")
    assert (check.status, check.document["unsigned"][0]["code"].partition(".")[0]) == (1, "document")


def test_what_was_sent_is_settled_without_a_policy_but_the_books_need_the_address_book(signed: Any) -> None:
    (signed.folder / "policy.toml.sig").unlink()
    assert signed.ok("reconcile")["balanced"] is True
    (signed.folder / "address-book.json.sig").unlink()
    signed.fails(17, "attestation.unsigned", "reconcile")


def test_one_altered_byte_in_the_policy_is_found(signed: Any) -> None:
    with (signed.folder / "policy.toml").open("a", encoding="utf-8") as file:
        file.write(" ")
    signed.fails(17, "attestation.other_document", "plan")


def test_an_altered_signature_is_found(signed: Any) -> None:
    path = signed.folder / "policy.toml.sig"
    other = SignedStatement.load((signed.folder / "address-book.json.sig").read_text(), what="book")
    item = SignedStatement.load(path.read_text(), what="policy")
    # The signature of another statement by the right key.
    path.write_text(dataclasses.replace(item, signature=other.signature).dump(), encoding="utf-8")
    signed.fails(17, "attestation.wrong_signer", "plan")


def test_a_policy_that_was_in_force_before_does_not_come_back(signed: Any, edit: Edit) -> None:
    policy, signature = signed.folder / "policy.toml", signed.folder / "policy.toml.sig"
    for path in (policy, signature):
        shutil.copy(path, path.with_name(path.name + ".kept"))
    signed.ok("policy", "show")
    edit(policy, "version = 1\ndescription", "version = 2\ndescription")
    signed.sign("policy")
    assert signed.ok("policy", "show")["signature"]["version"] == 2
    for path in (policy, signature):
        shutil.copy(path.with_name(path.name + ".kept"), path)
    shown = signed.vault("policy", "show", "--json")
    assert (shown.status, shown.document["signature"]["error"]) == (17, "attestation.older")
    signed.fails(17, "attestation.older", "plan")
    # It is refused before the device is asked for a signature, too.
    signed.fails(17, "attestation.older", "policy", "sign", "--attester", "alice")


def test_a_person_without_the_role_may_not_sign(signed: Any, edit: Edit) -> None:
    edit(signed.config, '\nroles = ["policy", "address-book", "approve"]', '\nroles = ["approve"]')
    signed.fails(17, "attestation.not_permitted", "policy", "sign", "--attester", "alice")
    signed.fails(17, "attestation.not_permitted", "book", "sign", "--attester", "alice")
    signed.fails(11, "config.unknown_name", "book", "sign", "--attester", "bob")


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"in_first_version": True, "added_at": "2026-01-02T00:00:00.000Z"}, "address.bad_book", 15),
        ({"added_at": "2026-01-02T00:00:00.000Z"}, "document.entry_uncooled", 10),
        ({"network": "bitcoin:signet"}, "address.wrong_network", 15),
        ({"wallet": "cold", "index": 0}, "config.unknown_name", 11),
        ({"venue": "nowhere", "purpose": "venue_deposit"}, "config.unknown_name", 11),
    ],
)
def test_a_book_that_could_not_be_in_force_is_not_signed(
    signed: Any, change: dict[str, Any], code: str, status: int
) -> None:
    from vault.address import segwit_encode

    signed.ok("book", "show")
    path = signed.folder / "address-book.json"
    book = json.loads(path.read_text(encoding="utf-8"))
    entry = {
        **book["entries"][0],
        "id": "cold-2",
        "address": segwit_encode("bcrt", 0, b"\7" * 20),
        "added_at": "2099-01-01T00:00:00.000Z",
        "in_first_version": False,
    }
    book["version"], book["entries"] = 2, [*book["entries"], {**entry, **change}]
    path.write_text(json.dumps(book), encoding="utf-8")
    signed.fails(status, code, "book", "sign", "--attester", "alice")


def test_a_book_that_drops_an_entry_is_not_signed(signed: Any) -> None:
    signed.ok("book", "show")
    path = signed.folder / "address-book.json"
    path.write_text(json.dumps({"version": 2, "entries": []}), encoding="utf-8")
    signed.fails(10, "document.entry_dropped", "book", "sign", "--attester", "alice")


def test_a_lost_book_is_not_begun_anew(signed: Any) -> None:
    signed.ok("book", "show")
    (signed.folder / "address-book.json").unlink()
    signed.fails(11, "config.unknown_name", "book", "add", "cold-1", "--wallet", "nowhere")
    with signed.config.open("a", encoding="utf-8") as file:
        file.write('[[venue]]\nname = "trading"\nexchange = "binance"\naccount_uid = "1"\n')
        file.write('url = "http://127.0.0.1:1"\n')
    signed.fails(17, "attestation.older", "book", "add", "trading-deposit", "--venue", "trading")


def test_a_failing_policy_test_is_status_50_and_named(shell: Any, edit: Edit) -> None:
    edit(shell.folder / "policy.toml", 'ceiling = "350000"', 'ceiling = "9000000"')
    ran = shell.vault("policy", "test")
    assert ran.status == 50
    assert "FAIL" in ran.out
    assert "expected allow" in ran.out
