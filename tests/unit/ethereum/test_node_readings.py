"""What is read over a node: balances at two blocks, the depth of a receipt, token moves, allowances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.ethereum_node_talks import (
    ALICE,
    BOB,
    TOKEN,
    TXID,
    NodeTalk,
    Refusal,
    block_hash,
    block_json,
    log_json,
    node,
    receipt_json,
)
from vault.errors import EthereumError
from vault.ethereum import allowances
from vault.ethereum.allowances import Allowance, list_allowances
from vault.ethereum.balances import Holder, read_holdings
from vault.ethereum.contracts.erc20 import ALLOWANCE, APPROVAL_EVENT, TRANSFER_EVENT
from vault.ethereum.node.answers import to_receipt
from vault.ethereum.receipts import final_status, token_moves
from vault.evm.abi import decode, encode

STRANGE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
NOBODY = "0x" + "0" * 40


def word(value: int | str) -> bytes:
    return encode(["uint256" if isinstance(value, int) else "address"], [value])


def by_height(tip: Any, deep: Any) -> Callable[[list[Any]], Any]:
    """An answer by the block that is asked for."""
    return lambda params: tip if params[-1]["blockHash"] == block_hash(100) else deep


# -- balances --------------------------------------------------------------------------------------------


def test_confirmed_is_what_was_there_at_both_blocks_and_pending_the_rest() -> None:
    spoil = {"eth_getBalance": by_height("0x64", "0x3c"), "eth_call": by_height(*_tokens(40, 90))}
    talk = NodeTalk(100, spoil)
    with node(talk) as client:
        found = read_holdings(client, [Holder(ALICE), Holder(BOB, TOKEN)], 12)
    assert (found.block.number, found.deep.number) == (100, 89)
    ether, token = found.holdings
    assert (ether.confirmed, ether.pending, ether.at_tip) == (60, 40, 100)
    assert (token.confirmed, token.pending, token.at_tip) == (40, 0, 40)
    asked = {params[-1]["blockHash"] for method, params in talk.asked if method == "eth_getBalance"}
    assert asked == {block_hash(100), block_hash(89)}


def _tokens(tip: int, deep: int) -> tuple[str, str]:
    return "0x" + word(tip).hex(), "0x" + word(deep).hex()


def test_with_one_confirmation_the_tip_is_deep_enough() -> None:
    with node(NodeTalk(100)) as client:
        found = read_holdings(client, [Holder(ALICE)], 1)
    assert found.block == found.deep


def test_a_young_chain_is_read_from_its_first_block() -> None:
    with node(NodeTalk(3)) as client:
        assert read_holdings(client, [Holder(ALICE)], 64).deep.number == 0


def test_a_token_without_a_contract_is_refused_and_one_that_came_later_held_nothing_before() -> None:
    with node(NodeTalk(spoil={"eth_call": "0x"})) as client, pytest.raises(EthereumError) as error:
        read_holdings(client, [Holder(ALICE, TOKEN)], 5)
    assert error.value.code == "ethereum.no_token"
    with node(NodeTalk(spoil={"eth_call": by_height("0x" + word(7).hex(), "0x")})) as client:
        (found,) = read_holdings(client, [Holder(ALICE, TOKEN)], 5).holdings
    assert (found.confirmed, found.pending) == (0, 7)


@pytest.mark.parametrize("answer", ["0x07", "0x" + "00" * 64, Refusal(3, "execution reverted"), None, "7"])
def test_a_balance_that_is_not_one_number_is_refused(answer: Any) -> None:
    with node(NodeTalk(spoil={"eth_call": answer})) as client, pytest.raises(EthereumError):
        read_holdings(client, [Holder(ALICE, TOKEN)], 5)


def test_a_chain_that_moved_under_the_reading_is_read_again() -> None:
    gone = [Refusal(-32000, "hash is not currently canonical")]

    def balance(_params: list[Any]) -> str:
        if gone:
            raise gone.pop()
        return "0x7"

    with node(NodeTalk(spoil={"eth_getBalance": balance})) as client:
        assert read_holdings(client, [Holder(ALICE)], 1).holdings[0].confirmed == 7


def test_a_node_that_has_forgotten_the_state_says_so() -> None:
    talk = NodeTalk(spoil={"eth_getBalance": by_height("0x1", None)})
    talk.spoil["eth_getBalance"] = Refusal(-32000, "missing trie node 12 (path ) state is not available")
    with node(talk) as client, pytest.raises(EthereumError) as error:
        read_holdings(client, [Holder(ALICE)], 64)
    assert error.value.code == "ethereum.unknown_block"


def test_many_accounts_are_read_in_the_order_asked() -> None:
    holders = [Holder(f"0x{number:040d}") for number in range(11, 40)]
    talk = NodeTalk(spoil={"eth_getBalance": lambda params: hex(int(params[0][2:]))})
    with node(talk) as client:
        found = read_holdings(client, holders, 3)
        assert read_holdings(client, [], 3).holdings == ()
    assert [each.at_tip for each in found.holdings] == list(range(11, 40))
    assert talk.connections <= 10


# -- receipts --------------------------------------------------------------------------------------------


def status_of(receipt: Any, **spoil: Any) -> Any:
    with node(NodeTalk(100, {"eth_getTransactionReceipt": receipt} | spoil)) as client:
        return final_status(client, TXID)


def test_the_depth_and_the_cost_of_a_transaction() -> None:
    found = status_of(receipt_json(95, l1Fee="0x7"))
    assert (found.found, found.height, found.confirmations, found.reverted) == (True, 95, 6, False)
    assert found.gas_paid == 21_000 * 2 * 10**9 + 7
    assert status_of(receipt_json(100)).confirmations == 1


def test_a_reverted_transaction_is_found_and_has_cost_its_gas() -> None:
    found = status_of(receipt_json(95, status="0x0"))
    assert (found.found, found.reverted, found.gas_paid) == (True, True, 21_000 * 2 * 10**9)


def test_what_nobody_has_seen_is_not_found() -> None:
    found = status_of(None)
    assert (found.found, found.confirmations, found.gas_paid, found.tip) == (False, 0, 0, 100)


def test_a_receipt_of_a_block_that_is_no_longer_the_chain_s_counts_as_not_found() -> None:
    assert not status_of(receipt_json(95, blockHash=block_hash(95, "orphaned"))).found


def test_a_chain_that_never_holds_still_is_given_up() -> None:
    branches = iter(range(1000))

    def block(_params: list[Any]) -> Any:
        return block_json(100, str(next(branches)))

    with pytest.raises(EthereumError) as error:
        status_of(None, eth_getBlockByNumber=block)
    assert error.value.code == "ethereum.moving"


def test_a_receipt_above_the_tip_is_waited_for_and_not_believed() -> None:
    with pytest.raises(EthereumError) as error:
        status_of(receipt_json(101))
    assert error.value.code == "ethereum.moving"


def transfer(source: str, target: str, units: int, index: int = 0, **fields: Any) -> dict[str, Any]:
    return log_json(7, index, [TRANSFER_EVENT.topic, word(source), word(target)], word(units), **fields)


def receipt_of(*logs: dict[str, Any]) -> Any:
    return to_receipt(receipt_json(7, logs=list(logs)), TXID)


def test_moves_of_known_tokens_are_told_exactly() -> None:
    receipt = receipt_of(
        transfer(ALICE, BOB, 500, 0),
        transfer(BOB, ALICE, 20, 1),
        transfer(ALICE, ALICE, 3, 2),
        transfer(ALICE, BOB, 9, 3, address=STRANGE.lower()),
        transfer(NOBODY, BOB, 1, 4),
        log_json(7, 5, [APPROVAL_EVENT.topic, word(ALICE), word(BOB)], word(1)),
    )
    assert [(move.sender, move.recipient, move.units) for move in token_moves(receipt, {TOKEN}, ALICE)] == [
        (ALICE, BOB, 500),
        (BOB, ALICE, 20),
        (ALICE, ALICE, 3),
    ]
    assert len(token_moves(receipt, {TOKEN})) == 4


@pytest.mark.parametrize(
    "log",
    [
        log_json(7, 0, [TRANSFER_EVENT.topic, word(ALICE)], word(BOB) + word(5)),
        log_json(7, 0, [TRANSFER_EVENT.topic, word(ALICE), word(BOB), word(5)], b""),
        log_json(7, 0, [TRANSFER_EVENT.topic, b"\x01" + word(ALICE)[1:], word(BOB)], word(5)),
        log_json(7, 0, [TRANSFER_EVENT.topic, word(ALICE), word(BOB)], word(5) + word(5)),
        log_json(7, 0, [TRANSFER_EVENT.topic, word(ALICE), word(BOB)], b""),
    ],
)
def test_a_transfer_of_a_known_token_in_another_form_is_refused(log: dict[str, Any]) -> None:
    with pytest.raises(EthereumError) as error:
        token_moves(receipt_of(log), {TOKEN})
    assert error.value.code == "ethereum.bad_log"
    assert token_moves(receipt_of(log), {STRANGE}) == ()


# -- allowances ------------------------------------------------------------------------------------------


class Approving(NodeTalk):
    """Answers allowance() from `given`; every other token does as `strange` says."""

    def __init__(self, logs: list[dict[str, Any]], given: dict[str, int], strange: Any = "0x") -> None:
        super().__init__(100)
        self.logs, self.given, self.strange = logs, given, strange

    def eth_getLogs(self, params: list[Any]) -> Any:
        wanted = {each.lower() for each in params[0].get("address", [])}
        return [log for log in self.logs if not wanted or log["address"] in wanted]

    def eth_call(self, params: list[Any]) -> Any:
        if params[0]["to"] != TOKEN:
            if isinstance(self.strange, Refusal):
                raise self.strange
            return self.strange
        owner, spender = decode(ALLOWANCE.types, bytes.fromhex(params[0]["data"][10:]))
        assert owner == ALICE
        return "0x" + word(self.given.get(str(spender), 0)).hex()


def approval(spender: str, units: int, index: int = 0, token: str = TOKEN) -> dict[str, Any]:
    topics = [APPROVAL_EVENT.topic, word(ALICE), word(spender)]
    return log_json(7, index, topics, word(units), address=token.lower())


def listed(talk: NodeTalk) -> tuple[Allowance, ...]:
    with node(talk) as client:
        return list_allowances(client, ALICE, [TOKEN], first=1).found


def test_what_counts_is_what_the_token_says_now_and_not_the_event() -> None:
    logs = [approval(BOB, 2**256 - 1, 0), approval(STRANGE, 5, 1), approval(BOB, 5, 2)]
    found = listed(Approving(logs, {BOB: 7}))
    assert found == (Allowance(TOKEN, BOB, 7, True),)
    assert not found[0].unlimited


@pytest.mark.parametrize("units", [2**256 - 1, 2**255, 2**160 - 1, 2**96 - 1])
def test_an_allowance_without_an_end_is_shown_as_such(units: int) -> None:
    assert listed(Approving([approval(BOB, units)], {BOB: units}))[0].unlimited


@pytest.mark.parametrize("strange", ["0x", "0x01", Refusal(3, "execution reverted"), "0x" + "00" * 64])
def test_a_token_that_is_not_known_and_does_not_say_is_still_listed(strange: Any) -> None:
    logs = [approval(BOB, 1, 0), approval(BOB, 1, 1, STRANGE)]
    assert listed(Approving(logs, {BOB: 1}, strange)) == (
        Allowance(TOKEN, BOB, 1, True),
        Allowance(STRANGE, BOB, None, False),
    )


def test_a_token_that_is_not_known_and_says_zero_is_not_listed() -> None:
    assert listed(Approving([approval(BOB, 1, 0, STRANGE)], {}, "0x" + "00" * 32)) == ()


def test_events_of_tokens_of_single_pieces_are_not_allowances() -> None:
    piece = log_json(7, 0, [APPROVAL_EVENT.topic, word(ALICE), word(BOB), word(1)], b"")
    assert listed(Approving([piece], {BOB: 5})) == ()


def test_a_flood_of_foreign_events_hides_nothing_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "MAX_FOREIGN", 3)
    flood = [approval(f"0x{number:040d}", 1, number, STRANGE) for number in range(10, 30)]
    talk = Approving([*flood, approval(BOB, 9, 50)], {BOB: 9}, "0x" + word(1).hex())
    with node(talk) as client:
        found = list_allowances(client, ALICE, [TOKEN], first=1)
    assert found.found[0] == Allowance(TOKEN, BOB, 9, True)
    assert (len(found.found), found.left_out) == (4, 17)


def test_a_known_token_that_does_not_say_is_an_error() -> None:
    talk = NodeTalk(spoil={"eth_getLogs": [approval(BOB, 5)], "eth_call": "0x"})
    with node(talk) as client, pytest.raises(EthereumError):
        list_allowances(client, ALICE, [TOKEN], first=1)
