"""Digests against the vectors of BIP143 and BIP341 and against embit; signatures' encodings (BIP66)."""

from __future__ import annotations

import pytest
from embit.script import Script as EmbitScript
from embit.transaction import Transaction as EmbitTransaction
from hypothesis import given
from hypothesis import strategies as st

from vault.bitcoin.psbt.checks import strict_der
from vault.bitcoin.scripts import p2pkh, p2sh, p2tr, p2wpkh, p2wsh
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut

BIP143_UNSIGNED = (
    "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b8"
    "04cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a914"
    "8280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f016"
    "7faa815988ac11000000"
)
BIP341_UNSIGNED = (
    "02000000097de20cbff686da83a54981d2b9bab3586f4ca7e48f57f5b55963115f3b334e9c010000000000000000d7b7cab5"
    "7b1393ace2d064f4d4a2cb8af6def61273e127517d44759b6dafdd990000000000fffffffff8e1f583384333689228c5d28e"
    "ac13366be082dc57441760d957275419a418420000000000fffffffff0689180aa63b30cb162a73c6d2a38b7eeda2a83ece7"
    "4310fda0843ad604853b0100000000feffffffaa5202bdf6d8ccd2ee0f0202afbbb7461d9264a25e5bfd3c5a52ee1239e0ba"
    "6c0000000000feffffff956149bdc66faa968eb2be2d2faa29718acbfe3941215893a2a3446d32acd050000000000000000000"
    "e664b9773b88c09c32cb70a2a3e4da0ced63b7ba3b22f848531bbb1d5d5f4c94010000000000000000e9aa6b8e6c9de67619"
    "e6a3924ae25696bb7b694bb677a632a74ef7eadfd4eabf0000000000ffffffffa778eb6a263dc090464cd125c466b5a99667"
    "720b1c110468831d058aa1b82af10100000000ffffffff0200ca9a3b000000001976a91406afd46bcdfd22ef94ac122aa11f"
    "241244a37ecc88ac807840cb0000000020ac9a87f5594be208f8532db38cff670c450ed2fea8fcdefcc9a663f78bab962b00"
    "65cd1d"
)
BIP341_SPENT = (
    (420000000, "512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"),
    (462000000, "5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3"),
    (294000000, "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac"),
    (504000000, "5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e"),
    (630000000, "512091b64d5324723a985170e4dc5a0f84c041804f2cd12660fa5dec09fc21783605"),
    (378000000, "00147dd65592d0ab2fe0d0257d571abf032cd9db93dc"),
    (672000000, "512075169f4001aa68f15bbed28b218df1d0a62cbbcf1188c6665110c293c907b831"),
    (546000000, "5120712447206d7a5238acc7ff53fbe94a3b64539ad291c7cdbc490b7577e4b17df5"),
    (588000000, "512077e30a5522dd9f894c3f8b8bd4c4b2cf82ca7da8a3ea6a239655c39c050ab220"),
)


def test_digest_of_a_p2wpkh_input_is_that_of_bip143() -> None:
    unsigned = Transaction.parse(bytes.fromhex(BIP143_UNSIGNED))
    spent = (
        TxOut(625_000_000, b"\x51"),
        TxOut(600_000_000, bytes.fromhex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1")),
    )
    digest = SighashParts.of(unsigned, spent).digest(1)
    assert digest.hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"


def test_digest_of_a_key_path_input_is_that_of_bip341() -> None:
    unsigned = Transaction.parse(bytes.fromhex(BIP341_UNSIGNED))
    spent = [TxOut(value, bytes.fromhex(script)) for value, script in BIP341_SPENT]
    digest = SighashParts.of(unsigned, spent).digest(4)
    assert digest.hex() == "4f900a0bae3f1446fd48490c2958b5a023228f01661cda3496a11da502a7f7ef"


def test_digest_of_a_nested_key_is_that_of_bip143() -> None:
    unsigned = Transaction.parse(
        bytes.fromhex(
            "0100000001db6b1b20aa0fd7b23880be2ecbd4a98130974cf4748fb66092ac4d3ceb1a54770100000000feffffff02b8b4eb0b"
            "000000001976a914a457b684d7f0d539a46a45bbc043f35b59d0d96388ac0008af2f000000001976a914fd270b1ee6abcaea97"
            "fea7ad0402e8bd8ad6d77c88ac92040000"
        )
    )
    spent = TxOut(1_000_000_000, bytes.fromhex("a9144733f37cf4db86fbc2efed2500b4f4e49f31202387"))
    code = bytes.fromhex("76a91479091972186c449eb1ded22b78e40d009bdf008988ac")
    digest = SighashParts.of(unsigned, [spent]).digest(0, code)
    assert digest.hex() == "64f3b0f4dd2bb3aa1ce8566d220cc74dda9df97d8490cc81d89d735c92e59fb6"


def test_digest_of_a_nested_group_is_that_of_bip143() -> None:
    unsigned = Transaction.parse(
        bytes.fromhex(
            "010000000136641869ca081e70f394c6948e8af409e18b619df2ed74aa106c1ca29787b96e0100000000ffffffff0200e9a435"
            "000000001976a914389ffce9cd9ae88dcc0631e88a821ffdbe9bfe2688acc0832f05000000001976a9147480a33f950689af51"
            "1e6e84c138dbbd3c3ee41588ac00000000"
        )
    )
    script = bytes.fromhex(
        "56210307b8ae49ac90a048e9b53357a2354b3334e9c8bee813ecb98e99a7e07e8c3ba32103b28f0c28bfab54554ae8c658ac5c3e0c"
        "e6e79ad336331f78c428dd43eea8449b21034b8113d703413d57761b8b9781957b8c0ac1dfe69f492580ca4195f50376ba4a210334"
        "00f6afecb833092a9a21cfdf1ed1376e58c5d1f47de74683123987e967a8f42103a6d48b1131e94ba04d9737d61acdaa1322008af9"
        "602b3b14862c07a1789aac162102d8b661b0b3302ee2f162b09e07a55ad5dfbe673a9f01d9f0c19617681024306b56ae"
    )
    spent = TxOut(987_654_321, bytes.fromhex("a9149993a429037b5d912407a71c252019287b8d27a587"))
    digest = SighashParts.of(unsigned, [spent]).digest(0, script)
    assert digest.hex() == "185c0be5263dce5b4bb50a047973c1b6272bfbd0103a89444597dc40b248ee7c"


INPUTS = st.lists(
    st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    min_size=1,
    max_size=300,
)
OUTPUTS = st.lists(
    st.builds(TxOut, st.integers(0, 21 * 10**14), st.binary(min_size=1, max_size=300)),
    min_size=1,
    max_size=4,
)


@given(data=st.data(), inputs=INPUTS, outputs=OUTPUTS, locktime=st.integers(0, 2**32 - 1))
def test_digests_are_those_of_embit(
    data: st.DataObject, inputs: list[tuple[bytes, int, int]], outputs: list[TxOut], locktime: int
) -> None:
    index = data.draw(st.integers(0, len(inputs) - 1))
    tx_ins = tuple(TxIn(OutPoint(txid.hex(), vout), b"", sequence) for txid, vout, sequence in inputs)
    unsigned = Transaction(2, tx_ins, tuple(outputs), locktime)
    theirs = EmbitTransaction.parse(unsigned.serialise())
    for script in (p2pkh(bytes(20)), p2wpkh(b"\x02" * 33), p2tr(b"\x03" * 32), p2sh(b"\x51"), p2wsh(b"\x51")):
        spent = [TxOut(1000 + number, script) for number in range(len(inputs))]
        parts = SighashParts.of(unsigned, spent)
        values = [each.value for each in spent]
        if script[:2] == b"\x51\x20":
            scripts = [EmbitScript(script)] * len(spent)
            assert parts.digest(index) == theirs.sighash_taproot(index, scripts, values)
        elif script[:1] == b"\x76":
            assert parts.digest(index) == theirs.sighash_legacy(index, EmbitScript(script))
        else:
            code = (
                p2pkh(script[2:]) if script[:2] == b"\x00\x14" else b"\x51" * data.draw(st.integers(1, 300))
            )
            ours = parts.digest(index, code)
            assert ours == theirs.sighash_segwit(index, EmbitScript(code), values[index])


def test_needs_the_script_code_where_the_output_only_has_a_hash() -> None:
    unsigned = Transaction(2, (TxIn(OutPoint("ab" * 32, 0), b"", 0),), (TxOut(1, b"\x51"),), 0)
    for script in (p2sh(b"\x51"), p2wsh(b"\x51"), b"\x51"):
        with pytest.raises(ValueError, match="script code"):
            SighashParts.of(unsigned, [TxOut(1, script)]).digest(0)


def test_needs_every_spent_output() -> None:
    unsigned = Transaction.parse(bytes.fromhex(BIP341_UNSIGNED))
    with pytest.raises(ValueError, match="9 spent outputs"):
        SighashParts.of(unsigned, [])


def der(r: bytes, s: bytes) -> bytes:
    body = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(s)]) + s
    return b"\x30" + bytes([len(body)]) + body


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x30",
        bytes(70),
        der(b"\x80" + bytes(31), b"\x01" * 32),  # negative r
        der(b"\x00\x01" + bytes(30), b"\x01" * 32),  # padded r
        der(b"\x01" * 32, b"\x00\x7f"),  # padded s
        der(b"", b"\x01" * 32),
        der(b"\x01" * 32, b""),
        b"\x31" + der(b"\x01" * 32, b"\x01" * 32)[1:],
        der(b"\x01" * 32, b"\x01" * 32) + b"\x01",
        b"\x30\x44\x02\x7f" + bytes(66),
    ],
)
def test_refuses_what_bip66_refuses(signature: bytes) -> None:
    assert not strict_der(signature)


@given(r=st.integers(1, 2**256 - 1), s=st.integers(1, 2**256 - 1))
def test_takes_every_minimal_encoding(r: int, s: int) -> None:
    parts = [number.to_bytes(number.bit_length() // 8 + 1, "big") for number in (r, s)]
    assert strict_der(der(*parts))


@given(st.binary(max_size=80))
def test_encoding_check_never_fails_on_any_bytes(data: bytes) -> None:
    assert strict_der(data) in {True, False}
