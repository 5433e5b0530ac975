"""Label files are somebody else's word: they free nothing, accept nothing, and steer no terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.coin_desk import CoinDesk, coin_of
from vault.address import network_of
from vault.errors import DocumentError
from vault.treasury import coins, marks

REGTEST = network_of("regtest")


def write(folder: Path, *lines: object) -> Path:
    path = folder / "labels.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def output(ref: object, **fields: object) -> dict[str, object]:
    return {"type": "output", "ref": str(ref), **fields}


def test_a_label_file_sets_nothing_free_and_accepts_nothing(made: CoinDesk, tmp_path: Path) -> None:
    txid = made.pay((made.address("cold", 0), 2_000_000))
    made.look()
    strange = coin_of(made, txid).outpoint
    held = next(
        each.outpoint for each in coins.of_wallet(made.desk, "cold").known() if each.state == "spendable"
    )
    marks.freeze(made.desk, str(held), "set aside")
    path = write(
        tmp_path,
        output(strange, label="our own change", spendable=True),
        output(held, spendable=True),
        output("ab" * 32 + ":0", spendable=False),
    )
    found = marks.read_import(made.desk, path, spendable=False)
    assert [(each.kind, each.ref) for each in found.changes] == [("label", str(strange))]
    assert [each.note for each in found.left_out] == [
        "no coin of ours" if each.ref.startswith("ab" * 32) else "sets a coin free: only with --spendable"
        for each in found.left_out
    ]
    assert len(found.left_out) == 2
    marks.apply_import(made.desk, found, "labels.jsonl")
    asked = marks.read_import(made.desk, path, spendable=True)
    marks.apply_import(made.desk, asked, "labels.jsonl")
    after = coins.of_wallet(made.desk, "cold")
    assert held not in after.withheld
    assert strange in after.withheld, "no file takes a coin out of quarantine"
    assert coin_of(made, txid).label == "our own change"


@pytest.mark.parametrize(
    "line",
    [
        output("ab" * 32 + ":0", label="\x1b]0;owned\x07"),
        output("ab" * 32 + ":0", label="\u202efdp.exe"),
        output("ab" * 32 + ":0", label="x" * 256),
        output("ab" * 32 + ":0", spendable="yes"),
        output("ab" * 32 + ":99999999999"),
        {"type": "addr", "ref": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "label": "mainnet"},
        {"type": "tx", "ref": "zz", "label": "no id"},
        '{"type": "tx"',
        '{"type":"tx","ref":"' + "ab" * 32 + '","label":"one","label":"two"}',
        "[" * 5_000,
        output("ab" * 32 + ":0", deep=[[[[[[[[1]]]]]]]]),
    ],
    ids=lambda line: str(line)[:40].encode("unicode_escape").decode(),
)
def test_a_hostile_label_file_changes_nothing(made: CoinDesk, tmp_path: Path, line: object) -> None:
    good = output(coins.of_wallet(made.desk, "cold").known()[0].outpoint, spendable=False)
    with pytest.raises(DocumentError):
        marks.read_import(made.desk, write(tmp_path, good, line), spendable=True)
    assert coins.of_wallet(made.desk, "cold").withheld == frozenset()


def test_labels_and_frozen_coins_survive_export_and_import(made: CoinDesk, tmp_path: Path) -> None:
    from vault.bitcoin.wallet.labels import read_labels, write_labels

    first, second = (each.outpoint for each in coins.of_wallet(made.desk, "cold").known())
    marks.freeze(made.desk, str(first), "set aside")
    assert marks.set_label(made.desk, str(second), "first payment")
    assert marks.set_label(made.desk, made.home, "home")
    text = write_labels(marks.export_labels(made.desk))
    assert {
        (each.type, each.ref, each.label, each.spendable) for each in read_labels(text, REGTEST).labels
    } == {
        ("output", str(first), None, False),
        ("output", str(second), "first payment", None),
        ("addr", made.home, "home", None),
    }
    assert marks.read_import(made.desk, write(tmp_path, *text.splitlines()), spendable=True).changes == ()
    assert marks.set_label(made.desk, made.home, "")
    again = marks.read_import(made.desk, write(tmp_path, *text.splitlines()), spendable=False)
    assert [(each.ref, each.before, each.after) for each in again.changes] == [(made.home, "", "home")]


def test_an_address_in_capitals_is_labelled_under_its_one_name(made: CoinDesk) -> None:
    address = made.address("cold", 0)
    assert marks.set_label(made.desk, address.upper(), "rent")
    assert not marks.set_label(made.desk, address, "rent")
    assert [each.label for each in coins.of_wallet(made.desk, "cold").known() if each.address == address] == [
        "rent"
    ]


def test_a_file_without_end_is_refused_and_not_read_for_ever(made: CoinDesk) -> None:
    with pytest.raises(DocumentError) as caught:
        marks.read_import(made.desk, Path("/dev/zero"), spendable=False)
    assert caught.value.code == "document.too_large"


def test_the_round_trip_of_ones_own_file_changes_nothing(made: CoinDesk, tmp_path: Path) -> None:
    """What is only in quarantine stays that, and is not frozen by its own export."""
    from vault.bitcoin.wallet.labels import write_labels

    txid = made.pay((made.address("cold", 0), 70_000))
    coins.sync(made.desk, "cold")
    strange = coin_of(made, txid)
    assert strange.quarantined
    known = coins.of_wallet(made.desk, "cold").known()
    frozen = next(each.outpoint for each in known if not each.quarantined)
    marks.freeze(made.desk, str(frozen), "set aside")
    file = tmp_path / "labels.jsonl"
    file.write_text(write_labels(marks.export_labels(made.desk)), encoding="utf-8")
    found = marks.read_import(made.desk, file, spendable=False)
    assert (found.changes, found.left_out) == ((), ())
    marks.apply_import(made.desk, found, "labels.jsonl")
    accepted = marks.accept(made.desk, str(strange.outpoint), "the auditor's refund").coin
    assert accepted.state == "spendable"
