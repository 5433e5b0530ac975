"""Esplora takes a transaction and drops the connection, hangs, or refuses: one or none, never two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Case
from vault.errors import ChainError, OutcomeUnknownError, PlanError, VaultError
from vault.treasury import execute, preconditions, reconcile

Make = Callable[..., Case]


@pytest.mark.parametrize("kind", ["evacuation", "top-up"])
@pytest.mark.parametrize(
    ("fault", "sent", "options"),
    [
        ("drop_after", True, {}),
        ("drop", False, {}),
        ("hang", False, {"seconds": 3}),
        ("error", False, {"status": 502}),
        ("garbage", False, {}),
    ],
)
def test_a_broadcast_without_an_answer_is_unknown_and_sent_once(
    kind: stage.Kind, fault: str, sent: bool, options: dict[str, Any], make: Make
) -> None:
    case = make(kind, chain_timeout=1).ready()
    txid = line.intents(case.desk, case.plan)[0].facts["txid"]
    case.scene.chain.fault(fault, path="/tx", method="POST", **options)
    with pytest.raises(OutcomeUnknownError) as caught:
        case.send()
    assert caught.value.code == "unknown.broadcast"
    assert (case.states[0], case.state) == ("unknown", "sending")
    assert (case.scene.chain.confirmations(txid) == 0) == sent
    with pytest.raises(PlanError):
        case.send()
    reconcile.reconcile(case.desk)
    assert case.states[0] == ("accepted" if sent else "unsent")
    case.complete()
    assert (case.scene.chain.confirmations(txid) or 0) >= 1


def test_a_chain_that_cannot_be_asked_leaves_the_step_unknown(make: Make) -> None:
    case = make("evacuation", chain_timeout=1).ready()
    case.scene.chain.fault("drop_after", path="/tx", method="POST")
    with pytest.raises(OutcomeUnknownError):
        case.send()
    case.scene.chain.fault("error", path="/tx", times=None)
    (found,) = reconcile.reconcile(case.desk)
    assert (found.state, found.note.split(":")[0]) == ("unknown", "chain.server_error")
    with pytest.raises(OutcomeUnknownError) as caught:
        case.send(resume=True)
    assert caught.value.code == "unknown.unsettled"
    case.scene.chain.clear_faults()
    case.complete()


def test_a_refused_transaction_is_unsent_and_the_reason_is_told(make: Make) -> None:
    """The coins were spent by the same keys a moment before: the mempool refuses a conflict."""
    case = make("evacuation").ready()
    checked = preconditions.check_transfer
    rival = _rival(case)

    def spent_meanwhile(*arguments: Any, **named: Any) -> None:
        checked(*arguments, **named)
        case.scene.chain.submit(rival)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preconditions, "check_transfer", spent_meanwhile)
        with pytest.raises(ChainError) as caught:
            case.send()
    assert caught.value.code == "chain.refused"
    assert case.states == ("unsent",)
    (found,) = reconcile.reconcile(case.desk)
    assert found.note.startswith("books.conflicted")
    with pytest.raises(VaultError) as again:
        case.send(resume=True)
    assert again.value.code in {"unknown.unsettled", "plan.coin_spent"}
    execute.cancel(case.desk, case.plan, "the coin is gone")
    assert (case.states, case.state) == (("cancelled",), "cancelled")


def test_a_coin_spent_before_the_send_stops_the_plan(make: Make) -> None:
    case = make("evacuation").ready()
    case.scene.chain.submit(_rival(case))
    with pytest.raises(PlanError) as caught:
        case.send()
    assert (caught.value.code, case.state, case.states) == ("plan.coin_spent", "approved", ("signed",))


def _rival(case: Case) -> bytes:
    """Another transaction from the first coin of the staging wallet, signed on its device."""
    from decimal import Decimal

    from vault.address import script_pubkey
    from vault.bitcoin.spend import ExpectedSpend, FeeLimits
    from vault.bitcoin.verify import verify_psbt, verify_signed
    from vault.money import BTC, Amount
    from vault.treasury.spending import device_request

    script = script_pubkey(case.staged.address("staging", False, 7), stage.NETWORK)
    amount = Amount(BTC, stage.COIN_SAT // 2)
    built = case.desk.wallet("staging").build_spend(((script, amount),), Decimal(30), drain=False)
    expected = ExpectedSpend(case.desk.descriptor("staging"), ((script, amount),), stage.NETWORK)
    limits = FeeLimits(Amount(BTC, 100_000), Decimal(100), Decimal("0.5"))
    verified = verify_psbt(built.psbt, expected, limits)
    with case.desk.device("staging") as session:
        answer = session.sign_transaction(device_request(verified), case.desk.network)
    return verify_signed(verified, answer.signatures).raw


def test_a_credit_is_waited_for_and_moved_to_margin_once(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    assert case.states == ("accepted", "planned", "planned")
    reconcile.reconcile(case.desk)
    case.send(resume=True)  # nothing to do yet: the venue has not seen the deposit
    assert case.truth().transfers == ()
    case.scene.exchange.fault("504_after_recording", "asset/transfer", method="POST")
    case.scene.chain.mine(1)
    case.scene.exchange.tick()
    reconcile.reconcile(case.desk)
    with pytest.raises(OutcomeUnknownError):
        case.send(resume=True)
    assert case.states == ("done", "done", "unknown")
    case.complete()


def test_a_transaction_that_a_reorganisation_takes_back_is_not_forgotten(make: Make) -> None:
    case = make("evacuation").ready()
    case.send()
    case.scene.chain.mine(1)
    case.scene.chain.reorg(1)
    reconcile.reconcile(case.desk)
    txid = line.intents(case.desk, case.plan)[0].facts["txid"]
    assert case.scene.chain.confirmations(txid) is not None
    case.complete()
