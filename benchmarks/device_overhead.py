"""Our signing against bare `btc.sign_tx`: `python -m benchmarks.device_overhead --emulator KIND=PATH`.

1, 10 and 100 p2wpkh inputs, each with its previous transaction, on the same device in turns. Ours
translates, proves the wallet before, rebuilds the transaction and verifies every signature; the bare
call does none of it and is given its messages ready made.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from embit import bip32, script
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from trezorlib import btc, protocol_v1
from trezorlib import messages as m
from trezorlib.client import AppManifest
from trezorlib.tools import parse_path
from trezorlib.transport.udp import UdpTransport

from benchmarks.alone import run_alone
from benchmarks.measure import Bound
from tests.conformance.client import ONEKEY_MODEL
from tests.conformance.devices import Spec, opened
from tests.conformance.driver import Driver
from tests.conformance.scenario import Setup
from tests.support.device_in_hand import finger
from vault.address import NETWORKS
from vault.device.bitcoin.request import KeyOrigin, SpendInput, SpendOutput, SpendRequest
from vault.device.session import open_device

PERSONAS = ("trezor-one", "onekey-classic1s", "trezor-core")
SIZES = (1, 10, 100)
MOST_ON_THE_FASTEST = 1.25  # of the bare call's time for 100 inputs
MOST_ON_OTHERS = 1.10
SETUP = Setup(mnemonic="all all all all all all all all all all all all")
REGTEST = NETWORKS["regtest"]
COIN_VALUE, FEE, SEQUENCE = 100_000, 20_000, 0xFFFFFFFD
PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


class _PressedClient(protocol_v1.TrezorClientV1):  # type: ignore[misc]  # trezorlib is untyped here
    """The stock client, with the same finger on the button that ours has."""

    def __init__(self, transport: Any, driver: Driver) -> None:
        self._presser = driver.presser
        manifest = AppManifest(
            app_name="benchmark", button_callback=lambda _: self._presser.hold(m.DebugButton.YES)
        )
        super().__init__(manifest, transport, model=ONEKEY_MODEL if driver.onekey else None, mapping=None)

    def _read(self, session: Any, timeout: float | None = None) -> Any:
        self._presser.awaiting(True)
        try:
            return super()._read(session, timeout)
        finally:
            self._presser.awaiting(False)
            self._presser.release()


@contextmanager
def _own_process(persona: str) -> Iterator[Spec]:
    """A persona as a process of its own, so that it does not share our time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator", "device", "--persona", persona, "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output of the device")
        path = json.loads(process.stdout.readline())["path"]
        yield Spec("udp", path.removeprefix("udp:"))
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Bench:
    """A device, what it signs, and the times of both ways by number of inputs."""

    name: str
    driver: Driver
    ours: dict[int, list[float]] = field(default_factory=lambda: {size: [] for size in SIZES})
    bare: dict[int, list[float]] = field(default_factory=lambda: {size: [] for size in SIZES})
    signatures: dict[int, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        session = self.driver.host(SETUP).session("")
        xpub = btc.get_public_node(session, parse_path("m/84h/1h/0h"), coin_name="Regtest").xpub
        self.account = bip32.HDKey.from_string(xpub)
        self.root = session.get_root_fingerprint().hex()
        self.requests = {size: self._request(size) for size in SIZES}

    def _origin(self, change: int, index: int) -> KeyOrigin:
        path = tuple(parse_path(f"m/84h/1h/0h/{change}/{index}"))
        return KeyOrigin(self.root, path, self.account.derive([change, index]).get_public_key().sec())

    def _script(self, change: int, index: int) -> Any:
        return script.p2wpkh(self.account.derive([change, index]).get_public_key())

    def _request(self, size: int) -> SpendRequest:
        inputs = []
        for number in range(size):
            previous = Transaction(
                version=2,
                vin=[TransactionInput((number + 1).to_bytes(32, "big"), 0, sequence=SEQUENCE)],
                vout=[TransactionOutput(COIN_VALUE, self._script(0, number))],
                locktime=0,
            )
            txid, raw = previous.txid().hex(), previous.serialize()
            origin = self._origin(0, number)
            inputs.append(SpendInput(txid, 0, SEQUENCE, COIN_VALUE, "p2wpkh", origin, raw))
        half = size * COIN_VALUE // 2
        payment = SpendOutput(half, script.address_to_scriptpubkey(PAYEE).data, address=PAYEE)
        change = SpendOutput(half - FEE, self._script(1, 0).data, change=self._origin(1, 0))
        return SpendRequest(2, 0, tuple(inputs), (payment, change))

    def sign_bare(self, size: int) -> None:
        inputs, outputs, prev_txes = _messages(self.requests[size])
        with UdpTransport(self._path.removeprefix("udp:")) as transport:
            session = _PressedClient(transport, self.driver).get_session("")
            start = time.perf_counter()
            found, _ = btc.sign_tx(session, "Regtest", inputs, outputs, prev_txes=prev_txes, version=2)
            self.bare[size].append(time.perf_counter() - start)
        self._agree(size, tuple(enumerate(found)))

    @property
    def _path(self) -> str:
        return f"udp:{self.driver.device.host}:{self.driver.device.port}"

    def sign_ours(self, size: int) -> None:
        kind = "onekey" if self.driver.onekey else "trezor"
        with (
            finger(self.driver),
            open_device(self._path, kind=kind, expected_fingerprint=self.root, timeout_s=30.0) as session,
        ):
            start = time.perf_counter()
            signed = session.sign_transaction(self.requests[size], REGTEST)
            self.ours[size].append(time.perf_counter() - start)
        self._agree(size, signed.signatures)

    def _agree(self, size: int, signatures: Any) -> None:
        if self.signatures.setdefault(size, signatures) != signatures:
            raise RuntimeError(f"{self.name}: both ways should give the same signatures")

    def ratio(self, size: int) -> float:
        """Median of the ratios of neighbours in time; the first pair is a warm-up."""
        return statistics.median(
            a / b for a, b in list(zip(self.ours[size], self.bare[size], strict=True))[1:]
        )

    def told(self, size: int) -> str:
        ours, bare = (statistics.median(times[size][1:]) * 1000 for times in (self.ours, self.bare))
        return f"{size}: {ours:.1f} ms against {bare:.1f} ms"


def _messages(request: SpendRequest) -> tuple[list[Any], list[Any], dict[bytes, Any]]:
    """What the bare call is given, made before the clock starts."""
    inputs, prev_txes = [], {}
    for spend in request.inputs:
        tx = Transaction.parse(spend.prevtx)
        prev_txes[tx.txid()] = m.TransactionType(
            version=tx.version,
            lock_time=tx.locktime,
            inputs=[
                m.TxInputType(prev_hash=i.txid, prev_index=i.vout, script_sig=b"", sequence=i.sequence)
                for i in tx.vin
            ],
            bin_outputs=[
                m.TxOutputBinType(amount=o.value, script_pubkey=o.script_pubkey.data) for o in tx.vout
            ],
        )
        inputs.append(
            m.TxInputType(
                address_n=list(spend.origin.path),  # type: ignore[union-attr]
                prev_hash=tx.txid(),
                prev_index=spend.vout,
                amount=spend.amount_sat,
                script_type=m.InputScriptType.SPENDWITNESS,
                sequence=spend.sequence,
            )
        )
    payment, change = request.outputs
    outputs = [
        m.TxOutputType(
            address=payment.address, amount=payment.amount_sat, script_type=m.OutputScriptType.PAYTOADDRESS
        ),
        m.TxOutputType(
            address_n=list(change.change.path),  # type: ignore[union-attr]
            amount=change.amount_sat,
            script_type=m.OutputScriptType.PAYTOWITNESS,
        ),
    ]
    return inputs, outputs, prev_txes


def measure(runs: int, emulators: Sequence[Spec] = ()) -> list[Bound]:
    """A bound for 100 inputs on every device; the fastest one has its own. The times are printed."""
    benches = []
    with ExitStack() as stack:
        ours = [(persona, stack.enter_context(_own_process(persona))) for persona in PERSONAS]
        for name, spec in (*ours, *((str(spec).partition("=")[0], spec) for spec in emulators)):
            driver = Driver(stack.enter_context(opened(spec)))
            stack.callback(driver.close)
            bench = Bench(name, driver)
            bench.prepare()
            benches.append(bench)
        for run in range(runs + 1):
            for size in SIZES:
                for bench in benches:
                    ways = (bench.sign_bare, bench.sign_ours)
                    for sign in ways if run % 2 else reversed(ways):
                        sign(size)
    last = SIZES[-1]
    fastest = min(benches, key=lambda bench: statistics.median(bench.bare[last]))
    for bench in benches:
        print(f"     device: signing, {bench.name}: {', '.join(bench.told(size) for size in SIZES)}")
    return [
        Bound(
            f"device: signing {last} inputs against bare btc.sign_tx, {bench.name}",
            bench.ratio(last),
            MOST_ON_THE_FASTEST if bench is fastest else MOST_ON_OTHERS,
            "times",
            f"{runs} pairs{', the fastest device' if bench is fastest else ''}",
        )
        for bench in benches
    ]


if __name__ == "__main__":
    sys.exit(run_alone(__doc__, measure))
