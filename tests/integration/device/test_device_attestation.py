"""Statements made on every persona verify offline with the public key alone, and only as they stand."""

from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from vault.address import NETWORKS
from vault.attestation import SignedStatement, Statement, attestation_path, replay_key, signed_text, verify
from vault.device.attest import SMALL_MODELS_LIMIT, attestation_public_key, require_room, sign_statement
from vault.device.connection.wire import GuardedTransport
from vault.device.prompt import Prompt
from vault.errors import AttestationError, DeviceError
from vault.money import BTC, Amount
from vault.treasury.authority import approval_statement
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer

BUTTON_ACK = b"?##\x00\x1b"
MNEMONIC = "all all all all all all all all all all all all"
REGTEST = NETWORKS["regtest"]
APPROVAL = Statement(
    "approval",
    "fund-one",
    "regtest",
    (
        ("plan", "3f9a0c11d2e4b567"),
        ("policy", "liquidity version 7"),
        ("expires", "2026-01-01T00:00:00Z"),
        ("1", "top-up 1.25000000 BTC from cold"),
        ("1 to", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
        ("1 max fee", "0.00010000 BTC"),
        ("2", "evacuate 0.50000000 BTC from staging"),
        ("2 to", "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"),
        ("2 max fee", "0.00010000 BTC"),
    ),
)
STATEMENTS = (
    APPROVAL,
    Statement("policy", "fund-one", "regtest", (("name", "p"), ("version", "3"), ("sha256", "ab" * 32))),
    Statement("address-book", "fund-one", "regtest", (("name", "address-book"), ("version", "9"))),
    Statement("freeze", "fund-one", "regtest", (("id", "f-1"), ("reason", "a device lied"))),
    Statement("unfreeze", "fund-one", "regtest", (("id", "f-1"), ("reason", "it was the cable"))),
    Statement("checkpoint", "fund-one", "regtest", (("row", "4711"), ("head", "cd" * 32))),
)


def _beside(prompt: Prompt) -> str:
    """The text of a prompt: its lines from the third on, with a space where each ends."""
    return " ".join(prompt.lines[2:])


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.kind)
def test_every_kind_of_statement_verifies_with_the_public_key_alone(
    every_device: Any, opened: Any, wallet: Any, statement: Statement
) -> None:
    prompts: list[Prompt] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint, on_prompt=prompts.append) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, statement, "anna", pinned, REGTEST)
    assert pinned == wallet.key(attestation_path(1)).to_public().key.sec().hex()
    assert verify(SignedStatement.load(signed.dump(), what="file"), pinned) == statement
    assert _beside(prompts[-1]) == signed_text(statement, "anna")
    assert [line.removesuffix(" |") for line in prompts[-1].lines[2:]] == [*statement.parts, "attester: anna"]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.kind)
def test_the_screens_show_the_whole_statement_as_text(
    every_device: Any, opened: Any, wallet: Any, statement: Statement
) -> None:
    emulator = every_device.built_in("a genuine emulator's display is pixels")
    text = signed_text(statement, "anna")
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        sign_statement(session, statement, "anna", attestation_public_key(session, REGTEST), REGTEST)
    shown = [screen for screen in emulator.screens if screen.name == "sign_message"]
    assert text in "".join(line for screen in shown for line in screen.lines)
    assert text.encode().hex() not in "".join(screen.text for screen in shown)
    assert not any("binary" in screen.title for screen in shown)


def test_the_prompt_says_how_this_model_pages_the_text(every_device: Any, opened: Any, wallet: Any) -> None:
    prompts: list[Prompt] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint, on_prompt=prompts.append) as session:
        sign_statement(session, APPROVAL, "anna", attestation_public_key(session, REGTEST), REGTEST)
    size = len(signed_text(APPROVAL, "anna"))
    trezor_one = f"in {-(-size // 72)} pages of 4 rows of 18 characters"
    classic = f"in {-(-size // 21)} rows of 21 characters"
    sayings = {
        "trezor-one": trezor_one,
        "trezor-legacy": trezor_one,
        "onekey-classic1s": classic,
        "onekey": classic,
        "onekey-pro": "after 147 characters: touch View Data",
        "trezor-core": "take its offer to show all",
    }
    assert sayings[every_device.persona] in prompts[-1].lines[1]


def test_a_trezor_one_asks_once_for_each_page_of_text(
    every_device: Any, opened: Any, wallet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """72 characters a page; hex would take 32 bytes a page, and more questions."""
    if every_device.persona not in {"trezor-one", "trezor-legacy"}:
        pytest.skip("the other models ask once, and page by themselves")
    answers, write = [], GuardedTransport.write_chunk

    def counted(line: GuardedTransport, chunk: bytes) -> None:
        write(line, chunk)
        if chunk.startswith(BUTTON_ACK):
            answers.append(chunk)

    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        pinned = attestation_public_key(session, REGTEST)
        monkeypatch.setattr(GuardedTransport, "write_chunk", counted)
        sign_statement(session, APPROVAL, "anna", pinned, REGTEST)
    the_address = 1
    assert len(answers) == the_address + -(-len(signed_text(APPROVAL, "anna")) // 72)


def _of_size(size: int) -> Statement:
    """A statement whose signed text has exactly so many characters."""
    fields = [("id", "f-1")]
    empty = len(signed_text(Statement("freeze", "fund-one", "regtest", tuple(fields)), "anna"))
    number, left = 0, size - empty
    while left:
        number += 1
        label = f"note {number}"
        over = len(f" | {label}: ")
        length = min(200, left - over)
        if 0 < left - over - length < 20:  # the rest would be too short for a part
            length -= 20
        fields.append((label, "x" * length))
        left -= over + length
    return Statement("freeze", "fund-one", "regtest", tuple(fields))


def test_the_limit_of_a_model_is_the_devices_own_to_the_byte(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        small = session.features.pin_entry == "matrix"
        pinned = attestation_public_key(session, REGTEST)
        longest = _of_size(SMALL_MODELS_LIMIT if small else 4096)
        assert verify(sign_statement(session, longest, "anna", pinned, REGTEST), pinned) == longest
        one_more = _of_size(SMALL_MODELS_LIMIT + 1) if small else _of_size(4096)
        with pytest.raises(DeviceError) as error:
            sign_statement(session, one_more, "anna" if small else "annab", pinned, REGTEST)
        assert error.value.code == "device.statement_too_long"
        if small:
            # It is the firmware's limit and not only ours.
            with pytest.raises(DeviceError) as refused:
                session.sign_message(attestation_path(1), signed_text(one_more, "anna"), REGTEST)
            assert refused.value.code != "device.statement_too_long"


P2WPKH = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
P2WSH = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"


def _plan(number: int, address: str) -> Plan:
    """A plan of so many transfers, with names of ten letters."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    transfers = tuple(
        Transfer(
            number=each,
            action="evacuate",
            kind="bitcoin_spend",
            source="coldwallet",
            venue_account="",
            network="bitcoin:regtest",
            venue_network="",
            payments=(Payment("cold-1", address, Amount(BTC, 1_250_000_000 + each)),),
            fee=Amount(BTC, 10_000),
        )
        for each in range(1, number + 1)
    )
    body = PlanBody(
        schema_version=PLAN_SCHEMA,
        treasury_id="treasury-1",
        network="regtest",
        created_at=at,
        expires_at=at + timedelta(minutes=30),
        policy_id="liquidity1",
        policy_version=12,
        policy_digest="ab" * 32,
        book_version=9,
        book_digest="cd" * 32,
        snapshot_digest="ef" * 32,
        assessment_digest="01" * 32,
        approvals_required=1,
        decisions=(),
        transfers=transfers,
    )
    return Plan.of(body)


@pytest.mark.parametrize(("address", "most"), [(P2WPKH, 6), (P2WSH, 5)], ids=["p2wpkh", "p2wsh"])
def test_so_many_transfers_fit_an_approval_and_one_more_asks_for_another_model(
    every_device: Any, opened: Any, wallet: Any, address: str, most: int
) -> None:
    fits, over = (approval_statement(_plan(number, address)) for number in (most, most + 1))

    def signs(statement: Statement) -> bool:
        permit = partial(require_room, statement=statement, attester="attester-1")
        with opened(every_device, expected_fingerprint=wallet.fingerprint, permit=permit) as session:
            pinned = attestation_public_key(session, REGTEST)
            signed = sign_statement(session, statement, "attester-1", pinned, REGTEST)
        return verify(signed, pinned) == statement

    assert signs(fits)
    before = every_device.emulator.screens if every_device.emulator else ()
    if every_device.persona in {"trezor-one", "onekey-classic1s", "trezor-legacy", "onekey"}:
        size = len(signed_text(over, "attester-1"))
        with pytest.raises(DeviceError) as error:
            signs(over)
        assert error.value.code == "device.statement_too_long"
        assert f"at most 1024 characters, found {size}" in error.value.message
        assert "a model that takes more" in error.value.hint
        assert "fewer transfers" in error.value.hint
        if every_device.emulator:
            assert every_device.emulator.screens == before
    else:
        assert signs(over)


def test_a_statement_too_long_is_refused_before_a_locked_device_asks_for_its_pin(opened: Any) -> None:
    over = approval_statement(_plan(7, P2WPKH))
    with (
        DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="1234") as device,
        pytest.raises(DeviceError) as error,
        opened(device, permit=partial(require_room, statement=over, attester="attester-1")),
    ):
        pass
    assert error.value.code == "device.statement_too_long"
    assert device.screens == ()


def test_one_byte_changed_anywhere_fails(every_device: Any, opened: Any, wallet: Any) -> None:
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, APPROVAL, "anna", pinned, REGTEST)
    raw, key, file = base64.b64decode(signed.signature), bytes.fromhex(pinned), signed.dump().encode()
    refused = 0
    for position in range(len(raw)):
        altered = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        forged = dataclasses.replace(signed, signature=base64.b64encode(altered).decode())
        with pytest.raises(AttestationError):
            verify(forged, pinned)
        refused += 1
    for position in range(len(file)):
        text = (file[:position] + bytes([file[position] ^ 1]) + file[position + 1 :]).decode()
        with pytest.raises(AttestationError):
            verify(SignedStatement.load(text, what="file"), pinned)
        refused += 1
    for position in range(len(key)):
        other = (key[:position] + bytes([key[position] ^ 1]) + key[position + 1 :]).hex()
        with pytest.raises(AttestationError):
            verify(signed, other)
        refused += 1
    assert refused == 65 + len(file) + 33
    assert verify(SignedStatement.load(file.decode(), what="file"), pinned) == APPROVAL


def test_the_same_approval_signed_by_two_makes_counts_once(
    every_device: Any, trezor: Any, opened: Any, wallet: Any
) -> None:
    keys = set()
    for one in (every_device, trezor):
        with opened(one, expected_fingerprint=wallet.fingerprint) as session:
            pinned = attestation_public_key(session, REGTEST)
            for name in ("anna", "bert"):
                keys.add(replay_key(sign_statement(session, APPROVAL, name, pinned, REGTEST), pinned))
    assert keys == {("fund-one", "approval", "3f9a0c11d2e4b567", pinned)}


def test_the_attestation_account_is_no_wallet(trezor: Any, opened: Any, wallet: Any) -> None:
    path = attestation_path(1)
    with opened(trezor) as session:
        for ask in (
            lambda: session.xpub(path[:3]),
            lambda: session.show_address(REGTEST, path, "p2wpkh", expected=wallet.address("p2wpkh", 0)),
            lambda: session.sign_transaction(
                dataclasses.replace(
                    wallet.request("p2wpkh"), inputs=(wallet.input("p2wpkh", 0, 100_000, account=100),)
                ),
                REGTEST,
            ),
        ):
            with pytest.raises(DeviceError) as error:
                ask()
            assert error.value.code == "device.forbidden_path"
    assert trezor.screens == ()


def test_a_statement_without_what_names_it_is_no_vote(trezor: Any, opened: Any) -> None:
    nameless = Statement("approval", "fund-one", "regtest", (("amount", "1 BTC"),))
    with opened(trezor) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, nameless, "anna", pinned, REGTEST)
    with pytest.raises(AttestationError) as error:
        replay_key(signed, pinned)
    assert error.value.code == "attestation.missing_field"


@pytest.mark.parametrize(
    "signature",
    [
        # BIP322's own examples: simple (a witness) and full (a transaction).
        "AkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFSeEA2ba9YOixpX8z46TSDtS40ASEC"
        "x/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
        "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLUx9a/sASEC"
        "x/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
    ],
)
def test_bip322_is_not_accepted(wallet: Any, signature: str) -> None:
    pinned = wallet.key(attestation_path(1)).to_public().key.sec().hex()
    with pytest.raises(AttestationError) as error:
        verify(SignedStatement(APPROVAL, "anna", signature), pinned)
    assert error.value.code == "attestation.bad_signature"
