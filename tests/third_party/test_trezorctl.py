"""trezorctl 0.20.2, as installed from its package, against a device on any port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from embit.transaction import Transaction
from eth_account import Account

from emulator.device.server import DeviceEmulator
from tests.third_party.environments import Run
from tests.third_party.judge import Coin, accepted_by_kernel, address, pkh, wpkh

pytestmark = [pytest.mark.xdist_group("third-party"), pytest.mark.timeout(300)]

ETHEREUM_SENDER = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"  # m/44'/60'/0'/0/0 of the mnemonic
RECIPIENT = "0x8eA7a3fccC211ED48b763b4164884DDbcF3b0A98"


def test_reads_the_features(trezorctl: Run, confirming: DeviceEmulator) -> None:
    text = trezorctl("-p", confirming.path, "get-features")
    assert "vendor: 'trezor.io'" in text
    assert "label: 'third'" in text
    assert "initialized: True" in text


def test_gets_addresses_of_every_script_type(trezorctl: Run, confirming: DeviceEmulator) -> None:
    for kind, path, expected in (
        ("segwit", "m/84h/1h/0h/0/5", wpkh("m/84h/1h/0h/0/5")),
        ("address", "m/44h/1h/0h/1/2", pkh("m/44h/1h/0h/1/2")),
    ):
        command = ["btc", "get-address", "-c", "Testnet", "-t", kind, "-n", path, "-d"]
        assert trezorctl("-p", confirming.path, *command).split()[-1] == address(expected)
        assert address(expected) in "".join(screen.text for screen in confirming.screens)


def transaction_file(coins: list[Coin], outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """trezorctl's own format (trezor-firmware, python/docs/transaction-format.md)."""
    kinds = {"p2wpkh": "SPENDWITNESS", "p2pkh": "SPENDADDRESS"}
    return {
        "coin_name": "Testnet",
        "inputs": [
            {
                "address_n": _numbers(coin.path),
                "prev_hash": coin.prev.txid().hex(),
                "prev_index": 0,
                "amount": coin.amount,
                "script_type": kinds[coin.script.script_type()],
                "sequence": 0xFFFFFFFD,
            }
            for coin in coins
        ],
        "outputs": outputs,
        "details": {"version": 2, "lock_time": 0},
        "prev_txes": {coin.prev.txid().hex(): _previous(coin.prev) for coin in coins},
    }


def _numbers(path: str) -> list[int]:
    return [int(part.rstrip("h")) + (0x80000000 if part.endswith("h") else 0) for part in path.split("/")[1:]]


def _previous(tx: Transaction) -> dict[str, Any]:
    return {
        "version": tx.version,
        "lock_time": tx.locktime,
        "inputs": [
            {"prev_hash": vin.txid.hex(), "prev_index": vin.vout, "script_sig": "", "sequence": vin.sequence}
            for vin in tx.vin
        ],
        "bin_outputs": [
            {"amount": out.value, "script_pubkey": out.script_pubkey.data.hex()} for out in tx.vout
        ],
    }


def test_signs_a_transaction_from_a_file(trezorctl: Run, confirming: DeviceEmulator, tmp_path: Path) -> None:
    coins = [
        Coin.at("m/84h/1h/0h/0/0", wpkh("m/84h/1h/0h/0/0"), 70_000, 0),
        Coin.at("m/44h/1h/0h/0/1", pkh("m/44h/1h/0h/0/1"), 50_000, 1),
    ]
    payee = wpkh("m/84h/1h/9h/0/0")
    outputs = [
        {"address": address(payee), "amount": 60_000, "script_type": "PAYTOADDRESS"},
        {"address_n": _numbers("m/84h/1h/0h/1/0"), "amount": 59_000, "script_type": "PAYTOWITNESS"},
    ]
    path = tmp_path / "transaction.json"
    path.write_text(json.dumps(transaction_file(coins, outputs)))
    printed = trezorctl("-p", confirming.path, "btc", "sign-tx", path)
    serialized = bytes.fromhex(printed.split()[-1])
    signed = Transaction.parse(serialized)
    assert [(out.value, out.script_pubkey) for out in signed.vout] == [
        (60_000, payee),
        (59_000, wpkh("m/84h/1h/0h/1/0")),
    ]
    assert accepted_by_kernel(serialized, coins)


@pytest.mark.parametrize(
    "fees",
    [["-G", "20gwei"], ["-e", "2", "--max-gas-fee", "20gwei", "--max-priority-fee", "1gwei"]],
    ids=["legacy", "eip1559"],
)
def test_signs_an_ethereum_transaction(trezorctl: Run, confirming: DeviceEmulator, fees: list[str]) -> None:
    printed = trezorctl(
        *("-p", confirming.path, "ethereum", "sign-tx", "-c", 1, "-n", "m/44h/60h/0h/0/0", "-g", 21000),
        *("-i", 7, *fees, RECIPIENT, "1eth"),
    )
    raw = printed.split()[-1]
    assert Account.recover_transaction(raw) == ETHEREUM_SENDER
    assert RECIPIENT[2:].lower() in raw
