"""BIP329 labels: what other wallets write is read, what is malformed is refused, round trips lose nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import network_of
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.labels import (
    MAX_LABEL,
    MAX_LABELS,
    Label,
    LabelFile,
    frozen,
    read_labels,
    write_labels,
)
from vault.errors import DocumentError

MAINNET = network_of("mainnet")
TXID = "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd"
XPUB = (
    "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1"
    "EGMcet8"
)
KEY = "0283409659355b6d1cc3c32decd5d561abaac86c37a353b52895a5e6c196d6f448"
ORIGIN = "wpkh([d34db33f/84'/0'/1'])"
OTHER_TXID = "f546156d9044844e02b181026a1a407abfca62e7ea1159f87bbeaa77b4286c74"

# The test vectors of BIP329.
VECTORS = f"""\
{{ "type": "tx", "ref": "{TXID}", "label": "Transaction", "origin": "wpkh([d34db33f/84'/0'/0'])" }}
{{ "type": "addr", "ref": "bc1q34aq5drpuwy3wgl9lhup9892qp6svr8ldzyy7c", "label": "Address" }}
{{ "type": "pubkey", "ref": "{KEY}", "label": "Public Key" }}
{{ "type": "input", "ref": "{TXID}:0", "label": "Input" }}
{{ "type": "output", "ref": "{TXID}:1", "label": "Output", "spendable": false }}
{{ "type": "xpub", "ref": "{XPUB}", "label": "Extended Public Key" }}
{{ "type": "tx", "ref": "{OTHER_TXID}", "label": "Account #1 Transaction", "origin": "{ORIGIN}" }}
"""


def line(**fields: Any) -> str:
    return json.dumps({"type": "output", "ref": f"{TXID}:1", "label": "a", **fields})


def test_the_vectors_of_bip329_are_read_and_written_with_the_same_meaning() -> None:
    found = read_labels(VECTORS, MAINNET)
    assert (len(found.labels), found.skipped) == (7, 0)
    assert found.labels[0].origin == "wpkh([d34db33f/84'/0'/0'])"
    written = write_labels(found.labels)
    assert [json.loads(each) for each in written.splitlines()] == [
        json.loads(each) for each in VECTORS.splitlines()
    ]
    assert read_labels(written, MAINNET) == found


def test_the_spendable_flag_freezes_and_frees_and_silence_changes_nothing() -> None:
    text = "\n".join(
        [line(ref=f"{TXID}:0", spendable=False), line(ref=f"{TXID}:1", spendable=True), line(ref=f"{TXID}:2")]
    )
    assert frozen(read_labels(text, MAINNET).labels) == ({OutPoint(TXID, 0)}, {OutPoint(TXID, 1)})


def test_further_fields_are_kept_with_every_digit() -> None:
    text = line(rate={"USD": 1}, height=800_000).replace('{"USD": 1}', '{"USD": 105620.00, "X": 1e-7}')
    (label,) = read_labels(text, MAINNET).labels
    assert label.extra == (("rate", '{"USD":105620.00,"X":1E-7}'), ("height", "800000"))
    assert read_labels(write_labels([label]), MAINNET).labels == (label,)


def test_types_that_nobody_defined_are_skipped_and_counted() -> None:
    text = line() + "\n" + line(type="weather") + "\n\n"
    assert read_labels(text, MAINNET) == LabelFile((Label("output", f"{TXID}:1", "a"),), 1)


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '"text"',
        "{}",
        '{"type": "tx"}',
        '{"type": 1, "ref": "x"}',
        '{"type": "tx", "type": "tx", "ref": "' + TXID + '"}',
        line(ref=TXID),
        line(ref=f"{TXID}:01"),
        line(ref=f"{TXID}:-1"),
        line(ref=f"{TXID}:4294967296"),
        line(ref=TXID.upper() + ":1"),
        line(type="tx", ref=TXID[:-1]),
        line(type="tx", ref=TXID, spendable=True),
        line(type="addr", ref="bc1q34aq5drpuwy3wgl9lhup9892qp6svr8ldzyy7d"),
        line(type="addr", ref="tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
        line(type="pubkey", ref="05" + "11" * 32),
        line(type="xpub", ref=XPUB[:-1] + "9"),
        line(spendable="false"),
        line(spendable=1),
        line(label=5),
        line(label="x" * (MAX_LABEL + 1)),
        line(label="two\nlines"),
        line(label="\x1b[2J"),
        line(label="gnol \u202e esrever"),
        line(extra=[[[[[[1]]]]]]),
        line(extra="x" * 20_000),
        '{"type": "output", "ref": "' + TXID + ':1", "value": NaN}',
        line() + "\n" + line(label="another"),
        "[" * 5_000,
    ],
)
def test_refuses_what_is_malformed_and_names_the_line(text: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_labels("\n" + text, MAINNET)
    assert refused.value.code == "document.bad_labels"
    assert refused.value.message.startswith(("line 2:", "line 3:"))


def test_the_same_label_twice_in_the_same_words_is_one() -> None:
    assert len(read_labels(line() + "\n" + line(), MAINNET).labels) == 1


def test_refuses_more_labels_than_any_wallet_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault.bitcoin.wallet.labels.MAX_LABELS", 3)
    assert MAX_LABELS == 100_000
    with pytest.raises(DocumentError):
        read_labels("\n".join(line(ref=f"{TXID}:{n}") for n in range(4)), MAINNET)


@given(
    st.lists(
        st.builds(
            Label,
            type=st.just("output"),
            ref=st.integers(0, 0xFFFFFFFF).map(lambda n: f"{TXID}:{n}"),
            label=st.none() | st.text(max_size=MAX_LABEL).filter(str.isprintable),
            origin=st.none() | st.just("wpkh([d34db33f/84'/0'/0'])"),
            spendable=st.sampled_from([None, True, False]),
        ),
        max_size=8,
        unique_by=lambda each: each.subject,
    )
)
def test_what_is_written_is_read_back(labels: list[Label]) -> None:
    assert read_labels(write_labels(labels), MAINNET).labels == tuple(labels)


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "ref", "label", "origin", "spendable", "x"]), inner, max_size=5
            )
        ),
        max_leaves=9,
    ).map(json.dumps)
)
def test_anything_else_is_refused_with_a_typed_error(text: str) -> None:
    try:
        found = read_labels(text, MAINNET)
    except DocumentError:
        return
    assert read_labels(write_labels(found.labels), MAINNET).labels == found.labels


# -- one address, two spellings ------------------------------------------------------------------------

BECH32 = "bc1q34aq5drpuwy3wgl9lhup9892qp6svr8ldzyy7c"
BASE58 = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"


def test_an_address_in_capitals_is_the_same_address() -> None:
    (label,) = read_labels(line(type="addr", ref=BECH32.upper()), MAINNET).labels
    assert label.ref == BECH32
    both = "\n".join(line(type="addr", ref=ref) for ref in (BECH32, BECH32.upper()))
    assert len(read_labels(both, MAINNET).labels) == 1


def test_one_address_in_two_spellings_with_different_words_is_refused() -> None:
    both = (
        line(type="addr", ref=BECH32, label="rent") + "\n" + line(type="addr", ref=BECH32.upper(), label="b")
    )
    with pytest.raises(DocumentError) as caught:
        read_labels(both, MAINNET)
    assert "line 2" in caught.value.message


@pytest.mark.parametrize("ref", [BECH32[:10].upper() + BECH32[10:], BASE58.lower(), BASE58.upper()])
def test_mixed_capitals_and_another_case_of_base58_are_no_address(ref: str) -> None:
    with pytest.raises(DocumentError):
        read_labels(line(type="addr", ref=ref), MAINNET)


def test_base58_keeps_its_capitals() -> None:
    (label,) = read_labels(line(type="addr", ref=BASE58), MAINNET).labels
    assert label.ref == BASE58
