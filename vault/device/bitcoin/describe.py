"""A spend request as a person reads it beside the device, line by line, for the make at hand.

Every payment in full, data, change with its address, fee and total; amounts also as screens write them.
Refuses nothing: what is described was translated before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from vault.address import Network, address_of
from vault.device.bitcoin.change import of_one_account, shown_change
from vault.device.bitcoin.request import GroupOrigin, Origin, SpendOutput, SpendRequest
from vault.device.bitcoin.scripts import op_return_data
from vault.device.bitcoin.translate import Pass
from vault.device.connection.features import DeviceInfo, DeviceKind
from vault.device.connection.keyboard import answers_without_consent
from vault.device.paths import format_path
from vault.money import BTC, Amount

# What the screens call the coin of each network (common/defs/bitcoin of the firmware).
_SHORTCUTS: Final = {"mainnet": "BTC", "testnet4": "TEST", "signet": "TEST", "regtest": "REGTEST"}
_LOCKTIME_IS_TIME: Final = 500_000_000
_FINAL: Final = 0xFFFFFFFF
_SILENT_CHANGE: Final = 2  # MAX_SILENT_CHANGE_COUNT of the firmware: more change outputs are asked about

# Whether a group's keys in another order make another group; both where firmware of old differs.
_IN_ORDER: Final[dict[DeviceKind, tuple[bool, ...]]] = {"trezor": (True, False), "onekey": (False,)}

# How each line of models walks a person through it; all show the total with the fee at the end.
_WALK: Final[dict[tuple[DeviceKind, bool], str]] = {
    (
        "trezor",
        False,
    ): "The device asks for the address and the amount of each output apart, then for the total.",
    (
        "trezor",
        True,
    ): "The device asks once for each output, amount and address together, then for the total.",
    ("onekey", False): "The device asks for the address and the amount of each output, then for the total.",
    ("onekey", True): "The device shows address and amount of each output page by page, then the total.",
}


def shown_amount(amount_sat: int, network: Network) -> str:
    """An amount as the screens write it: no trailing zeros, the network's own name of the coin."""
    whole, rest = divmod(amount_sat, 100_000_000)
    fraction = f".{rest:08d}".rstrip("0") if rest else ""
    return f"{whole:,}{fraction} {_SHORTCUTS[network.name]}"


def address_lines(address: str, path: Sequence[int], info: DeviceInfo) -> tuple[str, ...]:
    """The lines of a prompt to compare an address."""
    lines = (f"address: {address}", f"path: {format_path(path)}")
    if answers_without_consent(info):
        return (*lines, "This model answers however you leave its screen: you are asked here afterwards.")
    return lines


def describe(
    request: SpendRequest, network: Network, info: DeviceInfo, run: Pass, messages: Sequence[Any]
) -> tuple[str, ...]:
    """The lines of the prompt for one run; `messages` are the outputs as the device is sent them."""
    lines = [_WALK[info.kind, info.pin_entry == "matrix"]]
    shown = [shown_change(run.inputs, messages, in_order=order) for order in _IN_ORDER[info.kind]]
    for number, output in enumerate(request.outputs):
        lines.append(_output_line(output, network, [number in each for each in shown]))
    lines.append(f"fee {_both(request.fee_sat, network)}")
    lines += _totals(request, network, shown)
    lines += _warnings(run, messages, shown[0], info)
    if request.locktime:
        lines.append(_locktime_line(request))
    return tuple(lines)


def _both(amount_sat: int, network: Network) -> str:
    return f"{Amount(BTC, amount_sat)} (on the screen: {shown_amount(amount_sat, network)})"


def _totals(request: SpendRequest, network: Network, shown: Sequence[frozenset[int]]) -> list[str]:
    """What the device may call the total: the change that it shows is in it."""
    lines: dict[int, str] = {}
    for each in shown:
        total = request.fee_sat
        for number, output in enumerate(request.outputs):
            total += output.amount_sat if output.change is None or number in each else 0
        parts = "payments, change that is shown, and fee" if each else "payments and fee"
        lines.setdefault(total, f"{'or ' if lines else ''}total {_both(total, network)}, {parts}")
    return list(lines.values())


def _warnings(run: Pass, messages: Sequence[Any], shown: frozenset[int], info: DeviceInfo) -> tuple[str, ...]:
    """What else the device asks about, of what a person must not be surprised by."""
    lines = []
    if not of_one_account(run.inputs) and info.pin_entry == "device":
        lines.append("The device warns that coins of several accounts are spent.")
    silent = sum(1 for number, each in enumerate(messages) if each.address_n and number not in shown)
    if silent > _SILENT_CHANGE:
        lines.append(f"The device asks about {silent} change outputs, which it does not show.")
    return tuple(lines)


def _output_line(output: SpendOutput, network: Network, shown: Sequence[bool]) -> str:
    if output.change is not None:
        address = address_of(output.script_pubkey, network)
        place = _place(output.change)
        does = "shows it as a payment" if all(shown) else "does not show it"
        if any(shown) and not all(shown):
            does = "may show it as a payment"
        return f"change {_both(output.amount_sat, network)} to {address}, {place} (the device {does})"
    if output.address is None:
        data = op_return_data(output.script_pubkey)
        # Models without a touch screen show what is all ASCII as text.
        text = f", as text: {data.decode()}" if all(32 <= byte < 127 for byte in data) else ""
        return f"data {data.hex()}{text} (OP_RETURN)"
    return f"pay {_both(output.amount_sat, network)} to {output.address}"


def _place(origin: Origin) -> str:
    if isinstance(origin, GroupOrigin):
        group = origin.group
        return f"{group.threshold} of {len(group.cosigners)} at {origin.branch}/{origin.index}"
    return format_path(origin.path)


def _locktime_line(request: SpendRequest) -> str:
    when = f"block {request.locktime}"
    if request.locktime >= _LOCKTIME_IS_TIME:
        when = f"{datetime.fromtimestamp(request.locktime, UTC):%Y-%m-%d %H:%M:%S}"
    if all(spend.sequence == _FINAL for spend in request.inputs):
        return f"locktime {request.locktime}: {when}, without effect"
    return f"locktime {request.locktime}: {when}"
