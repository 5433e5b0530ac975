"""`vault device`: enrol a hardware wallet, or ask one what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from vault.cli.command import Answer, Call, command
from vault.errors import DeviceError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury
    from vault.device.features import DeviceInfo
    from vault.treasury.enrol import Enrolment, WantedWallet

KINDS = ("trezor", "onekey")
SCRIPTS = ("p2wpkh", "p2tr")
WALLET_ROLES = ("cold", "staging")
ATTESTER_ROLES = ("policy", "address-book", "approve")


@click.group("device")
def device() -> None:
    """Enrol a hardware wallet, or ask one what it is."""


@command(
    "enrol", interrupted="treasury.toml was written only if it has the new tables; a device keeps nothing."
)
@click.argument("name", metavar="NAME")
@click.option("--path", required=True, help="udp:HOST:PORT (an emulator), bridge:... or webusb:...")
@click.option("--kind", required=True, type=click.Choice(KINDS))
@click.option(
    "--wallet",
    "wallets",
    multiple=True,
    metavar="NAME=ROLE[:SCRIPT]",
    help="A wallet on this device, role cold or staging; may be repeated.",
)
@click.option(
    "--script", type=click.Choice(SCRIPTS), default="p2wpkh", show_default=True, help="Where none is named."
)
@click.option(
    "--account", type=click.IntRange(0, 99), default=0, show_default=True, help="BIP44 account number."
)
@click.option("--attester", metavar="NAME", help="A person whose statements this device signs.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ATTESTER_ROLES), help="Default: all three.")
@click.option("--write", is_flag=True, help="Append the tables to treasury.toml.")
def enrol(
    call: Call,
    name: str,
    *,
    path: str,
    kind: Literal["trezor", "onekey"],
    wallets: tuple[str, ...],
    script: str,
    account: int,
    attester: str | None,
    roles: tuple[str, ...],
    write: bool,
) -> Answer:
    """Ask a device for its fingerprint, wallets and attestation key, and print its tables of treasury.toml.

    The first address of each wallet is shown on the device and must be the one derived here.
    """
    from vault.config import Role
    from vault.treasury.enrol import WantedAttester, append
    from vault.treasury.enrol import enrol as work

    if roles and attester is None:
        raise click.UsageError("--role needs --attester")
    wanted = tuple(_wanted(text, script, account) for text in wallets)
    given: tuple[Role, ...] = tuple(role for role in get_args(Role) if not roles or role in roles)
    person = WantedAttester(attester, given) if attester else None
    treasury = call.treasury()
    try:
        found = work(treasury, name, path, kind, wallets=wanted, attester=person, on_prompt=call.on_prompt)
    except DeviceError as error:
        _hint_at_kind(error, kind)
        raise
    if write:
        append(treasury, found)
    return Answer(_document(found, treasury, write), lambda page: _render(page, found, treasury, write))


def _hint_at_kind(error: DeviceError, kind: str) -> None:
    """Nothing of this device is in treasury.toml yet: what can be corrected is the option."""
    if error.code == "device.wrong_make":
        other = "onekey" if kind == "trezor" else "trezor"
        error.hint = f"Give --kind {other}, or the --path of another device."


def _wanted(text: str, script: str, account: int) -> WantedWallet:
    from vault.treasury.enrol import WantedWallet

    name, _, rest = text.partition("=")
    role, _, own = rest.partition(":")
    chosen = own or script
    if not name or role not in WALLET_ROLES or chosen not in SCRIPTS:
        raise click.BadParameter(
            f"expected NAME=cold or NAME=staging, with :p2wpkh or :p2tr behind it if need be, found {text!r}",
            param_hint="--wallet",
        )
    return WantedWallet(
        name, "cold" if role == "cold" else "staging", "p2tr" if chosen == "p2tr" else "p2wpkh", account
    )


def _document(found: Enrolment, treasury: Treasury, written: bool) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "device": found.name,
        "root_fingerprint": found.root_fingerprint,
        "info": encode(found.info),
        "wallets": encode(found.wallets),
        "attester": found.attester or None,
        "public_key": found.public_key or None,
        "toml": found.text,
        "written": written,
        "path": str(treasury.path),
    }


def _render(page: Page, found: Enrolment, treasury: Treasury, written: bool) -> None:
    page.lines(_about(found.info, found.root_fingerprint), "# ")
    page.lines((f"first address of {w.name}: {w.first_address}" for w in found.wallets), "# ")
    page.line(f"# {'appended to' if written else 'for'} {treasury.path}:")
    page.line()
    page.lines(found.text.rstrip("\n").split("\n"))


def _about(info: DeviceInfo, fingerprint: str) -> list[str]:
    label = f" {info.label!r}" if info.label else ""
    return [
        f"{info.model}{label}, firmware {info.firmware_version}{', emulated' if info.emulated else ''}",
        f"wallet {fingerprint}, safety checks {info.safety_checks}",
    ]


@command("info")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--path", help="A device that is not configured yet.")
@click.option("--kind", type=click.Choice(KINDS), default="trezor", show_default=True, help="With --path.")
def info(call: Call, name: str | None, path: str | None, kind: Literal["trezor", "onekey"]) -> Answer:
    """Connect to a device and print what it says about itself, and which wallet it holds.

    A configured device must hold the configured wallet (41 when it does not).
    """
    from vault.codec import encode
    from vault.device.session import open_device

    if (name is None) == (path is None):
        raise click.UsageError("expected either NAME or --path")
    expected = None
    if name is not None:
        settings = call.treasury().device(name)
        path, kind, expected = settings.path, settings.kind, settings.root_fingerprint
    try:
        with open_device(
            str(path), kind=kind, expected_fingerprint=expected, timeout_s=30.0, on_prompt=call.on_prompt
        ) as session:
            found, fingerprint = session.features, session.fingerprint
    except DeviceError as error:
        if name is None:
            _hint_at_kind(error, kind)
        raise
    return Answer(
        {"device": name, "path": path, "root_fingerprint": fingerprint, "info": encode(found)},
        lambda page: page.lines(_about(found, fingerprint)),
    )


device.add_command(enrol)
device.add_command(info)
