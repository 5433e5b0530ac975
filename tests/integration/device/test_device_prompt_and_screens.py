"""What the prompt says and what the device shows are the same: every address, amount, fee and total.

Random transactions on every persona; the screens are those that its emulator recorded.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator
from tests.integration.device.conftest import MNEMONIC, OTHER_MNEMONIC, payment, wallet_of
from tests.support.groups import Group, funded_input
from vault.address import NETWORKS, address_of
from vault.device.bitcoin.request import SpendInput, SpendOutput, SpendRequest
from vault.device.bitcoin.scripts import op_return_data
from vault.device.prompt import Prompt
from vault.device.session import DeviceSession, open_device

REGTEST = NETWORKS["regtest"]
OURS, OTHER = wallet_of(MNEMONIC), wallet_of(OTHER_MNEMONIC)
SINGLE = ("p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr")
GROUPS = tuple(
    Group(kind, 2, members)
    for kind in ("p2sh", "p2sh-p2wsh", "p2wsh")
    for members in (((OURS, 0), (OTHER, 0)), ((OTHER, 2), (OURS, 1), (OURS, 3)))
)
STRANGERS = tuple(
    OTHER.script(OTHER.path(kind, index)).address(REG)
    for REG in ({"bech32": "bcrt", "p2pkh": b"\x6f", "p2sh": b"\xc4"},)
    for kind in SINGLE
    for index in range(3)
)
ADDRESS = re.compile(r"\b(?:bcrt1[a-z0-9]{30,}|[mn2][1-9A-HJ-NP-Za-km-z]{30,})\b")
AMOUNT = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)? REGTEST")


@dataclass
class Bench:
    """A device whose wallet is open, and what was prompted for."""

    device: DeviceEmulator
    session: DeviceSession
    prompts: list[Prompt]

    def signed(self, request: SpendRequest) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Of each run: prompt, screens, and the lines of the prompt."""
        before = len(self.device.screens)
        runs: list[int] = []
        del self.prompts[:]
        self.session.sign_transaction(
            request,
            REGTEST,
            lambda progress: runs.append(len(self.device.screens)) if progress.proven else None,
        )
        for prompt, end in zip(self.prompts, runs, strict=True):
            screens = self.device.screens[before:end]
            yield "\n".join(prompt.lines), "\n".join(screen.text for screen in screens), prompt.lines
            before = end


@pytest.fixture(scope="module", params=list(PERSONAS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    prompts: list[Prompt] = []
    with contextlib.ExitStack() as stack:
        device = stack.enter_context(DeviceEmulator(mnemonic=MNEMONIC, persona=request.param, mode="auto"))
        session = stack.enter_context(
            open_device(
                device.path,
                kind=None,
                expected_fingerprint=device.root_fingerprint,
                timeout_s=10.0,
                on_prompt=prompts.append,
            )
        )
        yield Bench(device, session, prompts)


def group_input(group: Group, index: int, number: int, amount: int) -> SpendInput:
    return funded_input(group.script(0, index), group.origin(0, index), group.kind, number, amount)


def group_change(group: Group, index: int, amount: int) -> SpendOutput:
    return SpendOutput(amount, group.script(1, index).data, change=group.origin(1, index))


amounts = st.integers(546, 3 * 10**9)
places = st.integers(0, 40)


@st.composite
def homes(draw: Any) -> tuple[str, Any]:
    """Where inputs or change lie: a kind and an account, or a group."""
    if draw(st.integers(0, 2)):
        return draw(st.sampled_from(SINGLE)), draw(st.integers(0, 1))
    return "group", draw(st.sampled_from(GROUPS))


@st.composite
def outputs(draw: Any, usual: tuple[str, Any]) -> SpendOutput:
    """A payment, data, change to where the coins come from, or to another of our accounts."""
    what = draw(st.sampled_from(("pay", "pay", "data", "change", "change", "elsewhere")))
    if what == "pay":
        return payment(draw(amounts), draw(st.sampled_from(STRANGERS)))
    if what == "data":
        data = draw(st.one_of(st.binary(min_size=1, max_size=80), st.just(b"ledger 7, page 12")))
        data = b"x" + data[1:] if data.startswith(b"omni") else data
        head = bytes([len(data)]) if len(data) < 76 else b"\x4c" + bytes([len(data)])
        return SpendOutput(0, b"\x6a" + head + data)
    kind, where = usual if what == "change" else draw(homes())
    if kind == "group":
        return group_change(where, draw(places), draw(amounts))
    path = OURS.path(kind, draw(places), 1, where)
    return SpendOutput(draw(amounts), OURS.script(path).data, change=OURS.origin(path))


@st.composite
def requests(draw: Any) -> SpendRequest:
    usual = draw(homes())
    out = tuple(draw(st.lists(outputs(usual), min_size=1, max_size=6)))
    if all(each.amount_sat == 0 for each in out):
        out = (*out, payment(draw(amounts), STRANGERS[0]))
    count = draw(st.integers(1, 3))
    total = sum(each.amount_sat for each in out) + draw(st.integers(200, 700_000))
    shares = [total // count] * (count - 1)
    shares.append(total - sum(shares))
    inputs = []
    for number, share in enumerate(shares):
        kind, where = usual if draw(st.integers(0, 4)) else draw(homes())
        sequence = draw(st.sampled_from((0xFFFFFFFD, 0xFFFFFFFF, 0)))
        if kind == "group":
            spent = group_input(where, draw(places), number, max(share, 1))
        else:
            spent = OURS.input(kind, number, max(share, 1), account=where)
        inputs.append(SpendInput(**{**{f: getattr(spent, f) for f in spent.__slots__}, "sequence": sequence}))
    locktime = draw(st.sampled_from((0, 0, 1, 800_000, 499_999_999, 500_000_000, 1_790_000_000, 2**32 - 1)))
    return SpendRequest(2, locktime, tuple(inputs), out)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(request=requests())
def test_prompt_and_screens_say_the_same(bench: Bench, request: SpendRequest) -> None:
    for prompt, screens, lines in bench.signed(request):
        assert set(ADDRESS.findall(screens)) <= set(ADDRESS.findall(prompt)), screens
        assert set(AMOUNT.findall(screens)) <= set(AMOUNT.findall(prompt)), (screens, prompt)
        compare_outputs(request, lines, screens)
        compare_totals(lines, screens)
        compare_questions(request, lines, screens)


def compare_outputs(request: SpendRequest, lines: tuple[str, ...], screens: str) -> None:
    """Each output has its line, in order; what the line says of the screen is so."""
    for output, line in zip(request.outputs, lines[1:], strict=False):
        if output.address is None and output.change is None:
            data = op_return_data(output.script_pubkey)
            assert line.startswith(f"data {data.hex()}")
            assert data.hex() in screens or data.decode() in screens
            continue
        address = address_of(output.script_pubkey, REGTEST)
        assert address in line
        assert f"{output.amount_sat // 10**8}.{output.amount_sat % 10**8:08d} BTC" in line
        amount = AMOUNT.findall(line)[0]
        if output.change is None or "(the device shows it" in line:
            assert address in screens
            assert amount in screens
        elif "(the device does not show it)" in line and not paid_too(request, address):
            assert address not in screens


def paid_too(request: SpendRequest, address: str) -> bool:
    """Whether another output goes there as well, which may be the one that is shown."""
    return (
        sum(address_of(each.script_pubkey, REGTEST) == address for each in request.outputs if each.amount_sat)
        > 1
    )


def compare_totals(lines: tuple[str, ...], screens: str) -> None:
    """The last amounts on the screens are total and fee, and the prompt names them as such."""
    *_, total, fee = AMOUNT.findall(screens)
    assert any(line.startswith("fee ") and f" {fee})" in line for line in lines)
    assert any(line.startswith(("total ", "or total ")) and f" {total})" in line for line in lines)


def compare_questions(request: SpendRequest, lines: tuple[str, ...], screens: str) -> None:
    """Locktime, several accounts and many change outputs are asked about exactly where a line says so."""
    (locktime,) = [line for line in lines if line.startswith("locktime ")] or ("",)
    assert bool(locktime) == ("locktime" in screens.lower()) == bool(request.locktime)
    assert locktime.startswith(f"locktime {request.locktime}: ") or not request.locktime
    if locktime.endswith("without effect"):
        assert "no effect" in screens
    elif locktime:
        assert locktime.split(": ", 1)[1].removeprefix("block ") in screens
    assert ("multiple accounts" in screens) == any("several accounts" in line for line in lines)
    asked = re.search(r"([0-9]+) (?:change-)?outputs", screens)
    told = next((line for line in lines if "change outputs, which" in line), None)
    assert (asked is None) == (told is None)
    assert told is None or f" {asked[1]} change" in told
