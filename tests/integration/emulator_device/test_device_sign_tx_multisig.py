"""SignTx for multisig groups: what cosigners complete together, libbitcoinkernel accepts."""

from __future__ import annotations

from typing import Any

import pytest
from embit import script as embit_script
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from trezorlib import btc, exceptions, messages
from trezorlib.tools import parse_path

m: Any = messages
P2SH, NESTED, P2WSH = (
    m.InputScriptType.SPENDMULTISIG,
    m.InputScriptType.SPENDP2SHWITNESS,
    m.InputScriptType.SPENDWITNESS,
)
OUTPUT_OF = {
    P2SH: m.OutputScriptType.PAYTOMULTISIG,
    NESTED: m.OutputScriptType.PAYTOP2SHWITNESS,
    P2WSH: m.OutputScriptType.PAYTOWITNESS,
}
SCRIPT_NUMBER = {P2SH: 0, NESTED: 1, P2WSH: 2}  # the last hardened step of BIP48
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
LEXICOGRAPHIC = m.MultisigPubkeysOrder.LEXICOGRAPHIC


class Group:
    """A group whose cosigners are accounts of the device's own wallet."""

    def __init__(self, bench: Any, kind: Any, threshold: int, accounts: int, order: Any = None) -> None:
        self.bench, self.kind, self.threshold, self.order = bench, kind, threshold, order
        self.accounts = [
            parse_path(f"m/48h/1h/{account}h/{SCRIPT_NUMBER[kind]}h") for account in range(accounts)
        ]
        self.nodes = [
            btc.get_public_node(bench.session, path, coin_name="Regtest").node for path in self.accounts
        ]

    def message(self, suffix: tuple[int, int], signatures: list[bytes] | None = None) -> Any:
        return m.MultisigRedeemScriptType(
            pubkeys=[m.HDNodePathType(node=node, address_n=list(suffix)) for node in self.nodes],
            signatures=[b""] * len(self.nodes) if signatures is None else signatures,
            m=self.threshold,
            pubkeys_order=self.order,
        )

    def fund(self, amount: int, suffix: tuple[int, int] = (0, 0)) -> Any:
        """An input of the group, as its first cosigner sees it."""
        address = btc.get_address(
            self.bench.session,
            "Regtest",
            [*self.accounts[0], *suffix],
            script_type=self.kind,
            multisig=self.message(suffix),
        )
        script = embit_script.address_to_scriptpubkey(address)
        prev = Transaction(
            version=2,
            vin=[TransactionInput(bytes([len(self.bench.prev_txes) + 101]) * 32, 0)],
            vout=[TransactionOutput(amount, script)],
        )
        tx_hash = prev.txid()
        self.bench.prev_txes[tx_hash] = m.TransactionType(
            version=2,
            lock_time=0,
            inputs=[
                m.TxInputType(
                    prev_hash=prev.vin[0].txid, prev_index=0, script_sig=b"", sequence=prev.vin[0].sequence
                )
            ],
            bin_outputs=[m.TxOutputBinType(amount=amount, script_pubkey=script.data)],
        )
        self.bench.spent[(tx_hash, 0)] = (script.data, amount)
        return m.TxInputType(
            address_n=[*self.accounts[0], *suffix],
            prev_hash=tx_hash,
            prev_index=0,
            amount=amount,
            script_type=self.kind,
            multisig=self.message(suffix),
        )

    def change(self, amount: int, suffix: tuple[int, int] = (1, 0)) -> Any:
        return m.TxOutputType(
            address_n=[*self.accounts[0], *suffix],
            amount=amount,
            script_type=OUTPUT_OF[self.kind],
            multisig=self.message(suffix),
        )

    def sign_by(self, signers: list[int], inputs: list[Any], outputs: list[Any]) -> bytes:
        """All signers sign all inputs, one after another; the transaction after the last."""
        serialized = b""
        for signer in signers:
            for txi in inputs:
                txi.address_n = [*self.accounts[signer], *txi.address_n[-2:]]
            for txo in outputs:
                if txo.multisig is not None:
                    txo.address_n = [*self.accounts[signer], *txo.address_n[-2:]]
            signatures, serialized = self.bench.sign(inputs, outputs)
            for txi, signature in zip(inputs, signatures, strict=True):
                txi.multisig.signatures[self.slot(txi, signer)] = signature
        return serialized

    def slot(self, txi: Any, signer: int) -> int:
        """Where a cosigner's signature belongs: the place of its key in the script."""
        if self.order != LEXICOGRAPHIC:
            return signer
        keys = [
            btc.get_public_node(
                self.bench.session, [*path, *txi.address_n[-2:]], coin_name="Regtest"
            ).node.public_key
            for path in self.accounts
        ]
        return sorted(keys).index(keys[signer])


def pay(amount: int) -> Any:
    return m.TxOutputType(address=STRANGER, amount=amount)


def names(bench: Any) -> list[str]:
    return [screen.name for screen in bench.device.screens]


@pytest.mark.parametrize("order", [None, LEXICOGRAPHIC])
@pytest.mark.parametrize("kind", [P2SH, NESTED, P2WSH])
@pytest.mark.parametrize(("threshold", "accounts", "signers"), [(2, 3, [0, 2]), (2, 2, [1, 0]), (1, 2, [1])])
def test_what_enough_cosigners_signed_is_accepted_by_libbitcoinkernel(
    *, bench: Any, kind: Any, order: Any, threshold: int, accounts: int, signers: list[int]
) -> None:
    group = Group(bench, kind, threshold, accounts, order)
    serialized = group.sign_by(signers, [group.fund(100_000)], [pay(90_000)])
    assert bench.accepted_by_kernel(serialized)


@pytest.mark.parametrize("kind", [P2SH, NESTED, P2WSH])
def test_one_signature_of_two_is_not_enough(bench: Any, kind: Any) -> None:
    group = Group(bench, kind, 2, 3)
    serialized = group.sign_by([1], [group.fund(100_000)], [pay(90_000)])
    assert not bench.accepted_by_kernel(serialized)


@pytest.mark.parametrize("kind", [P2SH, NESTED, P2WSH])
def test_several_inputs_and_change_of_a_group_need_no_question(bench: Any, kind: Any) -> None:
    group = Group(bench, kind, 2, 3)
    inputs = [group.fund(100_000, (0, index)) for index in range(2)]
    serialized = group.sign_by([0, 1], inputs, [group.change(190_000)])
    assert bench.accepted_by_kernel(serialized)
    assert names(bench) == ["confirm_total"] * 2


def test_groups_and_single_keys_are_signed_together(bench: Any) -> None:
    group = Group(bench, P2WSH, 1, 2)
    inputs = [group.fund(100_000), bench.fund(m.InputScriptType.SPENDADDRESS, 100_000)]
    _, serialized = bench.sign(inputs, [pay(190_000)])
    assert bench.accepted_by_kernel(serialized)


def test_an_output_of_another_group_with_our_key_is_shown(bench: Any) -> None:
    ours, theirs = Group(bench, P2WSH, 2, 2), Group(bench, P2WSH, 1, 2)
    bench.sign([ours.fund(100_000)], [theirs.change(90_000)])
    assert "confirm_output" in names(bench)


def test_an_output_to_our_single_key_is_shown_when_a_group_spends(bench: Any) -> None:
    group = Group(bench, P2WSH, 2, 2)
    single = group.change(90_000)
    single.multisig = None
    bench.sign([group.fund(100_000)], [single])
    assert "confirm_output" in names(bench)


def test_change_whose_cosigners_use_other_paths_is_shown(bench: Any) -> None:
    group = Group(bench, P2WSH, 2, 2)
    output = group.change(90_000)
    output.multisig.pubkeys[1].address_n = [1, 77]
    bench.sign([group.fund(100_000)], [output])
    assert "confirm_output" in names(bench)


def test_the_order_of_cosigners_matters_unless_keys_are_sorted(bench: Any) -> None:
    group = Group(bench, P2WSH, 1, 2)
    output = group.change(90_000)
    output.multisig.pubkeys.reverse()
    bench.sign([group.fund(100_000)], [output])
    assert "confirm_output" in names(bench)


def test_sorted_keys_are_change_in_any_order(bench: Any) -> None:
    group = Group(bench, P2WSH, 1, 2, LEXICOGRAPHIC)
    output = group.change(90_000)
    output.multisig.pubkeys.reverse()
    bench.sign([group.fund(100_000)], [output])
    assert names(bench) == ["confirm_total"]


def _strange_key(txi: Any) -> None:
    del txi.multisig.pubkeys[0]
    txi.multisig.pubkeys.append(txi.multisig.pubkeys[0])


def _hardened(txi: Any) -> None:
    txi.multisig.pubkeys[1].address_n = [0x80000000, 0]


def _no_point(txi: Any) -> None:
    txi.multisig.pubkeys[1].node.public_key = b"\x02" + b"\xff" * 32


def _threshold(txi: Any) -> None:
    txi.multisig.m = 3


def _none_needed(txi: Any) -> None:
    txi.multisig.m = 0


def _signed_already(txi: Any) -> None:
    txi.multisig.signatures = [b"\x30" * 70, b""]


def _taproot(txi: Any) -> None:
    txi.script_type = m.InputScriptType.SPENDTAPROOT


def _single_key_type(txi: Any) -> None:
    txi.script_type = m.InputScriptType.SPENDADDRESS


@pytest.mark.parametrize("kind", [P2SH, NESTED, P2WSH])
@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_strange_key, "DataError: Pubkey not found in multisig script"),
        (_hardened, "DataError: Cannot perform hardened derivation from XPUB"),
        (_no_point, "DataError: Invalid multisig pubkey"),
        (_threshold, "DataError: Invalid multisig parameters"),
        (_none_needed, "DataError: Invalid multisig parameters"),
        (_signed_already, "DataError: Invalid multisig parameters"),
        (_taproot, "DataError: Multisig field provided but not expected."),
        (_single_key_type, "DataError: Multisig field provided but not expected."),
    ],
)
def test_refuses_a_group_that_cannot_be(bench: Any, kind: Any, spoil: Any, text: str) -> None:
    txi = Group(bench, kind, 2, 2).fund(100_000)
    spoil(txi)
    with pytest.raises(exceptions.TrezorFailure) as caught:
        bench.sign([txi], [pay(90_000)])
    assert f"{caught.value.code.name}: {caught.value.message}" == text
    assert bench.client.ping("alive") == "alive"


def test_refuses_p2sh_without_slots_for_signatures_and_fills_them_in_for_p2wsh(bench: Any) -> None:
    for kind in (P2SH, P2WSH):
        group = Group(bench, kind, 1, 2)
        txi = group.fund(100_000)
        txi.multisig.signatures = []
        if kind == P2SH:
            with pytest.raises(exceptions.TrezorFailure) as caught:
                bench.sign([txi], [pay(90_000)])
            assert caught.value.code == m.FailureType.FirmwareError
        else:
            assert bench.accepted_by_kernel(bench.sign([txi], [pay(90_000)])[1])


def test_refuses_p2sh_multisig_without_its_group(bench: Any) -> None:
    txi = Group(bench, P2SH, 1, 2).fund(100_000)
    txi.multisig = None
    with pytest.raises(exceptions.TrezorFailure, match="Multisig details required"):
        bench.sign([txi], [pay(90_000)])
