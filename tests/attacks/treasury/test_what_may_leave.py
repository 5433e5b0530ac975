"""Limits, the venue's own bounds, shared coins and double names: asked before anything leaves."""

from __future__ import annotations

import base64
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from vault.bitcoin.transaction import OutPoint
from vault.config import TreasuryConfig
from vault.errors import AttestationError, DeniedError, MoneyError, PlanError
from vault.money import BTC, Amount
from vault.treasury import approve, coins, limits, precautions, preconditions, propose, spending
from vault.treasury.plan import Transfer
from vault.venues.base import WithdrawNetwork
from vault.venues.binance.wallet import withdraw_network

COIN = "cd" * 32


def btc(units: int) -> Amount:
    return Amount(BTC, units)


def network(bench: Any, **changes: Any) -> WithdrawNetwork:
    now = bench.clock.now()
    base = WithdrawNetwork("BTC", "BTC", True, True, btc(1_000), btc(10_000), btc(10**9), btc(1), 2, now)
    return replace(base, **changes)


def limited(per_transfer: str, window: str) -> Any:
    from vault.policy.document import Limit

    limit = Limit(
        id="all",
        action="*",
        asset="BTC",
        per_transfer=Decimal(per_transfer),
        window_hours=24,
        window_amount=Decimal(window),
    )
    fees = SimpleNamespace(window_hours=24, window_amount=Decimal(1), window_share=Decimal(1))
    return SimpleNamespace(policy=SimpleNamespace(limit=(limit,), fees=fees, gas=()))


def test_two_transfers_of_one_plan_do_not_pass_a_window_that_both_together_break(bench: Any) -> None:
    """Another plan moved meanwhile: with it each transfer alone fits the window, and both do not."""
    bench.desk.policy = lambda: limited("1", "0.00250000")
    other = bench.plan(bench.transfer(1, source="third", venue_account="third"))
    bench.walk(other, 1, "withdraw", "submitting", "accepted")
    plan = bench.plan(bench.transfer(1), bench.transfer(2, source="hedge", venue_account="hedge"))
    with pytest.raises(DeniedError) as caught:
        limits.check_limits(bench.desk, plan, plan.body.transfers[0])
    assert caught.value.code == "denied.limit"


@pytest.mark.parametrize(
    "changes", [{"maximum": btc(99_999)}, {"minimum": btc(100_001)}, {"step": btc(30_000)}]
)
def test_coins_do_not_leave_margin_for_a_withdrawal_the_venue_will_not_take(
    bench: Any, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precautions, "of_sweep", lambda *arguments: {})
    bench.desk.book = lambda: SimpleNamespace(book=SimpleNamespace(find=lambda name: None))
    bench.desk.policy = lambda: SimpleNamespace(policy=None)
    bench.venue.network = network(bench)
    preconditions.check_withdrawal(bench.desk, bench.transfer())
    bench.venue.network = network(bench, **changes)
    with pytest.raises(PlanError) as caught:
        preconditions.check_withdrawal(bench.desk, bench.transfer())
    assert caught.value.code == "plan.venue_limits"


def test_a_top_up_below_what_the_venue_credits_is_refused(bench: Any) -> None:
    preconditions.check_deposit_minimum(network(bench, deposit_minimum=btc(99_000)), bench.top_up())
    with pytest.raises(DeniedError) as caught:
        preconditions.check_deposit_minimum(network(bench, deposit_minimum=btc(99_001)), bench.top_up())
    assert caught.value.code == "denied.below_deposit_minimum"


@pytest.mark.parametrize(
    ("said", "expected"),
    [("0.001", 100_000), ("0.0000000000001", 1), ("0.000000011", 2), ("0", None), (None, None)],
)
def test_the_least_deposit_is_read_from_the_venue_and_never_rounded_down(
    bench: Any, said: str | None, expected: int | None
) -> None:
    line = {
        "network": "BTC",
        "withdrawEnable": True,
        "depositEnable": True,
        "withdrawFee": "0.00001",
        "withdrawMin": "0.0001",
        "withdrawMax": "100",
        "withdrawIntegerMultiple": "0.00000001",
        "minConfirm": 1,
    }
    if said is not None:
        line["depositDust"] = said
    found = withdraw_network([{"coin": "BTC", "networkList": [line]}], "BTC", "BTC", bench.clock.now())
    assert found.deposit_minimum == (None if expected is None else btc(expected))


def test_two_spends_of_one_plan_are_built_from_different_coins(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two accounts are topped up from one wallet: the second must not spend the coins of the first."""
    left_alone = []

    def build(desk: Any, decision: Any, before: tuple[Transfer, ...], notes: list[str]) -> Any:
        left_alone.append(spending.coins_of(before))
        return bench.top_up(len(before) + 1, coins=(f"{COIN}:1",))

    monkeypatch.setattr(propose, "_transfer", build)
    decision = SimpleNamespace(outcome="allow", amount=btc(1))
    found = SimpleNamespace(decisions=(decision, decision))
    monkeypatch.setattr(propose, "look", lambda desk: found)
    monkeypatch.setattr(propose, "_body", lambda *arguments: (_ for _ in ()).throw(KeyError))
    with pytest.raises(KeyError):
        propose.propose(bench.desk)
    assert [len(taken) for taken in left_alone] == [0, 1]


def test_the_wallet_is_told_which_coins_are_taken(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Wallet:
        def build_spend(self, payments: Any, rate: Any, **options: Any) -> Any:
            asked.update(options, rate=rate)
            psbt = base64.b64decode(_one_coin())
            return SimpleNamespace(payments=payments, fee=btc(1), psbt=psbt, inputs=(OutPoint(COIN, 1),))

    frozen = OutPoint(COIN, 7)
    monkeypatch.setattr(coins, "withheld", lambda desk, wallet: (frozen,))
    bench.desk.wallet = lambda name: Wallet()
    bench.desk.fee_rate = lambda blocks: Decimal("8.91")
    policy = SimpleNamespace(fees=SimpleNamespace(max_fee_rate=Decimal(9)), band_of=lambda account: None)
    decision = SimpleNamespace(amount=btc(5_000), action="top_up", source="cold", subject="hedge")
    entry = SimpleNamespace(id="hedge-1", address=bench.transfer().payment.address, network="bitcoin:regtest")
    taken = spending.coins_of((bench.top_up(coins=(f"{COIN}:1",)),))
    monkeypatch.setattr(propose, "_credit", lambda *arguments: None)
    propose._spend(bench.desk, policy, decision, entry, 2, taken)  # type: ignore[arg-type]
    assert asked["without"] == (*taken, frozen)
    assert len(taken) == 1
    assert asked["rate"] == Decimal("8.91")


def _one_coin() -> str:
    from vault.bitcoin.psbt.document import Psbt
    from vault.bitcoin.psbt.fields import Global
    from vault.bitcoin.psbt.maps import FieldMap, PsbtInput, PsbtOutput
    from vault.bitcoin.transaction import Transaction, TxIn, TxOut

    unsigned = Transaction(
        2, (TxIn(OutPoint(COIN, 1), b"", 0xFFFFFFFD),), (TxOut(5_000, b"\x00\x14" + b"\x01" * 20),), 0
    )
    head = FieldMap(()).put(Global.UNSIGNED_TX, unsigned.serialise(witness=False))
    psbt = Psbt(unsigned, head, (PsbtInput(()),), (PsbtOutput(()),))
    return base64.b64encode(psbt.serialise()).decode()


def test_a_signature_by_another_key_freezes_the_plan(
    bench: Any, permitted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again and again for one more signature is how signatures are harvested."""
    import contextlib

    plan = bench.plan(state="proposed")
    alice = SimpleNamespace(name="alice", device="d", public_key="02" * 33, roles=("approve",))
    bench.desk.treasury.config.attester = (alice,)
    bench.desk.treasury.attester = lambda name: alice
    bench.desk.device = lambda name, permit: contextlib.nullcontext()
    monkeypatch.setattr(approve, "_show_destinations", lambda *arguments: None)

    def other_key(*arguments: Any) -> None:
        raise AttestationError("wrong_signer", "not signed by the key pinned for 'alice'")

    monkeypatch.setattr("vault.device.attest.sign_statement", other_key)
    with pytest.raises(AttestationError):
        approve.approve(bench.desk, plan, "alice")
    assert bench.state(plan) == "frozen"


@pytest.mark.parametrize(("what", "names"), [("venue", ("a", "b")), ("wallet", ("a", "b"))])
def test_one_account_or_wallet_under_two_names_is_refused(what: str, names: tuple[str, ...]) -> None:
    """Its coins would count twice, and be swept twice."""
    rows: dict[str, dict[str, Any]] = {
        "venue": {"exchange": "binance", "account_uid": "77", "url": "http://127.0.0.1:1"},
        "wallet": {"role": "cold", "descriptor": "wpkh(tpub/<0;1>/*)", "device": "d"},
    }
    device = {"name": "d", "kind": "trezor", "path": "udp:127.0.0.1:1", "root_fingerprint": "0" * 8}
    document = {
        "schema": 1,
        "treasury_id": "desk",
        "bitcoin": {"network": "regtest", "esplora": "http://127.0.0.1:2"},
        "device": [device],
        what: [{"name": name, **rows[what]} for name in names[:1]],
    }
    TreasuryConfig.model_validate(document)
    document[what] = [{"name": name, **rows[what]} for name in names]
    with pytest.raises(ValidationError, match="under two names"):
        TreasuryConfig.model_validate(document)


def test_more_digits_than_arithmetic_has_are_neither_rounded_up_nor_taken_as_exact() -> None:
    almost_one = "0." + "9" * 62
    with pytest.raises(MoneyError) as caught:
        Amount.parse(almost_one, BTC)
    assert caught.value.code == "money.too_many_digits"
    assert Amount.floor(Decimal(almost_one), BTC) == btc(99_999_999)


def test_a_plan_whose_approval_no_device_could_show_is_not_proposed(bench: Any) -> None:
    from vault.errors import AttestationError
    from vault.treasury.propose import require_fit

    require_fit(bench.plan(*(bench.transfer(number) for number in range(1, 4))))
    with pytest.raises(AttestationError) as caught:
        require_fit(bench.plan(*(bench.transfer(number) for number in range(1, 40))))
    assert caught.value.code == "attestation.too_long"


def test_one_sources_unforeseen_fault_does_not_hide_what_the_others_said(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from vault.treasury import observe

    def broken(*_arguments: object) -> object:
        raise RuntimeError("a fault nobody thought of")

    venue = SimpleNamespace(name="trading", exchange="binance", contracts=("BTCUSDT",))
    config = bench.desk.treasury.config
    config.venue, config.wallet, config.account = (venue,), (), ()
    monkeypatch.setattr(observe, "_spot_assets", lambda _: {"trading": observe.SPOT_ASSETS})
    monkeypatch.setattr(observe, "_account", broken)
    monkeypatch.setattr(observe, "_market", broken)
    monkeypatch.setattr(observe, "gather", broken)
    monkeypatch.setattr(observe, "_spot", lambda desk, name, asset: None)
    snapshot = observe.take_snapshot(bench.desk)
    assert {failure.source for failure in snapshot.failures} == {
        "venue:trading",
        "market:trading:BTCUSDT",
        "market data",
    }
    assert all(failure.code == "internal.unexpected" for failure in snapshot.failures)
