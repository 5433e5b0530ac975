"""BIP32 paths and coin names as devices take them; which path may hold which script type.

Devices accept 44', 49', 84' and 86' interchangeably and any coin type after a warning; here a path
must fit its script type and network exactly, and the attestation account is never a wallet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vault.address import NETWORKS, Network
from vault.attestation import ATTESTATION_ACCOUNT
from vault.bip32 import GROUP_PURPOSE, GROUP_STEPS, HARDENED, SINGLE_PURPOSES
from vault.errors import DeviceError

MAX_INDEX: Final = 1_000_000  # core firmware shows change above this index as a payment

Path = tuple[int, ...]
PathLike = str | Sequence[int]

# BIP48 itself knows these two; the step of p2sh is a habit of some programs.
_STANDARD_GROUPS: Final = ("p2wsh", "p2sh-p2wsh")

# testnet4 and signet share prefixes and coin type with Testnet, the name that every firmware knows.
_COIN_NAMES: Final[dict[str, str]] = {
    "mainnet": "Bitcoin",
    "testnet4": "Testnet",
    "signet": "Testnet",
    "regtest": "Regtest",
}
_STEP = re.compile(r"(0|[1-9][0-9]{0,9})(['hH]?)", re.ASCII)


def coin_name(network: Network) -> str:
    """The firmware's name of a network's coin."""
    return _COIN_NAMES[network.name]


def parse_path(path: PathLike) -> Path:
    """Steps of ``m/84h/1h/0h`` (also ``'`` and without ``m/``) or of a sequence of integers.

    Raises `DeviceError` (``device.bad_path``).
    """
    if not isinstance(path, str):
        steps = tuple(path)
        if any(type(step) is not int or not 0 <= step < 2**32 for step in steps) or len(steps) > 10:
            raise DeviceError("bad_path", f"expected at most 10 steps of 32 bits, found {steps!r}")
        return steps
    result: list[int] = []
    for part in path.removeprefix("m/").split("/") if path != "m" else []:
        match = _STEP.fullmatch(part)
        if not match or int(match[1]) >= HARDENED or len(result) == 10:
            raise DeviceError("bad_path", f"expected a path such as m/84h/0h/0h, found {path!r}")
        result.append(int(match[1]) + (HARDENED if match[2] else 0))
    return tuple(result)


def format_path(path: Sequence[int]) -> str:
    """``m/84h/1h/0h`` notation."""
    return "/".join(["m", *(f"{step - HARDENED}h" if step >= HARDENED else str(step) for step in path)])


def account_paths(network: Network, account: int) -> tuple[Path, ...]:
    """The paths of an account of every script type: with a single key, then as a cosigner (BIP48)."""
    coin, number = network.coin_type | HARDENED, account | HARDENED
    single = ((purpose | HARDENED, coin, number) for purpose in SINGLE_PURPOSES.values())
    steps = (GROUP_STEPS[kind] | HARDENED for kind in _STANDARD_GROUPS)
    return (*single, *((GROUP_PURPOSE | HARDENED, coin, number, step) for step in steps))


def check_account_path(path: Path) -> Network:
    """A wallet's account path (purpose', coin', account'; BIP48: and script type'), single or a group's.

    Returns a network of its coin type. Raises `DeviceError` (``device.forbidden_path``).
    """
    # Of the test networks the first is taken: their keys are written alike.
    coins = {network.coin_type | HARDENED: network for network in reversed(NETWORKS.values())}
    single = len(path) == 3 and path[0] in {purpose | HARDENED for purpose in SINGLE_PURPOSES.values()}
    group = (
        len(path) == 4
        and path[0] == GROUP_PURPOSE | HARDENED
        and path[3] in {step | HARDENED for step in GROUP_STEPS.values()}
    )
    if not (single or group) or path[1] not in coins or path[2] < HARDENED:
        raise _forbidden(path, "an account path such as m/84h/0h/0h, m/86h/0h/0h or m/48h/0h/0h/2h")
    _refuse_attestation_account(path)
    return coins[path[1]]


def check_wallet_path(path: Path, script_type: str, network: Network) -> None:
    """An address path of a single-key wallet that fits its script type and network.

    Raises `DeviceError` (``device.unsupported_script_type``, ``device.forbidden_path``).
    """
    purpose = SINGLE_PURPOSES.get(script_type)
    if purpose is None:
        raise _unsupported(script_type, SINGLE_PURPOSES)
    expected = f"m/{purpose}h/{network.coin_type}h/account'/0 or 1/index for {script_type} on {network.name}"
    if (
        len(path) != 5
        or path[:2] != (purpose | HARDENED, network.coin_type | HARDENED)
        or path[2] < HARDENED
        or path[3] not in {0, 1}
        or path[4] > MAX_INDEX
    ):
        raise _forbidden(path, expected)
    _refuse_attestation_account(path)


def check_group_path(path: Path, script_type: str, network: Network) -> None:
    """A cosigner's account path (BIP48) that fits the group's script type and network.

    Raises `DeviceError` (``device.unsupported_script_type``, ``device.forbidden_path``).
    """
    step = GROUP_STEPS.get(script_type)
    if step is None:
        raise _unsupported(script_type, GROUP_STEPS)
    head = (GROUP_PURPOSE | HARDENED, network.coin_type | HARDENED)
    if len(path) != 4 or path[:2] != head or path[2] < HARDENED or path[3] != step | HARDENED:
        raise _forbidden(
            path, f"m/48h/{network.coin_type}h/account'/{step}h for {script_type} on {network.name}"
        )
    _refuse_attestation_account(path)


def kind_of_path(path: Path) -> str:
    """The single-key script type of an address path's purpose, "" when it has none."""
    kinds = {purpose | HARDENED: kind for kind, purpose in SINGLE_PURPOSES.items()}
    return kinds.get(path[0], "") if path else ""


def kind_of_group_path(path: Path) -> str:
    """The script type of a cosigner's account path, "" when it has none."""
    kinds = {step | HARDENED: kind for kind, step in GROUP_STEPS.items()}
    return kinds.get(path[3], "") if len(path) == 4 else ""


def _unsupported(script_type: str, known: dict[str, int]) -> DeviceError:
    return DeviceError("unsupported_script_type", f"expected {', '.join(known)}, found {script_type!r}")


def check_message_path(path: Path, network: Network) -> None:
    """A p2wpkh address path, the attestation account included. Raises `DeviceError`."""
    expected = (84 | HARDENED, network.coin_type | HARDENED)
    if len(path) != 5 or path[:2] != expected or path[2] < HARDENED or max(path[3:]) >= HARDENED:
        raise _forbidden(path, f"a p2wpkh path m/84h/{network.coin_type}h/account'/change/index")


def _refuse_attestation_account(path: Path) -> None:
    if path[2] == ATTESTATION_ACCOUNT | HARDENED:
        raise _forbidden(path, f"any account but {ATTESTATION_ACCOUNT}h, which only signs statements")


def _forbidden(path: Path, expected: str) -> DeviceError:
    return DeviceError(
        "forbidden_path",
        f"expected {expected}, found {format_path(path)}",
        hint="Check the wallet's descriptor; no device is asked for keys outside of it.",
    )
