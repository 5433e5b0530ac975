"""A device on real UDP sockets, driven by unmodified trezorlib, and coins for it to spend.

What the device signs is judged by others: scripts and parsing by embit, signatures by
libbitcoinkernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pbk
import pytest
from embit import script as embit_script
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from pbk.script import PrecomputedTransactionData
from trezorlib import btc
from trezorlib import client as trezor_client
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.server import DeviceEmulator
from tests.support import stock_client
from tests.support.onekey_client import ONEKEY_MODEL

ABANDON = "abandon " * 11 + "about"
ALL_FLAGS = 0
for _flag in pbk.ScriptVerificationFlags:
    ALL_FLAGS |= _flag

OUTPUT_OF = {
    m.InputScriptType.SPENDADDRESS: m.OutputScriptType.PAYTOADDRESS,
    m.InputScriptType.SPENDP2SHWITNESS: m.OutputScriptType.PAYTOP2SHWITNESS,
    m.InputScriptType.SPENDWITNESS: m.OutputScriptType.PAYTOWITNESS,
    m.InputScriptType.SPENDTAPROOT: m.OutputScriptType.PAYTOTAPROOT,
}
PURPOSE_OF = {
    m.InputScriptType.SPENDADDRESS: 44,
    m.InputScriptType.SPENDP2SHWITNESS: 49,
    m.InputScriptType.SPENDWITNESS: 84,
    m.InputScriptType.SPENDTAPROOT: 86,
}


@dataclass
class Bench:
    """A device, a session on it, and the previous transactions made for it."""

    device: DeviceEmulator
    client: Any
    session: Any
    coin: str = "Regtest"
    prev_txes: dict[bytes, Any] = field(default_factory=dict)
    spent: dict[tuple[bytes, int], tuple[bytes, int]] = field(default_factory=dict)

    def path(self, kind: Any, suffix: str = "0/0") -> list[int]:
        coin_type = 0 if self.coin == "Bitcoin" else 1
        return list(parse_path(f"m/{PURPOSE_OF[kind]}h/{coin_type}h/0h/{suffix}"))

    def address(self, kind: Any, suffix: str = "0/0", *, show: bool = False) -> str:
        return str(
            btc.get_address(
                self.session, self.coin, self.path(kind, suffix), show_display=show, script_type=kind
            )
        )

    def fund(self, kind: Any, amount: int, suffix: str = "0/0") -> Any:
        """An input worth `amount` at a path, with a previous transaction to show for it."""
        address = btc.get_address(self.session, self.coin, self.path(kind, suffix), script_type=kind)
        script = embit_script.address_to_scriptpubkey(address)
        number = len(self.prev_txes)
        prev = Transaction(
            version=2,
            vin=[TransactionInput(bytes([number + 1]) * 32, 7, sequence=0xFFFFFFFD)],
            vout=[
                TransactionOutput(5_000, embit_script.Script(b"\x51")),
                TransactionOutput(amount, script),
            ],
            locktime=number,
        )
        tx_hash = prev.txid()
        self.prev_txes[tx_hash] = m.TransactionType(
            version=2,
            lock_time=number,
            inputs=[
                m.TxInputType(prev_hash=prev.vin[0].txid, prev_index=7, script_sig=b"", sequence=0xFFFFFFFD)
            ],
            bin_outputs=[
                m.TxOutputBinType(amount=out.value, script_pubkey=out.script_pubkey.data) for out in prev.vout
            ],
        )
        self.spent[(tx_hash, 1)] = (script.data, amount)
        return m.TxInputType(
            address_n=self.path(kind, suffix),
            prev_hash=tx_hash,
            prev_index=1,
            amount=amount,
            script_type=kind,
            sequence=0xFFFFFFFD,
        )

    def change(self, kind: Any, amount: int, suffix: str = "1/0") -> Any:
        return m.TxOutputType(address_n=self.path(kind, suffix), amount=amount, script_type=OUTPUT_OF[kind])

    def sign(self, inputs: list[Any], outputs: list[Any], **kwargs: Any) -> tuple[list[bytes], bytes]:
        signatures, serialized = btc.sign_tx(
            self.session, self.coin, inputs, outputs, prev_txes=self.prev_txes, **kwargs
        )
        return list(signatures), serialized

    def accepted_by_kernel(self, serialized: bytes) -> bool:
        """Whether libbitcoinkernel accepts every input of a signed transaction."""
        parsed = Transaction.parse(serialized)
        spent = [self.spent[(vin.txid, vin.vout)] for vin in parsed.vin]
        tx = pbk.Transaction(serialized)
        outs = [pbk.TransactionOutput(pbk.ScriptPubkey(script), amount) for script, amount in spent]
        data = PrecomputedTransactionData(tx, outs)
        return all(
            pbk.ScriptPubkey(script).verify(amount, tx, data, index, ALL_FLAGS)
            for index, (script, amount) in enumerate(spent)
        )


def connect(device: DeviceEmulator, model: Any = None) -> Any:
    return stock_client.connect(device.path, model)


@pytest.fixture
def connected() -> Iterator[Callable[..., Any]]:
    """`connected(device)` is a trezorlib client whose reads end after five seconds."""
    before = trezor_client._DEFAULT_READ_TIMEOUT
    trezor_client._DEFAULT_READ_TIMEOUT = 5
    yield connect
    trezor_client._DEFAULT_READ_TIMEOUT = before


@pytest.fixture
def bench(connected: Callable[..., Any]) -> Iterator[Bench]:
    """A device that confirms everything, on regtest."""
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", label="bench") as device:
        client = connected(device)
        yield Bench(device, client, client.get_session(""))


@pytest.fixture
def scripted(connected: Callable[..., Any]) -> Iterator[DeviceEmulator]:
    """A device that waits for its buttons."""
    with DeviceEmulator(mnemonic=ABANDON, mode="scripted", label="scripted") as device:
        yield device


ALL_WORDS = "all " * 11 + "all"  # the seed of Trezor's Ethereum fixtures


@pytest.fixture
def opened(connected: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`opened(persona)` is (device, session) of a device that confirms everything."""
    devices: list[DeviceEmulator] = []

    def open_device(persona: str = "trezor-core", mode: Any = "auto") -> tuple[DeviceEmulator, Any]:
        device = DeviceEmulator(mnemonic=ALL_WORDS, mode=mode, persona=persona).start()
        devices.append(device)
        model = ONEKEY_MODEL if persona.startswith("onekey") else None
        return device, connected(device, model).get_session("")

    yield open_device
    for device in devices:
        device.stop()
