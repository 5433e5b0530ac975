"""A Safe of a treasury: two owners on devices, one outside; signed apart, put together, executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from emulator.chains.ethereum.deploy import USDC
from tests.support.ethereum_calls import address_of as address_of_key
from tests.support.ethereum_chains import RunningChain, start_chain
from tests.support.ethereum_safes import CAROL, MALLORY, STRANGER, raw_signature
from tests.support.ethereum_treasury import (
    MNEMONIC,
    OTHER,
    AccountSpec,
    EthereumCase,
    device_account,
    entry,
    opened_devices,
    opened_treasury,
)
from vault.cli.account_answers import shown
from vault.cli.page import Page
from vault.cli.root import cli
from vault.errors import EthereumError, PlanError, SafeError, VaultError
from vault.ethereum.safe.document import own_text, read_document, service_text
from vault.ethereum.safe.signatures import OwnerSignature
from vault.ethereum.safe.state import GUARD_SLOT, HANDLER_SLOT
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.evm.call import SafeCall
from vault.evm.hashing import keccak
from vault.store import records
from vault.store.records import IntentRow
from vault.treasury.ethereum import safe_exchange, safes
from vault.treasury.ethereum.account_report import account_state
from vault.treasury.plan import Plan

CAROLS = address_of_key(CAROL)
SEEING = {"one": ("trezor-core", MNEMONIC), "two": ("onekey-pro", OTHER)}
BLIND = {"one": ("trezor-one", MNEMONIC), "two": ("onekey-pro", OTHER)}
PAID = 1_500_000_000


@contextmanager
def safe_treasury(
    folder: Path, chain: RunningChain, personas: dict[str, tuple[str, str]], gas_at: int
) -> Iterator[EthereumCase]:
    """A 2-of-3 Safe of two devices and Carol, who is outside; the first device pays the gas.

    Two treasuries on one chain have each an account of its own that sends.
    """
    first = next(iter(personas))
    with opened_devices(personas) as devices:
        owners = tuple(
            device_account(f"owner-{name}", "signer", name, mnemonic)
            for name, (_, mnemonic) in personas.items()
        )
        gas = device_account("gas", "gas", first, personas[first][1], gas_at)
        target = device_account("target", "cold", first, personas[first][1], 2)
        chain.mine()
        addresses = [*(each.address for each in owners), CAROLS]
        address = chain.deploy_safe(addresses, 2, salt_nonce=chain.height)
        names = ", ".join(f'"{each.name}"' for each in owners)
        terms = f'owners = [{names}], outside = ["{CAROLS}"], threshold = 2, executor = "gas"'
        safe = AccountSpec("cold-safe", "cold", address, f"safe = {{ {terms} }}\n")
        chain.mint(USDC, address, 500 * PAID)
        chain.fund(gas.address)
        chain.mine(5)
        accounts = (*owners, gas, target, safe)
        with opened_treasury(
            folder, chain, devices, accounts, (entry("target-usdc", "USDC", target),)
        ) as case:
            yield case


@pytest.fixture(scope="module")
def chain() -> Iterator[RunningChain]:
    with start_chain() as found:
        yield found


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, chain: RunningChain) -> Iterator[EthereumCase]:
    with safe_treasury(tmp_path_factory.mktemp("seeing"), chain, SEEING, 1) as case:
        yield case


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory, chain: RunningChain) -> Iterator[EthereumCase]:
    with safe_treasury(tmp_path_factory.mktemp("blind"), chain, BLIND, 3) as case:
        yield case


def _pay(case: EthereumCase) -> Plan:
    plan = case.pay("cold-safe", "target-usdc", "1500", "USDC")
    case.approve(plan)
    return plan


def _progress(case: EthereumCase, plan: Plan) -> safes.SafeProgress:
    return safes.safe_progress(case.desk, plan.transfer(1), (case.step(plan),))


def _signed_outside(text: str, key: Any = CAROL) -> str:
    """What an owner with another program returns: the service's form with his signature."""
    document = read_document(text)
    owner = address_of_key(key)
    signature = OwnerSignature(owner, raw_signature(key, hashes(document.tx).safe_tx))
    return service_text(document.tx, (signature,))


def _take(case: EthereumCase, plan: Plan, text: str) -> IntentRow:
    return safe_exchange.take(case.desk, plan, None, read_document(text))


def _code(check: Callable[[], object]) -> str:
    with pytest.raises(VaultError) as refused:
        check()
    return refused.value.code


def _finished(case: EthereumCase, plan: Plan) -> None:
    before = case.balance("USDC", "target")
    case.send(plan)
    assert case.settle(plan).state == "done"
    assert case.balance("USDC", "target") - before == PAID


def test_two_devices_sign_apart_and_the_executor_sends(seeing: EthereumCase) -> None:
    plan = _pay(seeing)
    seeing.sign(plan, "two")
    progress = _progress(seeing, plan)
    assert [(each.device, each.signed, each.saw) for each in progress.owners if each.signed] == [
        ("two", True, "data")
    ]
    assert (progress.missing, seeing.step(plan).state) == (1, "signing")
    assert {each.device for each in progress.open} == {"one", ""}
    shown = seeing.hands["two"].text
    assert seeing.address("cold-safe") in shown
    seeing.sign(plan)
    assert seeing.step(plan).state == "signed"
    _finished(seeing, plan)


@pytest.mark.parametrize("form", ["vault", "service", "typed"])
def test_a_device_and_an_owner_outside_sign_through_files(seeing: EthereumCase, form: Any) -> None:
    plan = _pay(seeing)
    text = safe_exchange.export(seeing.desk, plan, None, form)
    step = _take(seeing, plan, _signed_outside(text))
    assert step.state == "signing"
    assert [(each.owner, each.saw) for each in _progress(seeing, plan).done] == [(CAROLS, "unknown")]
    again = _signed_outside(text)
    assert _code(lambda: _take(seeing, plan, again)) == "safe.nothing_new"
    seeing.sign(plan, "one")
    assert seeing.step(plan).state == "signed"
    late = _signed_outside(text)
    assert _code(lambda: _take(seeing, plan, late)) == "plan.already_signed"
    _finished(seeing, plan)


def test_hashes_and_files_make_no_quorum_until_one_owner_sees_the_data(blind: EthereumCase) -> None:
    plan = _pay(blind)
    blind.sign(plan, "one")
    assert [each.saw for each in _progress(blind, plan).done] == ["hashes"]
    text = safe_exchange.export(blind.desk, plan, None, "vault")
    step = _take(blind, plan, _signed_outside(text))
    progress = _progress(blind, plan)
    assert (len(progress.done), progress.missing, progress.blind) == (2, 1, True)
    assert _code(lambda: safes.outer_call(plan.transfer(1), step)) == "safe.blind_quorum"
    blind.sign(plan, "one")
    assert blind.step(plan).state == "signing"
    blind.sign(plan)
    assert blind.step(plan).state == "signed"
    _finished(blind, plan)


def _document(plan: Plan, **changes: Any) -> str:
    from dataclasses import replace

    call = plan.transfer(1).ethereum.safe
    assert call is not None
    altered: SafeCall = replace(call, **changes)
    digest = hashes(safe_tx(1, altered)).safe_tx
    signature = OwnerSignature(CAROLS, raw_signature(CAROL, digest))
    return own_text(1, altered, (signature,) if CAROLS in altered.owners else ())


def test_files_of_anything_else_change_nothing(seeing: EthereumCase) -> None:
    plan = _pay(seeing)
    text = safe_exchange.export(seeing.desk, plan, None, "service")
    flipped = json.dumps(json.loads(_signed_outside(text)) | {"operation": 1})
    unsigned = safe_exchange.export(seeing.desk, plan, None, "typed")
    for returned, code in (
        (_document(plan, nonce=99), "safe.foreign_document"),
        (_document(plan, to=STRANGER), "safe.foreign_document"),
        (_document(plan, threshold=3), "safe.foreign_document"),
        (_signed_outside(text, MALLORY), "safe.foreign_signature"),
        (flipped, "safe.delegatecall"),
        (unsigned, "safe.nothing_signed"),
        ("{}", "safe.bad_document"),
    ):
        assert _code(lambda given=returned: _take(seeing, plan, given)) == code
    assert not _progress(seeing, plan).done
    assert seeing.state(plan) == "approved"
    assert _cancelled(seeing, plan)


def _slot(key: str, slot: int) -> int:
    return int.from_bytes(keccak(int(key, 16).to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")


SENTINEL = f"0x{1:040x}"


@contextmanager
def _altered(case: EthereumCase, slots: dict[int, int]) -> Iterator[None]:
    """The Safe with other storage, and as it was afterwards."""
    chain = case.chain.chain
    assert chain is not None
    address = case.address("cold-safe")
    before = {slot: chain.storage(address, slot) for slot in slots}
    for slot, value in slots.items():
        chain.set_storage(address, slot, value)
    try:
        yield
    finally:
        for slot, value in before.items():
            chain.set_storage(address, slot, value)


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({0: int(STRANGER, 16)}, "safe.implementation_changed"),
        (
            {_slot(SENTINEL, 1): int(STRANGER, 16), _slot(STRANGER, 1): int(SENTINEL, 16)},
            "safe.module_enabled",
        ),
        ({GUARD_SLOT: int(STRANGER, 16)}, "safe.guard_changed"),
        ({HANDLER_SLOT: int(STRANGER, 16)}, "safe.fallback_handler_changed"),
        ({4: 1}, "safe.threshold_changed"),
        ({5: 999}, "safe.nonce_changed"),
    ],
)
def test_a_safe_that_changes_is_refused_when_planned_signed_and_sent(
    seeing: EthereumCase, slots: dict[int, int], code: str
) -> None:
    desk, plan = seeing.desk, _pay(seeing)
    with _altered(seeing, slots):
        if code != "safe.nonce_changed":
            assert _code(lambda: safes.planned_safe_call(desk, "cold-safe", STRANGER, 1, b"")) == code
            assert _code(lambda: safes.require_safe_as_configured(desk, "cold-safe")) == code
        asked = [len(hand.screens) for hand in seeing.hands.values()]
        assert _code(lambda: safes.check_on_chain(desk, plan.transfer(1))) == code
        assert _code(lambda: seeing.sign(plan)) == code
        assert asked == [len(hand.screens) for hand in seeing.hands.values()]
    seeing.sign(plan)
    assert seeing.step(plan).state == "signed"
    with _altered(seeing, slots):
        assert _code(lambda: seeing.send(plan)) == code
    assert _cancelled(seeing, plan)


def _cancelled(case: EthereumCase, *plans: Plan) -> bool:
    from vault.treasury.execute import cancel

    for plan in plans:
        cancel(case.desk, plan, "done with it")
    return all(case.state(plan) == "cancelled" for plan in plans)


def test_the_commands_show_export_and_verify(seeing: EthereumCase, tmp_path: Path) -> None:
    plan = _pay(seeing)
    folder = str(seeing.desk.treasury.path)

    def run(*arguments: str) -> Any:
        found = CliRunner().invoke(cli, [*arguments, "--json"], standalone_mode=False)
        if found.exception is not None:
            raise found.exception
        return json.loads(found.stdout), found.return_value

    shown, status = run("safe", "show", "cold-safe", "--config", folder)
    assert (shown["as_configured"], status) == (True, 0)
    out = tmp_path / "proposal.json"
    run("safe", "export", plan.plan_id, "-o", str(out), "--config", folder)
    three, _ = run("safe", "hashes", plan.plan_id, "--config", folder)
    book = str(seeing.desk.treasury.book_path)
    plan_file = tmp_path / "plan.json"
    plan_file.write_text(plan.text(), encoding="utf-8")
    for source in (str(out), str(plan_file)):
        found, status = run("verify", source, "--book", book, "--config", folder)
        assert (found["valid"], status, found["notes"]) == (True, 0, [])
        assert found["transactions"][0]["hashes"] == three["hashes"]
    for changes, code in (
        ({"owners": (CAROLS, STRANGER)}, "safe.owners_changed"),
        ({"threshold": 1}, "safe.threshold_changed"),
        ({"address": STRANGER}, "safe.wrong_safe"),
        ({"to": STRANGER, "data": "0x", "value": 1}, "ethereum.not_in_book"),
    ):
        foreign = tmp_path / f"{code}.json"
        foreign.write_text(_document(plan, **changes), encoding="utf-8")
        found, status = run("verify", str(foreign), "--book", book, "--config", folder)
        error = found["transactions"][0]["error"]
        assert (found["valid"], error["error"], error["exit_status"]) == (False, code, status)
    returned = tmp_path / "returned.json"
    returned.write_text(_signed_outside(out.read_text(encoding="utf-8")), encoding="utf-8")
    taken, _ = run("safe", "import", plan.plan_id, str(out), str(returned), "--config", folder)
    assert taken["safe"]["missing"] == 1
    assert _cancelled(seeing, plan)


def test_a_change_of_the_safe_is_never_signed_in_a_plan_for_something_else(seeing: EthereumCase) -> None:
    from dataclasses import replace

    from vault.ethereum.safe.changes import change_threshold

    plan = _pay(seeing)
    transfer = plan.transfer(1)
    change = change_threshold(safes.read_state(seeing.desk, "cold-safe"), 1)
    call = transfer.ethereum
    assert call.safe is not None
    inner = replace(call.safe, to=call.safe.address, data=f"0x{change.data.hex()}")
    altered = replace(transfer, call=replace(call, safe=inner))
    with pytest.raises(SafeError) as refused:
        safes.inner_of(altered)
    assert refused.value.code == "safe.unplanned_change"
    safes.inner_of(replace(altered, action="reconfigure", payments=()))
    with pytest.raises((EthereumError, PlanError)):
        safes.check_on_chain(seeing.desk, altered)
    assert _cancelled(seeing, plan)


def test_a_record_that_was_altered_is_not_believed(seeing: EthereumCase) -> None:
    plan = _pay(seeing)
    seeing.sign(plan, "one")
    step = seeing.step(plan)
    rows = json.loads(step.facts["owners"])
    for altered in (
        [[rows[0][0], rows[0][1][:-4] + "0000", "data"]],
        [[CAROLS, rows[0][1], "data"]],
        [[rows[0][0], rows[0][1]]],
        "nothing",
    ):
        with seeing.desk.store.write() as writer:
            step = records.move_intent(writer, step, "signing", owners=json.dumps(altered))
        assert _code(lambda: _progress(seeing, plan)).startswith("safe.")
        assert _code(lambda given=step: safes.outer_call(plan.transfer(1), given)).startswith("safe.")
    assert _cancelled(seeing, plan)


def test_an_account_that_is_a_safe_has_the_safes_nonce_and_no_other(
    seeing: EthereumCase, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contract's own nonce begins with 1 (EIP-161) and is nothing that anybody signs."""
    found = account_state(seeing.desk, "cold-safe")
    assert found.safe is not None
    assert (found.nonce, found.waiting) == (None, None)
    shown(found).render(Page())
    text = capsys.readouterr().out
    assert "next nonce" not in text
    assert f"nonce {found.safe.state.nonce}, 2 of 3 sign" in text
