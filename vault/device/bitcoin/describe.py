"""A spend request as a person reads it beside the device, line by line, for the make at hand.

Every payment in full, data, change with its address, fee and total; amounts also as screens write them.
Refuses nothing: what is described was translated before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from vault.address import Network, address_of
from vault.device.bitcoin.request import GroupOrigin, Origin, SpendOutput, SpendRequest
from vault.device.bitcoin.scripts import op_return_data
from vault.device.connection.features import DeviceInfo, DeviceKind
from vault.device.paths import format_path
from vault.money import BTC, Amount

# What the screens call the coin of each network (common/defs/bitcoin of the firmware).
_SHORTCUTS: Final = {"mainnet": "BTC", "testnet4": "TEST", "signet": "TEST", "regtest": "REGTEST"}
_LOCKTIME_IS_TIME: Final = 500_000_000
_FINAL: Final = 0xFFFFFFFF

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
    """The lines of a prompt to compare an address.

    OneKey's touch models answer the same whichever way a person leaves the screen (show_address in
    lvgl/__init__.py of the firmware): their answer is no consent.
    """
    lines = (f"address: {address}", f"path: {format_path(path)}")
    if info.kind == "onekey" and info.pin_entry == "device":
        return (*lines, "This model answers even when you leave its screen: nobody else sees a difference.")
    return lines


def describe(request: SpendRequest, network: Network, info: DeviceInfo) -> tuple[str, ...]:
    """The lines of the prompt."""
    lines = [_WALK[info.kind, info.pin_entry == "matrix"]]
    lines += [_output_line(output, network) for output in request.outputs]
    paid = sum(output.amount_sat for output in request.outputs if output.change is None)
    lines.append(f"fee {_both(request.fee_sat, network)}")
    lines.append(f"total {_both(paid + request.fee_sat, network)}, payments and fee")
    if request.locktime:
        lines.append(_locktime_line(request))
    return tuple(lines)


def _both(amount_sat: int, network: Network) -> str:
    return f"{Amount(BTC, amount_sat)} (on the screen: {shown_amount(amount_sat, network)})"


def _output_line(output: SpendOutput, network: Network) -> str:
    if output.change is not None:
        address = address_of(output.script_pubkey, network)
        place = _place(output.change)
        return (
            f"change {_both(output.amount_sat, network)} to {address}, {place} (the device may not show it)"
        )
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
