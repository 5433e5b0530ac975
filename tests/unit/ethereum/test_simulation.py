"""A call is tried before it is signed, and every wei that would move is a planned one, or it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.ethereum_calls import (
    ONE_ETHER,
    RECIPIENT,
    SAFE,
    SENDER,
    USDC_1500,
    USDT_99,
    call_of,
    planned,
    safe_call_of,
)
from tests.support.ethereum_paper import (
    FALSE,
    TRUE,
    PaperToken,
    PaperView,
    reverted,
    transfer_log,
    word,
)
from vault.errors import EthereumError
from vault.ethereum.build import CallPart, cancel, revoke
from vault.ethereum.contracts import erc20
from vault.ethereum.decode import data_bytes
from vault.ethereum.reverts import MAX_TEXT, revert_text
from vault.ethereum.simulate import BalanceChange, simulate
from vault.ethereum.tokens import token_of
from vault.ethereum.verify import ExpectedCancel, ExpectedExact, ExpectedPayment, ExpectedRevoke
from vault.ethereum.view import CallOutcome, CallRequest, EventLog
from vault.evm.abi import encode
from vault.evm.call import EthereumCall
from vault.money import USDC, USDT, Amount

OTHER = "0x43506849D7C04F9138D1A2050bbF3A0c054402dd"
AMOUNTS = [ONE_ETHER, USDC_1500, USDT_99]


def refused(code: str) -> pytest.RaisesExc[EthereumError]:
    return pytest.raises(EthereumError, check=lambda error: error.code == f"ethereum.{code}")


def paper(*, simulates: bool = True) -> PaperView:
    view = PaperView(simulates=simulates, ether=dict.fromkeys((SENDER, SAFE), 3 * 10**18))
    for asset in (USDC, USDT):
        view.put(PaperToken(token_of(1, asset), balances=dict.fromkeys((SENDER, SAFE), 10**10)))
    return view


def token(view: PaperView, asset: Any = USDC) -> PaperToken:
    return view.tokens[token_of(1, asset).address]


def tried(amount: Amount = USDC_1500) -> tuple[EthereumCall, ExpectedPayment]:
    part, expected = planned(amount)
    return call_of(part), expected


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_a_payment_that_does_what_is_planned_passes(amount: Amount) -> None:
    found = simulate(paper(), *tried(amount))
    assert found.full
    assert found.warnings == ()
    assert found.changes == (
        BalanceChange(SENDER, amount.asset, -amount.units),
        BalanceChange(RECIPIENT, amount.asset, amount.units),
    )
    assert (found.block, found.block_hash) == (20_000_000, "0x" + "b1" * 32)


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_a_node_that_cannot_simulate_is_told_of(amount: Amount) -> None:
    found = simulate(paper(simulates=False), *tried(amount))
    assert not found.full
    assert "no eth_simulateV1" in found.warnings[0]


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_what_the_owners_of_a_safe_sign_is_tried_as_the_safes_own_call(amount: Amount) -> None:
    part, expected = planned(amount, payer=SAFE)
    found = simulate(paper(), safe_call_of(part), expected)
    assert found.changes[0] == BalanceChange(SAFE, amount.asset, -amount.units)


def execution(view: PaperView, part: CallPart, answer: bytes = TRUE, *extra: EventLog) -> None:
    """The Safe makes its call when it is executed."""

    def run(paper: PaperView, request: CallRequest) -> CallOutcome:
        del paper.contracts[SAFE]
        inner = paper.run(CallRequest(part.to, data_bytes(part.data), SAFE, part.value))
        done = EventLog(SAFE, (b"\x44" * 32,), bytes(64))
        return CallOutcome(inner.succeeded, answer, (*inner.logs, done, *extra), 90_000)

    view.contracts[SAFE] = run


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_the_whole_transaction_of_a_safe_is_tried_once_its_owners_signed(amount: Amount) -> None:
    part, expected = planned(amount, payer=SAFE)
    view = paper()
    execution(view, part)
    assert simulate(view, safe_call_of(part), expected, b"\x6a").full
    execution(view, part, FALSE)
    with refused("simulation_failed"):
        simulate(view, safe_call_of(part), expected, b"\x6a")
    execution(view, part, TRUE, transfer_log(token(view).token.address, SAFE, OTHER, 1))
    with refused("simulation_differs"):
        simulate(view, safe_call_of(part), expected, b"\x6a")


def test_a_token_that_answers_false_inside_a_safe_is_seen_also_without_simulation() -> None:
    view, (part, expected) = paper(simulates=False), planned(USDC_1500, payer=SAFE)
    token(view).returns = FALSE
    view.contracts[SAFE] = lambda *_: CallOutcome(True, TRUE)
    with refused("token_refuses"):
        simulate(view, safe_call_of(part), expected, b"\x6a")


@pytest.mark.parametrize("simulates", [True, False])
@pytest.mark.parametrize("answer", [FALSE, b"\x01", TRUE + bytes(32), (2).to_bytes(32, "big"), b"\xff" * 32])
def test_a_token_that_answers_anything_but_true_or_nothing_is_refused(answer: bytes, simulates: bool) -> None:
    view = paper(simulates=simulates)
    token(view).returns = answer
    with refused("token_refuses"):
        simulate(view, *tried())


def test_only_a_token_that_is_known_for_it_may_return_nothing() -> None:
    view = paper()
    token(view, USDT).returns = TRUE
    assert simulate(view, *tried(USDT_99)).full
    token(view, USDC).returns = b""
    with refused("token_refuses"):
        simulate(view, *tried(USDC_1500))


@pytest.mark.parametrize("behaviour", ["skim", "burn"])
def test_a_token_that_takes_a_fee_is_refused_whether_it_says_so_or_not(behaviour: str) -> None:
    view = paper()
    setattr(token(view, USDT), behaviour, 1)
    with refused("token_takes_fee"):
        simulate(view, *tried(USDT_99))


def test_usdts_own_parameters_are_read_where_nothing_is_simulated() -> None:
    view = paper(simulates=False)
    views = token(view, USDT).views
    views[erc20.BASIS_POINTS_RATE.selector] = views[erc20.MAXIMUM_FEE.selector] = (9).to_bytes(32, "big")
    with refused("token_takes_fee"):
        simulate(view, *tried(USDT_99))


@pytest.mark.parametrize(
    ("asset", "function", "code"),
    [(USDC, erc20.PAUSED, "token_paused"), (USDC, erc20.IS_BLACKLISTED, "token_blocks"),
     (USDT, erc20.IS_BLACK_LISTED, "token_blocks"), (USDT, erc20.DEPRECATED, "token_retired")],
)  # fmt: skip
def test_pauses_and_blocks_are_read_where_nothing_is_simulated(asset: Any, function: Any, code: str) -> None:
    view = paper(simulates=False)
    token(view, asset).views[function.selector] = TRUE
    with refused(code):
        simulate(view, *tried(Amount(asset, 5)))


@pytest.mark.parametrize("simulates", [True, False])
def test_a_revert_says_why(simulates: bool) -> None:
    view = paper(simulates=simulates)
    token(view).revert = reverted("Pausable: paused")
    with pytest.raises(EthereumError, match='would revert: "Pausable: paused"') as error:
        simulate(view, *tried())
    assert error.value.code == "ethereum.simulation_failed"
    with refused("simulation_failed"):
        simulate(paper(simulates=simulates), *tried(Amount(USDC, 10**10 + 1)))


@pytest.mark.parametrize(
    "extra",
    [
        transfer_log(token_of(1, USDT).address, SENDER, OTHER, 1),
        transfer_log(token_of(1, USDC).address, SENDER, RECIPIENT, USDC_1500.units),
        transfer_log(OTHER, SENDER, RECIPIENT, 5),
        transfer_log(token_of(1, USDC).address, OTHER, RECIPIENT, 5),
        EventLog(token_of(1, USDC).address, (erc20.APPROVAL_EVENT.topic, word(SENDER), word(OTHER)), TRUE),
        EventLog(OTHER, (b"\x01" * 32,), b""),
        EventLog(token_of(1, USDC).address, (), b""),
        EventLog(token_of(1, USDC).address, (erc20.TRANSFER_EVENT.topic, word(SENDER)), TRUE),
    ],
)
def test_every_further_event_of_a_tokens_transfer_is_refused(extra: EventLog) -> None:
    view = paper()
    token(view).extra = (extra,)
    with refused("simulation_differs"):
        simulate(view, *tried())


def test_balances_are_believed_and_not_events() -> None:
    view = paper()
    lying = token(view)
    lying.answer = (
        lambda sender, data: (  # type: ignore[method-assign]
            CallOutcome(True, TRUE, (transfer_log(lying.token.address, SENDER, RECIPIENT, USDC_1500.units),))
            if data[:4] == erc20.TRANSFER.selector
            else CallOutcome(True, (10**10).to_bytes(32, "big"))
        )
    )
    with refused("simulation_differs"):
        simulate(view, *tried())


def test_a_contract_that_is_paid_may_pass_on_what_it_got_but_take_nothing_more() -> None:
    def forwards(paper: PaperView, request: CallRequest) -> CallOutcome:
        from vault.ethereum.simulate import ETHER_LOGS

        logs = [transfer_log(ETHER_LOGS, SENDER, RECIPIENT, request.value)]
        logs += [
            EventLog(RECIPIENT, (b"\x3d" * 32,), b""),
            transfer_log(ETHER_LOGS, RECIPIENT, OTHER, request.value),
        ]
        return CallOutcome(True, b"", (*logs, *more))

    view, more = paper(), ()
    view.contracts[RECIPIENT] = forwards
    assert simulate(view, *tried(ONE_ETHER)).full
    for stolen in (
        transfer_log(token_of(1, USDC).address, SENDER, OTHER, 1),
        EventLog(token_of(1, USDC).address, (erc20.APPROVAL_EVENT.topic, word(SENDER), word(OTHER)), TRUE),
    ):
        more = (stolen,)
        with refused("simulation_differs"):
            simulate(view, *tried(ONE_ETHER))


def test_a_sender_that_cannot_pay_value_and_gas_is_refused() -> None:
    view = paper()
    call, expected = tried(ONE_ETHER)
    view.ether[SENDER] = ONE_ETHER.units + call.max_gas_cost
    assert simulate(view, call, expected).full
    view.ether[SENDER] -= 1
    with refused("insufficient_funds"):
        simulate(view, call, expected)
    part, expected = planned(ONE_ETHER, payer=SAFE)
    view.ether |= {SENDER: 10**18, SAFE: ONE_ETHER.units - 1}
    with refused("insufficient_funds"):
        simulate(view, safe_call_of(part), expected)


def test_ether_that_does_not_move_is_no_payment() -> None:
    view = paper()
    view.contracts[RECIPIENT] = lambda *_: CallOutcome(True, b"")
    with refused("simulation_differs"):
        simulate(view, *tried(ONE_ETHER))


def test_an_allowance_is_zero_afterwards() -> None:
    for payer, make in ((SENDER, call_of), (SAFE, safe_call_of)):
        view, expected = paper(), ExpectedRevoke(1, payer, USDT, RECIPIENT)
        token(view, USDT).allowances[payer, RECIPIENT] = 2**256 - 1
        assert simulate(view, make(revoke(1, USDT, RECIPIENT)), expected).full
        token(view, USDT).revert = b""
        with refused("simulation_failed"):
            simulate(view, make(revoke(1, USDT, RECIPIENT)), expected)
    granting = call_of(
        replace(revoke(1, USDT, RECIPIENT), data="0x" + erc20.APPROVE.encode(RECIPIENT, 1).hex())
    )
    with refused("simulation_differs"):
        simulate(paper(), granting, ExpectedRevoke(1, SENDER, USDT, RECIPIENT))


def test_an_allowance_is_read_and_its_event_believed_of_the_token_only() -> None:
    call, expected = call_of(revoke(1, USDT, RECIPIENT)), ExpectedRevoke(1, SENDER, USDT, RECIPIENT)
    view = paper()
    gone = (erc20.APPROVAL_EVENT.topic, word(SENDER), word(RECIPIENT))
    token(view, USDT).extra = (EventLog(OTHER, gone, bytes(32)),)
    with refused("simulation_differs"):
        simulate(view, call, expected)
    view = paper()
    lying = token(view, USDT)
    lying.answer = (
        lambda sender, data: (  # type: ignore[method-assign]
            CallOutcome(True, b"", (EventLog(lying.token.address, gone, bytes(32)),))
            if data[:4] == erc20.APPROVE.selector
            else CallOutcome(True, (5).to_bytes(32, "big"))
        )
    )
    with refused("simulation_differs"):
        simulate(view, call, expected)


def test_a_safe_says_nothing_while_only_its_own_call_is_tried() -> None:
    view, (part, expected) = paper(), planned(USDC_1500, payer=SAFE)
    token(view).extra = (EventLog(SAFE, (b"\x44" * 32,), bytes(64)),)
    with refused("simulation_differs"):
        simulate(view, safe_call_of(part), expected)


@pytest.mark.parametrize("answer", [CallOutcome(False, bytes(32)), CallOutcome(True, bytes(33))])
def test_balances_that_cannot_be_read_are_no_balances(answer: CallOutcome) -> None:
    view = paper()
    odd = token(view)
    odd.answer = (
        lambda sender, data: (  # type: ignore[method-assign]
            CallOutcome(True, TRUE, (transfer_log(odd.token.address, SENDER, RECIPIENT, USDC_1500.units),))
            if data[:4] == erc20.TRANSFER.selector
            else answer
        )
    )
    with refused("bad_answer"):
        simulate(view, *tried())


def test_a_cancel_moves_nothing() -> None:
    assert simulate(paper(), call_of(cancel(SENDER)), ExpectedCancel(1, SENDER)).changes == ()
    with refused("simulation_differs"):
        simulate(paper(), call_of(replace(cancel(RECIPIENT), value=1)), ExpectedCancel(1, SENDER))


def test_a_change_of_a_safe_moves_nothing_and_only_the_safe_speaks() -> None:
    view, part = paper(), CallPart(SAFE, 0, "0x694e80c3" + "00" * 31 + "02")
    expected = ExpectedExact(1, SAFE, SAFE, 0, part.data)
    view.contracts[SAFE] = lambda *_: CallOutcome(True, b"", (EventLog(SAFE, (b"\x61" * 32,), bytes(32)),))
    assert simulate(view, safe_call_of(part), expected).full
    view.contracts[SAFE] = lambda *_: CallOutcome(True, b"", (EventLog(OTHER, (b"\x61" * 32,), b""),))
    with refused("simulation_differs"):
        simulate(view, safe_call_of(part), expected)


def test_answers_that_cannot_be_are_refused() -> None:
    view = paper()
    view.surplus = (CallOutcome(True, bytes(32)),)
    for amount in AMOUNTS:
        with refused("bad_answer"):
            simulate(view, *tried(amount))
    del view.codes[token_of(1, USDC).address]
    with refused("no_code"):
        simulate(view, *tried())
    with refused("wrong_chain_id"):
        simulate(PaperView(chain_id=42161), *tried())


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (b"", "no reason given"),
        (reverted("too much\x1b[2J\n\u202e"), '"too much?[2J??"'),
        (reverted("x" * 5000), '"' + "x" * MAX_TEXT + '..."'),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "panic 0x11, an overflow"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x99]), "panic 0x99, of an unknown kind"),
        (bytes.fromhex("e450d38c") + bytes(96), "error 0xe450d38c with 96 bytes"),
        (bytes.fromhex("08c379a0") + b"\xff" * 64, "an error that is badly encoded, 68 bytes"),
        (b"\x01", "error 0x01 with 0 bytes"),
    ],
)
def test_reasons_of_reverts_are_shown_as_plain_text(output: bytes, text: str) -> None:
    assert revert_text(output) == text
