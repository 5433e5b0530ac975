"""Bad luck on demand over real sockets, Esplora's other paths, and the control interface."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import bdkpython as bdk
import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.control import ChainControl, ChainControlError
from emulator.chains.esplora import EsploraServer
from emulator.chains.signing import Key

Make = Callable[[str], Any]
ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def get(server: EsploraServer, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def get_json(server: EsploraServer, path: str) -> Any:
    status, text = get(server, path)
    assert status == 200, (path, text)
    return json.loads(text)


# --- faults


def test_an_error_strikes_the_matching_requests_only_and_as_often_as_ordered(
    esplora: EsploraServer, control: ChainControl
) -> None:
    control.fault("error", path="/fee-estimates", times=2, status=503)
    assert get(esplora, "/blocks/tip/height")[0] == 200
    assert [get(esplora, "/fee-estimates")[0] for _ in range(3)] == [503, 503, 200]


def test_a_fault_without_a_count_lasts_until_cleared(esplora: EsploraServer, control: ChainControl) -> None:
    control.fault("garbage", times=None)
    assert [get(esplora, "/blocks")[1] for _ in range(3)] == ["<html>emulated fault</html>"] * 3
    control.clear_faults()
    assert len(get_json(esplora, "/blocks")) == 10


def test_a_dropped_broadcast_leaves_nothing_behind(
    chain: BitcoinChain, control: ChainControl, make_wallet: Make
) -> None:
    wallet = make_wallet("wpkh")
    chain.fund(wallet.address(), 500_000)
    wallet.scan()
    tx = wallet.build(ELSEWHERE, 100_000)
    control.fault("drop", path="/tx", method="POST")
    with pytest.raises(bdk.EsploraError):
        wallet.client.broadcast(tx)
    assert control.confirmations(str(tx.compute_txid())) is None
    wallet.client.broadcast(tx)
    assert control.confirmations(str(tx.compute_txid())) == 0


def test_a_broadcast_can_be_accepted_though_the_client_sees_an_error(
    chain: BitcoinChain, control: ChainControl, make_wallet: Make
) -> None:
    wallet = make_wallet("wpkh")
    chain.fund(wallet.address(), 500_000)
    wallet.scan()
    tx = wallet.build(ELSEWHERE, 100_000)
    control.fault("drop_after", path="/tx", method="POST")
    with pytest.raises(bdk.EsploraError):
        wallet.client.broadcast(tx)
    assert control.confirmations(str(tx.compute_txid())) == 0
    wallet.client.broadcast(tx)  # sending it again is harmless
    assert list(chain.mempool.entries) == [str(tx.compute_txid())]


def test_a_hanging_request_holds_its_client_but_not_the_others_and_ends_with_the_server(
    chain: BitcoinChain,
) -> None:
    with EsploraServer(chain) as server:
        ChainControl(server.url).fault("hang", path="/blocks/tip/hash")
        outcome: list[str] = []
        sent = threading.Event()

        def ask() -> None:
            host, port = urlsplit(server.url).netloc.split(":")
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(b"GET /blocks/tip/hash HTTP/1.1\r\nHost: x\r\n\r\n")
                sent.set()
                try:
                    outcome.append(connection.recv(1).decode() or "closed")
                except ConnectionResetError:
                    outcome.append("closed")

        waiting = threading.Thread(target=ask)
        waiting.start()
        assert sent.wait(10)
        while ChainControl(server.url).state().height and server.faults.pending:
            continue  # until the request has arrived and taken its fault
        assert get(server, "/blocks/tip/height")[0] == 200
        assert not outcome
    waiting.join(10)
    assert outcome == ["closed"]


def test_a_stale_tip_hides_later_blocks_and_what_they_confirmed(
    chain: BitcoinChain, esplora: EsploraServer, control: ChainControl, make_wallet: Make
) -> None:
    wallet = make_wallet("wpkh")
    old = chain.height
    control.fault("stale_tip")
    txid = control.fund(wallet.address(), 60_000, confirmations=3)
    assert get(esplora, "/blocks/tip/height")[1] == str(old)
    assert get(esplora, f"/block-height/{old + 1}")[0] == 404
    assert get_json(esplora, f"/tx/{txid}/status") == {"confirmed": False}
    assert wallet.scan() == 60_000
    assert wallet.wallet.balance().confirmed.to_sat() == 0
    control.clear_faults()
    wallet.sync()
    assert wallet.wallet.balance().confirmed.to_sat() == 60_000


# --- Esplora's other paths


def test_blocks_and_their_parts(chain: BitcoinChain, esplora: EsploraServer) -> None:
    txid = chain.fund(ELSEWHERE, 10_000)
    tip = chain.block_at(chain.height)
    shown = get_json(esplora, "/blocks")
    assert [block["height"] for block in shown] == list(range(tip.height, tip.height - 10, -1))
    assert [block["height"] for block in get_json(esplora, "/blocks/3")] == [3, 2, 1, 0]
    assert get_json(esplora, f"/block/{tip.block_hash}") == shown[0]
    assert shown[0]["tx_count"] == 2
    assert get(esplora, f"/block/{tip.block_hash}/header")[1] == tip.header.hex()
    assert get_json(esplora, f"/block/{tip.block_hash}/txids")[1] == txid
    assert get_json(esplora, f"/block/{tip.block_hash}/txs")[1]["txid"] == txid
    assert get_json(esplora, f"/block/{tip.block_hash}/status")["in_best_chain"] is True
    below = tip.previous
    chain.reorg(1)
    assert get_json(esplora, f"/block/{tip.block_hash}/status")["in_best_chain"] is False
    assert get_json(esplora, f"/block/{below}/status")["next_best"] != tip.block_hash


def test_transactions_with_their_previous_outputs_and_spenders(
    chain: BitcoinChain, esplora: EsploraServer
) -> None:
    first = chain.fund(ELSEWHERE, 10_000)
    shown = get_json(esplora, f"/tx/{first}")
    known = chain.transaction(first)
    assert known is not None
    value_in = sum(txin["prevout"]["value"] for txin in shown["vin"])
    assert value_in - sum(out["value"] for out in shown["vout"]) == shown["fee"] == known.fee_sat
    assert shown["status"]["block_height"] == chain.height
    assert get(esplora, f"/tx/{first}/hex")[1] == known.tx.raw.hex()
    parent = known.tx.inputs[0].prevout
    spends = get_json(esplora, f"/tx/{parent.txid}/outspends")
    assert spends[parent.vout]["txid"] == first
    assert get_json(esplora, f"/tx/{parent.txid}/outspend/{parent.vout}")["spent"] is True


def test_addresses_and_scripthashes_agree(chain: BitcoinChain, esplora: EsploraServer) -> None:
    key = Key(b"tests", "shown")
    chain.fund(key.address, 10_000)
    waiting = chain.fund(key.address, 20_000, confirmations=0)
    for path in (f"/address/{key.address}", f"/scripthash/{key.scripthash}"):
        stats = get_json(esplora, path)
        assert stats["chain_stats"]["funded_txo_sum"] == 10_000
        assert stats["mempool_stats"]["funded_txo_sum"] == 20_000
        assert sorted(coin["value"] for coin in get_json(esplora, f"{path}/utxo")) == [10_000, 20_000]
        assert [tx["txid"] for tx in get_json(esplora, f"{path}/txs/mempool")] == [waiting]
        assert len(get_json(esplora, f"{path}/txs/chain")) == 1
        assert get_json(esplora, f"{path}/txs/chain/{'11' * 32}") == []
    assert get_json(esplora, "/mempool")["count"] == 1
    assert get_json(esplora, "/mempool/txids") == [waiting]
    assert get_json(esplora, "/mempool/recent")[0]["txid"] == waiting


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tx/" + "11" * 32, 404),
        ("/tx/nothing", 404),
        ("/block/" + "11" * 32, 404),
        ("/block-height/999999", 404),
        ("/block-height/-1", 404),
        ("/address/bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 400),
        ("/scripthash/xyz/txs", 400),
        ("/nowhere", 404),
    ],
)
def test_what_is_not_there_is_said_so(esplora: EsploraServer, path: str, status: int) -> None:
    assert get(esplora, path)[0] == status


@pytest.mark.parametrize("body", ["", "zz", "00", "0200"])
def test_broadcasting_nonsense_is_a_400(esplora: EsploraServer, body: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(esplora.url).netloc, timeout=10)
    try:
        connection.request("POST", "/tx", body=body)
        answer = connection.getresponse()
        assert answer.status == 400
        assert b'"code":-22' in answer.read()
    finally:
        connection.close()


# --- control


def test_control_mines_funds_reorganises_and_reports(control: ChainControl) -> None:
    before = control.state()
    txid = control.fund(ELSEWHERE, 33_000, confirmations=2)
    assert control.confirmations(txid) == 2
    assert control.height() == before.height + 2
    hashes = control.reorg(2)
    assert control.state().tip == hashes[-1]
    assert control.state().mempool == (txid,)
    assert control.balance(ELSEWHERE) == 33_000
    assert control.evict(txid) == [txid]
    assert control.confirmations(txid) is None


def test_control_submits_raw_transactions_with_the_reject_string(
    chain: BitcoinChain, control: ChainControl
) -> None:
    raw = chain.block_at(1).transactions[0].raw
    with pytest.raises(ChainControlError, match='"message":"coinbase"'):
        control.submit(raw)
    assert control.raw_transaction(chain.block_at(1).transactions[0].txid) == raw


@pytest.mark.parametrize(
    ("name", "order", "told"),
    [
        ("mine", {"blocks": -1}, "blocks: expected an integer"),
        ("mine", {"blocks": True}, "blocks: expected an integer"),
        ("mine", {"nonsense": 1}, "nonsense: unknown"),
        ("mine", {"parent": "11" * 32}, "no block"),
        ("mine", {"min_fee_rate": 1.5}, "min_fee_rate: expected a decimal in a string"),
        ("mine", {"address": "bc1qnothing"}, "not a regtest address"),
        ("fund", {"amount_sat": 1}, "address: missing"),
        ("fund", {"address": ELSEWHERE, "amount_sat": 1}, "dust"),
        ("fees", {"estimates": {"1": "-1"}}, "expected zero or more"),
        ("fault", {"kind": "earthquake"}, "kind: expected one of clear, hang"),
        ("reorg", {"depth": 99_999}, "no block at height"),
    ],
)
def test_control_refuses_what_it_does_not_understand(
    control: ChainControl, name: str, order: dict[str, object], told: str
) -> None:
    with pytest.raises(ChainControlError, match=told):
        control._post(name, order)


def test_the_server_takes_a_port_of_its_own_and_gives_it_back(chain: BitcoinChain) -> None:
    with EsploraServer(chain) as first, EsploraServer(chain) as second:
        assert first.port != second.port
        taken = first.port
        with pytest.raises(OSError, match="address already in use"):
            EsploraServer(chain, taken).start()
    with EsploraServer(chain, taken) as again:
        assert get(again, "/blocks/tip/height")[1] == str(chain.height)
    assert not [thread for thread in threading.enumerate() if thread.name == "esplora"]
