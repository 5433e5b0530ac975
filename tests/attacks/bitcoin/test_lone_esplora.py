"""An Esplora server alone confirms nothing without a Merkle branch to a header that has its work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.backend_talks import OTHER, TXID, refusal
from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.address import network_of
from vault.bitcoin.backends.base import HistoryEntry, TxStatus
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.backends.proof import block_hash_of

HEIGHT, TIP = 5, 7
EASIEST = 0x7FFFFF << 232


def mined(root: bytes, *, work: bool = True) -> bytes:
    """A header over `root` at regtest's easiest target, which it meets or (about every second) does not."""
    for nonce in range(1_000):
        header = bytes(36) + root + bytes(4) + bytes.fromhex("ffff7f20") + nonce.to_bytes(4, "little")
        if (int(block_hash_of(header), 16) <= EASIEST) == work:
            return header
    raise AssertionError("no such header")


HEADER = mined(bytes.fromhex(TXID)[::-1])
BLOCK = block_hash_of(HEADER)
BRANCH = {"block_height": HEIGHT, "merkle": [], "pos": 0}
ENTRY = HistoryEntry(TXID, HEIGHT, BLOCK)


@contextmanager
def served(
    header: bytes | None = HEADER,
    branch: object = BRANCH,
    *,
    network: str = "regtest",
    block: str = BLOCK,
    tip: int = TIP,
) -> Iterator[EsploraBackend]:
    status = {"confirmed": True, "block_height": HEIGHT, "block_hash": block}
    answers = {
        f"/tx/{TXID}/status": json.dumps(status).encode(),
        "/blocks/tip/height": str(tip).encode(),
        f"/block-height/{HEIGHT}": block.encode(),
        "/blocks": json.dumps([{"height": tip, "id": "77" * 32}]).encode(),
        "/block-height/0": b"0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        f"/block/{block}/header": None if header is None else header.hex().encode(),
        f"/tx/{TXID}/merkle-proof": None if branch is None else json.dumps(branch).encode(),
    }

    def talk(line: Line) -> None:
        while True:
            body = answers.get(line.request()[0])
            line.send(http_answer(b"not found", 404) if body is None else http_answer(body))

    with HostileServer(talk) as server:
        yield EsploraBackend(f"http://127.0.0.1:{server.port}", 5, network=network_of(network))


def test_a_proven_confirmation_is_believed_and_may_end_a_book() -> None:
    with served() as backend:
        expected = TxStatus(True, True, HEIGHT, TIP - HEIGHT + 1, BLOCK)
        assert backend.transaction_status(TXID) == backend.final_status(TXID) == expected
        backend.prove([ENTRY, HistoryEntry("cd" * 32, None, None)])  # what waits is in no block


FOREIGN = mined(bytes.fromhex(OTHER.txid)[::-1])
IDLE = mined(bytes.fromhex(TXID)[::-1], work=False)
LIES = {
    "no header": {"header": None},
    "no branch": {"branch": None},
    "half a header": {"header": HEADER[:79]},
    "a branch to another root": {"branch": BRANCH | {"merkle": ["11" * 32]}},
    "a branch from another place": {"branch": BRANCH | {"pos": 1}},
    "another block's header": {"header": FOREIGN},
    "a block of other transactions": {"header": FOREIGN, "block": block_hash_of(FOREIGN)},
    "a header without its work": {"header": IDLE, "block": block_hash_of(IDLE)},
    "work that is too little for the network": {"network": "mainnet"},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_confirmation_without_its_proof_is_refused(lie: str) -> None:
    with served(**LIES[lie]) as backend:  # type: ignore[arg-type]
        block = str(LIES[lie].get("block", BLOCK))
        expected = {"chain.server_error"} if lie in {"no header", "no branch"} else {"chain.bad_answer"}
        assert {refusal(lambda: backend.transaction_status(TXID))} == expected
        assert {refusal(lambda: backend.prove([HistoryEntry(TXID, HEIGHT, block)]))} == expected


@pytest.mark.parametrize("tip", [0, HEIGHT - 1])
def test_a_confirmation_above_the_tip_is_refused(tip: int) -> None:
    with served(tip=tip) as backend:
        assert refusal(lambda: backend.transaction_status(TXID)) == "chain.bad_answer"
