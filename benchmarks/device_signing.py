"""The emulated device against a genuine emulator: `python -m benchmarks.device_signing --emulator KIND=PATH`.

Signing 1, 10 and 100 p2wpkh inputs, each with its previous transaction, through the same host over
UDP, in turns; each device is a process of its own. Without a genuine emulator the times are told
and no ratio is. Also the time from starting the process to its first Features.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from embit import bip32, script
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from trezorlib import btc, protocol_v1
from trezorlib import client as trezor_client
from trezorlib import messages as m
from trezorlib.tools import parse_path
from trezorlib.transport.udp import UdpTransport

from benchmarks.alone import run_alone
from benchmarks.measure import Bound, seconds
from tests.conformance.devices import Spec, opened
from tests.conformance.driver import Driver
from tests.conformance.scenario import Setup

PERSONA = "trezor-one"
SIZES = (1, 10, 100)
MOST_TIMES = 2.0  # of the genuine emulator's time for 100 inputs
MOST_MS_TO_FEATURES = 300.0
BARE_IMPORT = [sys.executable, "-c", "import trezorlib.client, trezorlib.messages"]
SETUP = Setup(mnemonic="all all all all all all all all all all all all")
COIN_VALUE, FEE = 100_000, 20_000


@dataclass
class Signer:
    """A device, a session on it, and its times by number of inputs."""

    name: str
    driver: Driver
    times: dict[int, list[float]]

    def sign(self, size: int) -> None:
        """One transaction of that many inputs and two outputs; only the signing is timed."""
        session = self.driver.host(SETUP).session("")
        inputs, prev_txes = _coins(session, size)
        change = m.TxOutputType(
            address_n=parse_path("m/84h/1h/0h/1/0"),
            amount=size * COIN_VALUE // 2 - FEE,
            script_type=m.OutputScriptType.PAYTOWITNESS,
        )
        payment = m.TxOutputType(
            address="tb1q694ccp5qcc0udmfwgp692u2s2hjpq5h407urtu",
            amount=size * COIN_VALUE // 2,
            script_type=m.OutputScriptType.PAYTOADDRESS,
        )
        start = time.perf_counter()
        signatures, _ = btc.sign_tx(session, "Testnet", inputs, [payment, change], prev_txes=prev_txes)
        self.times[size].append(time.perf_counter() - start)
        if len([signature for signature in signatures if signature]) != size:
            raise RuntimeError(f"{self.name} signed {len(signatures)} of {size} inputs")

    def median(self, size: int) -> float:
        """Without the first one, which is a warm-up."""
        return statistics.median(self.times[size][1:])


def _coins(session: Any, size: int) -> tuple[list[Any], dict[bytes, Any]]:
    """Inputs at as many addresses, and the previous transaction of each."""
    inputs, prev_txes = [], {}
    xpub = btc.get_public_node(session, parse_path("m/84h/1h/0h/0"), coin_name="Testnet").xpub
    branch = bip32.HDKey.from_string(xpub)
    for number in range(size):
        output = script.p2wpkh(branch.child(number).get_public_key())
        prev = Transaction(
            version=2,
            vin=[TransactionInput((number + 1).to_bytes(32, "big"), 0, sequence=0xFFFFFFFE)],
            vout=[TransactionOutput(COIN_VALUE, output)],
            locktime=0,
        )
        prev_txes[prev.txid()] = m.TransactionType(
            version=2,
            lock_time=0,
            inputs=[
                m.TxInputType(prev_hash=prev.vin[0].txid, prev_index=0, script_sig=b"", sequence=0xFFFFFFFE)
            ],
            bin_outputs=[m.TxOutputBinType(amount=COIN_VALUE, script_pubkey=output.data)],
        )
        inputs.append(
            m.TxInputType(
                address_n=parse_path(f"m/84h/1h/0h/0/{number}"),
                prev_hash=prev.txid(),
                prev_index=0,
                amount=COIN_VALUE,
                script_type=m.InputScriptType.SPENDWITNESS,
                sequence=0xFFFFFFFE,
            )
        )
    return inputs, prev_txes


@contextmanager
def _own_process() -> Iterator[tuple[float, int]]:
    """Our device as a process: seconds from its start to its first Features, and its port."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator", "device", "--persona", PERSONA, "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output of the device")
        path = json.loads(process.stdout.readline())["path"]
        _first_features(path)
        yield time.perf_counter() - start, int(path.rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(10)


def _first_features(path: str) -> None:
    transport = UdpTransport(path.removeprefix("udp:"))
    with transport:
        client = protocol_v1.TrezorClientV1(
            trezor_client.AppManifest("benchmark"), transport, model=None, mapping=None
        )
        if not client.features.vendor:
            raise RuntimeError("Features without a vendor")


def _signer(stack: ExitStack, name: str, spec: Spec) -> Signer:
    driver = Driver(stack.enter_context(opened(spec)))
    stack.callback(driver.close)
    return Signer(name, driver, {size: [] for size in SIZES})


def measure(runs: int, emulators: Sequence[Spec] = ()) -> list[Bound]:
    """Bounds for start and, against a genuine emulator, for 100 inputs; the times are printed."""
    starts, imports = [], []
    for _ in range(runs + 1):
        with _own_process() as (spent, _port):
            starts.append(spent)
        imports.append(seconds(BARE_IMPORT, dict(os.environ)))
    with ExitStack() as stack:
        _, port = stack.enter_context(_own_process())
        ours = _signer(stack, "emulated", Spec("udp", f"127.0.0.1:{port}"))
        genuine = [_signer(stack, str(spec), spec) for spec in emulators]
        for _ in range(runs + 1):
            for size in SIZES:
                for signer in (ours, *genuine):
                    signer.sign(size)
    first, bare = (statistics.median(times[1:]) * 1000 for times in (starts, imports))
    detail = f"median of {runs}; importing trezorlib beside it {bare:.0f} ms"
    bounds = [Bound("device: start to first Features", first, MOST_MS_TO_FEATURES, "ms", detail)]
    for signer in (ours, *genuine):
        told = ", ".join(f"{size}: {_ms(signer, size)}" for size in SIZES)
        print(f"     device: signing p2wpkh inputs, {signer.name}: {told}")
    for other in genuine:
        size = SIZES[-1]
        ratio = ours.median(size) / other.median(size)
        detail = f"medians of {runs}: {_ms(ours, size)} and {_ms(other, size)}"
        name = f"device: {size} p2wpkh inputs against {other.name.partition('=')[0]}"
        bounds.append(Bound(name, ratio, MOST_TIMES, "times", detail))
    return bounds


def _ms(signer: Signer, size: int) -> str:
    return f"{signer.median(size) * 1000:.1f} ms"


if __name__ == "__main__":
    sys.exit(run_alone(__doc__, measure))
