"""The ledger of a wallet: private, bound to its descriptor and network, whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.paper_chain import paying
from vault.address import network_of
from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet import ledger as ledger_module
from vault.bitcoin.wallet.ledger import APPLICATION, Ledger
from vault.bitcoin.wallet.state import OwnOutput, known
from vault.errors import StoreError

REGTEST = network_of("regtest")


@pytest.fixture
def descriptor(bitcoin_keys: ModuleType) -> Descriptor:
    return bitcoin_keys.account_of(b"a ledger", "p2wpkh").descriptor


def refused(descriptor: Descriptor, directory: Path) -> str:
    with pytest.raises(StoreError) as error:
        Ledger("cold", descriptor, REGTEST, directory)
    assert error.value.hint
    return error.value.code


def test_every_file_is_private_even_while_it_is_written(descriptor: Descriptor, tmp_path: Path) -> None:
    directory = tmp_path / "state"
    ledger = Ledger("cold", descriptor, REGTEST, directory)
    with ledger.exclusive() as writer:
        writer.hand_out(0, 1)
        names = {path.name for path in directory.iterdir()}
        assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert names == {"cold.sqlite", "cold.sqlite-journal"}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(descriptor: Descriptor, tmp_path: Path) -> None:
    Ledger("cold", descriptor, REGTEST, tmp_path)
    (tmp_path / "cold.sqlite").chmod(0o644)
    Ledger("cold", descriptor, REGTEST, tmp_path)
    assert (tmp_path / "cold.sqlite").stat().st_mode & 0o777 == 0o600


def test_refuses_the_state_of_another_wallet(
    descriptor: Descriptor, bitcoin_keys: ModuleType, tmp_path: Path
) -> None:
    Ledger("cold", descriptor, REGTEST, tmp_path)
    other = bitcoin_keys.account_of(b"another ledger", "p2wpkh").descriptor
    assert refused(other, tmp_path) == "store.wallet_state"


def test_refuses_the_state_of_another_network(
    descriptor: Descriptor, bitcoin_keys: ModuleType, tmp_path: Path
) -> None:
    signet = network_of("signet")
    Ledger("cold", bitcoin_keys.account_of(b"a ledger", "p2wpkh", signet).descriptor, signet, tmp_path)
    assert refused(descriptor, tmp_path) == "store.wallet_state"


def test_refuses_another_programs_database(descriptor: Descriptor, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cold.sqlite") as connection:
        connection.execute("CREATE TABLE bdk_wallet (id INTEGER)")
    connection.close()
    assert refused(descriptor, tmp_path) == "store.wallet_state"


@pytest.mark.parametrize("form", [(APPLICATION, 2), (0, 1)])
def test_refuses_another_schema(descriptor: Descriptor, tmp_path: Path, form: tuple[int, int]) -> None:
    Ledger("cold", descriptor, REGTEST, tmp_path)
    connection = sqlite3.connect(tmp_path / "cold.sqlite")
    connection.executescript(f"PRAGMA application_id = {form[0]}; PRAGMA user_version = {form[1]}")
    connection.close()
    assert refused(descriptor, tmp_path) == "store.wallet_state"


def test_refuses_a_link_in_its_place(descriptor: Descriptor, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "cold.sqlite").symlink_to(tmp_path / "elsewhere")
    assert refused(descriptor, tmp_path) == "store.wallet_state"
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_refuses_a_file_that_is_no_database(descriptor: Descriptor, tmp_path: Path) -> None:
    (tmp_path / "cold.sqlite").write_bytes(b"long enough to be read as a header " * 200)
    assert refused(descriptor, tmp_path) == "store.wallet_state"


def test_a_change_that_fails_half_way_leaves_nothing(descriptor: Descriptor, tmp_path: Path) -> None:
    ledger = Ledger("cold", descriptor, REGTEST, tmp_path)
    before = ledger.state()

    def fail_half_way() -> None:
        with ledger.exclusive() as writer:
            writer.hand_out(3, 1)
            writer.add_scripts([((False, 0), descriptor.script_pubkey(False, 0))])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert ledger.state() is before


def test_what_was_rolled_back_is_not_remembered(descriptor: Descriptor, tmp_path: Path) -> None:
    ledger, other = (Ledger("cold", descriptor, REGTEST, tmp_path) for _ in range(2))
    with other.exclusive() as writer:
        writer.hand_out(0, 1)

    def fail_after_reading() -> None:
        with ledger.exclusive() as writer:
            writer.hand_out(1, 1)
            assert writer.state().handed_out == {0}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_reading()
    assert ledger.state().handed_out == {0}


def test_what_is_written_is_read_by_another_process_object(descriptor: Descriptor, tmp_path: Path) -> None:
    script = descriptor.script_pubkey(False, 7)
    transaction = paying(1, (b"\x51", 5), (script, 70_000))
    row = known(transaction, transaction.txid, 12, "ab" * 32, 99)
    output = OwnOutput(OutPoint(transaction.txid, 1), 70_000, False, 7)
    one, other = (Ledger("cold", descriptor, REGTEST, tmp_path) for _ in range(2))
    assert not other.state().transactions
    with one.exclusive() as writer:
        writer.add_scripts([((False, 7), script)])
        writer.add_transactions([(row, transaction.serialise())])
        writer.add_outputs([output])
        writer.finish_sync(BlockRef(12, "ab" * 32))
    state = other.state()
    assert state.transactions == {transaction.txid: row}
    assert state.outputs == {output.outpoint: output}
    assert (state.used, state.revealed(change=False), state.tip) == ((7, -1), 7, BlockRef(12, "ab" * 32))
    assert other.raw([transaction.txid]) == {transaction.txid: transaction.serialise()}


def test_a_raw_transaction_is_hashed_again_when_it_is_read(descriptor: Descriptor, tmp_path: Path) -> None:
    ledger = Ledger("cold", descriptor, REGTEST, tmp_path)
    true, false = paying(1, (b"\x51", 5)), paying(1, (b"\x51", 6))
    with ledger.exclusive() as writer:
        writer.add_transactions([(known(true, true.txid, None, None, 0), false.serialise())])
    for txid in (true.txid, "00" * 32):
        with pytest.raises(StoreError) as error:
            ledger.raw([txid])
        assert error.value.code == "store.wallet_state"


def test_a_new_tip_alone_does_not_read_everything_again(descriptor: Descriptor, tmp_path: Path) -> None:
    ledger = Ledger("cold", descriptor, REGTEST, tmp_path)
    before = ledger.state()
    worked_out = before.spent_by
    with ledger.exclusive() as writer:
        writer.finish_sync(BlockRef(1, "cd" * 32))
    after = ledger.state()
    assert after.tip == BlockRef(1, "cd" * 32)
    assert after.transactions is before.transactions
    assert after.spent_by is worked_out


def test_a_file_of_somebody_else_is_named_with_its_mode_and_owner(
    descriptor: Descriptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test user may be root, whom no mode keeps out: the refusal itself is played."""
    Ledger("cold", descriptor, REGTEST, tmp_path)
    path = tmp_path / "cold.sqlite"

    def denied(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ledger_module, "_make_private", denied)
    with pytest.raises(StoreError) as caught:
        Ledger("cold", descriptor, REGTEST, tmp_path)
    assert caught.value.code == "store.wallet_state"
    assert f"{path} (-rw-------, owner " in caught.value.message
    assert "Move the file away" not in caught.value.hint
