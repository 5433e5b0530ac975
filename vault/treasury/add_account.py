"""Adding an account on Ethereum: a device's key at a path, or a Safe as its chain has it, becomes a table.

A device's address is read twice and then shown on its screen; a Safe's owners and threshold are what the
chain says, once its code is known. Refuses names that are taken, and a Safe with modules or a guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.errors import ConfigError, DeviceError
from vault.files import write_document
from vault.treasury.add_device import check_candidate
from vault.treasury.devices import configured, open_target
from vault.treasury.templates import table

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import OnPrompt
    from vault.treasury.desk import Desk


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account that is wanted; no `assets` are all that the program knows."""

    name: str
    role: str
    chain: str
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account, and the text that says so in treasury.toml; `device` showed its address."""

    name: str
    kind: str
    address: str
    device: str
    owners: tuple[str, ...]
    threshold: int
    text: str


def add_device_account(  # noqa: PLR0917
    treasury: Treasury,
    wanted: WantedAccount,
    device: str,
    path: str,
    keyboard: Keyboard,
    on_prompt: OnPrompt,
) -> NewAccount:
    """Ask a device for the address at a path; treasury.toml is not touched (see `append_account`).

    Raises `ConfigError`, `DeviceError` and its kin.
    """
    from vault.device.connection.features import require_backed_up
    from vault.device.ethereum.request import EthereumAccount
    from vault.device.ethereum.sign import read_ethereum_address, show_ethereum_address
    from vault.device.paths import parse_path

    _refuse_taken(treasury, wanted)
    steps = tuple(parse_path(path))
    target = configured(treasury, device)
    with open_target(treasury, target, keyboard, on_prompt) as session:
        require_backed_up(session.features)
        address = read_ethereum_address(session, steps)
    text = table("account", [*_facts(wanted, address), ("device", device), ("path", path)])
    check_candidate(treasury, text)
    with open_target(treasury, target, keyboard, on_prompt) as session:
        if (again := read_ethereum_address(session, steps)) != address:
            raise DeviceError(
                "keys_differ",
                f"expected {address} at {path} at the second reading too, found {again}",
                hint="One of the readings was altered on its way. Use neither.",
            )
        show_ethereum_address(session, EthereumAccount(steps, address))
    return NewAccount(wanted.name, "device", address, device, (), 1, text)


def add_safe_account(desk: Desk, wanted: WantedAccount, address: str, executor: str) -> NewAccount:
    """A Safe with the owners and the threshold that its chain says; a person compares them.

    Raises `SafeError` (unknown code, modules, a guard), `EthereumError`, `ConfigError`.
    """
    from vault.ethereum.safe.state import read_safe, require_untouched

    treasury = desk.treasury
    _refuse_taken(treasury, wanted)
    node = desk.ethereum(treasury.chain(wanted.chain).name)
    with node.session():
        state = read_safe(node.view(node.tip()), address)
    require_untouched(state)
    ours = {
        each.address: each.name
        for each in treasury.config.account
        if each.chain == wanted.chain and each.kind == "device"
    }
    owners = tuple(ours[owner] for owner in state.owners if owner in ours)
    outside = tuple(owner for owner in state.owners if owner not in ours)
    text = table("account", _facts(wanted, address))
    lists = [("owners", owners), ("outside", outside)]
    inner = [f"{name} = [{', '.join(_quoted(each) for each in found)}]" for name, found in lists if found]
    inner += [f"threshold = {state.threshold}", f"executor = {_quoted(executor)}"]
    text += f"safe = {{ {', '.join(inner)} }}\n"
    check_candidate(treasury, text)
    return NewAccount(wanted.name, "safe", address, "", state.owners, state.threshold, text)


def append_account(treasury: Treasury, new: NewAccount) -> None:
    """Append the table to treasury.toml, whole or not at all."""
    text, _ = check_candidate(treasury, new.text)
    write_document(treasury.path, text.encode())


def _facts(wanted: WantedAccount, address: str) -> list[tuple[str, str | tuple[str, ...]]]:
    facts: list[tuple[str, str | tuple[str, ...]]] = [
        ("name", wanted.name),
        ("role", wanted.role),
        ("chain", wanted.chain),
        ("address", address),
    ]
    return [*facts, ("assets", wanted.assets)] if wanted.assets else facts


def _refuse_taken(treasury: Treasury, wanted: WantedAccount) -> None:
    treasury.chain(wanted.chain)
    config = treasury.config
    taken = {each.name for each in config.wallet} | {each.name for each in config.account}
    if wanted.name in taken:
        raise ConfigError(
            "name_taken",
            f"{treasury.path} already has a wallet or an account named {wanted.name!r}",
            hint="Choose another name, or remove the old table yourself.",
        )


def _quoted(value: str) -> str:
    # Names and addresses only: neither has quotes, nor escapes.
    return f'"{value}"'
