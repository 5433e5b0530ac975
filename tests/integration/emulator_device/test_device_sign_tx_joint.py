"""Transactions made with others: payjoins that replace, and rounds of an authorised coinjoin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from embit import script as embit_script
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from trezorlib import btc, exceptions, messages
from trezorlib.tools import parse_path

from emulator.device.server import DeviceEmulator

m: Any = messages
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
EXTERNAL = m.InputScriptType.EXTERNAL
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER_STRANGER = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"
ACCOUNT = parse_path("m/10025h/1h/0h/1h")
COORDINATOR = "coordinator.example"
COMMITMENT = bytes([len(COORDINATOR)]) + COORDINATOR.encode() + bytes(32)


def pay(amount: int, address: str = STRANGER) -> Any:
    return m.TxOutputType(address=address, amount=amount)


def names(bench: Any) -> list[str]:
    return [screen.name for screen in bench.device.screens]


def external(bench: Any, txi: Any, **fields: Any) -> Any:
    script, amount = bench.spent[(txi.prev_hash, txi.prev_index)]
    return m.TxInputType(
        prev_hash=txi.prev_hash,
        prev_index=txi.prev_index,
        amount=amount,
        script_pubkey=script,
        script_type=EXTERNAL,
        sequence=txi.sequence,
        **fields,
    )


@pytest.fixture
def other(bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    """Someone else's device, which trusts whatever it is told."""
    with DeviceEmulator(mnemonic="all " * 11 + "all", mode="auto", label="other") as device:
        client = connected(device)
        theirs = type(bench)(device, client, client.get_session(""), bench.coin, bench.prev_txes, bench.spent)
        level = m.SafetyCheckLevel.PromptTemporarily
        theirs.session.call(m.ApplySettings(safety_checks=level), expect=m.Success)
        yield theirs


# Payjoin


class Payjoin:
    """100,000 in, 40,000 paid, 50,000 change; the payee adds 30,000 of its own."""

    def __init__(self, bench: Any, other: Any) -> None:
        self.bench, self.other = bench, other
        coin = bench.fund(WITNESS, 100_000)
        self.outputs = [pay(40_000), bench.change(WITNESS, 50_000)]
        _, serialized = bench.sign([deepcopy(coin)], deepcopy(self.outputs))
        self.shown = len(bench.device.screens)
        signed = Transaction.parse(serialized)
        before = deepcopy(coin)
        before.witness = signed.vin[0].witness.serialize()
        bench.prev_txes[signed.txid()] = m.TransactionType(
            version=signed.version,
            lock_time=signed.locktime,
            inputs=[before],
            outputs=deepcopy(self.outputs),
            bin_outputs=[],
        )
        for number, thing in enumerate((coin, *self.outputs)):
            thing.orig_hash, thing.orig_index = signed.txid(), max(0, number - 1)
        self.coin, self.theirs = coin, other.fund(WITNESS, 30_000)

    def sign(self) -> bytes:
        plain = deepcopy(self.outputs)
        for txo in plain:
            txo.orig_hash = txo.orig_index = None
            if txo.address_n:
                txo.address, txo.address_n = self.bench.address(WITNESS, "1/0"), []
                txo.script_type = m.OutputScriptType.PAYTOADDRESS
        _, serialized = self.other.sign([external(self.bench, self.coin), self.theirs], plain)
        witness = Transaction.parse(serialized).vin[1].witness.serialize()
        inputs = [self.coin, external(self.bench, self.theirs, witness=witness)]
        return bytes(self.bench.sign(inputs, self.outputs)[1])

    def asked(self) -> list[str]:
        return names(self.bench)[self.shown :]


def test_a_payjoin_that_costs_us_nothing_asks_for_nothing_more(bench: Any, other: Any) -> None:
    payjoin = Payjoin(bench, other)
    payjoin.outputs[0].amount += 30_000
    assert bench.accepted_by_kernel(payjoin.sign())
    assert payjoin.asked() == ["confirm_replacement"]
    assert bench.device.screens[-1].title == "Payjoin"


def test_a_payjoin_whose_fee_we_share_says_by_how_much(bench: Any, other: Any) -> None:
    payjoin = Payjoin(bench, other)
    payjoin.outputs[0].amount += 30_000
    payjoin.outputs[1].amount -= 700
    assert bench.accepted_by_kernel(payjoin.sign())
    assert payjoin.asked() == ["confirm_replacement", "modify_fee"]
    assert bench.device.screens[-1].lines[:2] == ("Increase fee by:", "0.000007 REGTEST")


def test_a_payjoin_may_pay_others_from_what_the_payee_adds(bench: Any, other: Any) -> None:
    payjoin = Payjoin(bench, other)
    payjoin.outputs.append(pay(30_000, OTHER_STRANGER))
    assert bench.accepted_by_kernel(payjoin.sign())
    assert payjoin.asked() == ["confirm_replacement"]


def test_refuses_a_payjoin_that_pays_others_from_our_change(bench: Any, other: Any) -> None:
    payjoin = Payjoin(bench, other)
    payjoin.outputs[1].amount -= 20_000
    payjoin.outputs.append(pay(50_000, OTHER_STRANGER))
    with pytest.raises(exceptions.TrezorFailure, match="Invalid replacement transaction"):
        payjoin.sign()


def test_refuses_a_payjoin_that_lowers_a_payment(bench: Any, other: Any) -> None:
    payjoin = Payjoin(bench, other)
    payjoin.outputs[0].amount -= 1
    with pytest.raises(exceptions.TrezorFailure, match="Reducing original output amounts is not supported"):
        payjoin.sign()


# Coinjoin


def authorize(bench: Any, **changes: Any) -> None:
    options: dict[str, Any] = {
        "coordinator": COORDINATOR,
        "max_rounds": 2,
        "max_coordinator_fee_rate": 500_000,
        "max_fee_per_kvbyte": 3_500,
        "n": ACCOUNT,
        "coin_name": "Regtest",
        "script_type": TAPROOT,
    }
    btc.authorize_coinjoin(bench.session, **{**options, **changes})


def proof(session: Any, suffix: tuple[int, int] = (1, 0), commitment: bytes = COMMITMENT) -> bytes:
    return bytes(
        btc.get_ownership_proof(
            session,
            "Regtest",
            [*ACCOUNT, *suffix],
            script_type=TAPROOT,
            user_confirmation=True,
            commitment_data=commitment,
            preauthorized=True,
        )[0]
    )


def fund_coinjoin(bench: Any, amount: int) -> Any:
    """A coin in the coinjoin account; its address is learnt through an unlocked path."""
    path = [*ACCOUNT, 0, 0]
    address = btc.get_address(
        bench.session, "Regtest", path, script_type=TAPROOT, unlock_path=path[:1], unlock_path_mac=None
    )
    script = embit_script.address_to_scriptpubkey(address)
    prev = Transaction(
        version=2,
        vin=[TransactionInput(bytes([77]) * 32, len(bench.prev_txes))],
        vout=[TransactionOutput(amount, script)],
    )
    bench.spent[(prev.txid(), 0)] = (script.data, amount)
    return m.TxInputType(
        address_n=path, prev_hash=prev.txid(), prev_index=0, amount=amount, script_type=TAPROOT
    )


def own(amount: int, index: int) -> Any:
    return m.TxOutputType(
        address_n=[*ACCOUNT, 1, index], amount=amount, script_type=m.OutputScriptType.PAYTOTAPROOT
    )


class Round:
    """Two participants of 100,000 each; outputs of 50,000, change, and the coordinator's share."""

    def __init__(self, bench: Any, other: Any) -> None:
        self.bench = bench
        authorize(other)
        theirs, self.coin = fund_coinjoin(other, 100_000), fund_coinjoin(bench, 100_000)
        foreign = external(
            bench, theirs, ownership_proof=proof(other.session, (0, 0)), commitment_data=COMMITMENT
        )
        self.inputs = [foreign, self.coin]
        self.outputs = [
            own(50_000, 1),
            own(49_000, 2),
            pay(50_000),
            pay(49_000, OTHER_STRANGER),
            pay(1_000),
        ]
        self.request = m.CoinJoinRequest(
            fee_rate=500_000,
            no_fee_threshold=50_000,
            min_registrable_amount=5_000,
            mask_public_key=b"",
            signature=b"",
        )

    def sign(self) -> tuple[list[bytes], bytes]:
        signatures, serialized = btc.sign_tx(
            self.bench.session,
            "Regtest",
            self.inputs,
            self.outputs,
            prev_txes={},
            coinjoin_request=self.request,
            preauthorized=True,
        )
        return list(signatures), serialized

    def refused(self, text: str) -> None:
        with pytest.raises(exceptions.TrezorFailure) as caught:
            self.sign()
        assert f"{caught.value.code.name}: {caught.value.message}" == text


@pytest.fixture
def coinjoin(bench: Any, other: Any) -> Round:
    """A round that the person has authorised."""
    joined = Round(bench, other)
    authorize(bench)
    return joined


def test_an_authorised_round_is_signed_without_a_question(bench: Any, coinjoin: Round) -> None:
    before = len(names(bench))
    signatures, serialized = coinjoin.sign()
    assert names(bench)[before:] == []
    assert not signatures[0]
    assert len(signatures[1]) == 64
    signed = Transaction.parse(serialized)
    assert signed.vin[0].witness.items == []
    assert signed.vin[1].witness.items == [signatures[1]]


def test_only_as_many_rounds_are_signed_as_were_authorised(coinjoin: Round) -> None:
    coinjoin.sign()
    coinjoin.sign()
    coinjoin.refused("ProcessError: No preauthorized operation")


def test_a_cancelled_authorisation_is_gone(bench: Any, coinjoin: Round) -> None:
    bench.session.call(m.CancelAuthorization(), expect=m.Success)
    coinjoin.refused("ProcessError: No preauthorized operation")


def _no_request(joined: Round) -> None:
    joined.request = None


def _too_expensive(joined: Round) -> None:
    joined.outputs[1].amount -= 8_000


def _other_account(joined: Round) -> None:
    joined.inputs[1].address_n = parse_path("m/86h/1h/0h/0/0")


def _other_output(joined: Round) -> None:
    joined.outputs[0].address_n = parse_path("m/86h/1h/0h/0/0")


def _no_proof(joined: Round) -> None:
    joined.inputs[0].ownership_proof = joined.inputs[0].commitment_data = None


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_no_request, "DataError: Missing coinjoin request."),
        (_too_expensive, "ProcessError: Total fee over threshold."),
        (_other_account, "ProcessError: Unauthorized path"),
        (_other_output, "ProcessError: Unauthorized path"),
        (_no_proof, "ProcessError: Unverifiable external input."),
    ],
)
def test_refuses_a_round_outside_the_authorisation(
    coinjoin: Round, spoil: Callable[[Round], None], text: str
) -> None:
    spoil(coinjoin)
    coinjoin.refused(text)


def test_refuses_proofs_for_another_coordinator_and_without_authorisation(bench: Any) -> None:
    with pytest.raises(exceptions.TrezorFailure, match="No preauthorized operation"):
        proof(bench.session)
    authorize(bench)
    assert proof(bench.session)
    with pytest.raises(exceptions.TrezorFailure, match="Unauthorized operation"):
        proof(bench.session, commitment=b"\x05wrong" + bytes(32))


def test_coinjoin_coins_are_closed_without_authorisation(bench: Any) -> None:
    coin = fund_coinjoin(bench, 100_000)
    with pytest.raises(exceptions.TrezorFailure, match="Forbidden key path"):
        bench.sign([coin], [pay(90_000)])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"coordinator": "x" * 37}, "DataError: Invalid coordinator name."),
        ({"coordinator": "caf\u00e9"}, "DataError: Invalid coordinator name."),
        ({"max_rounds": 0}, "DataError: Invalid number of rounds."),
        ({"max_rounds": 501}, "DataError: The number of rounds is unexpectedly large."),
        (
            {"max_coordinator_fee_rate": 5_000_001},
            "DataError: The coordination fee rate is unexpectedly large.",
        ),
        ({"max_fee_per_kvbyte": 100_000_001}, "DataError: The fee per vbyte is unexpectedly large."),
        ({"n": []}, "DataError: Empty path not allowed."),
        ({"n": parse_path("m/86h/1h/0h")}, "DataError: Forbidden key path"),
        ({"coin_name": "Nocoin"}, "DataError: Unsupported coin type"),
    ],
)
def test_refuses_an_authorisation_without_bounds(bench: Any, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        authorize(bench, **changes)
    assert f"{caught.value.code.name}: {caught.value.message}" == text
    assert bench.device.screens == ()


def test_an_unusually_high_mining_fee_is_asked_about(bench: Any) -> None:
    authorize(bench, max_fee_per_kvbyte=10_000_001)
    assert names(bench) == ["coinjoin_final", "fee_over_threshold"]
