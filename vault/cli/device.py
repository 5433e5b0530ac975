"""`vault device`: find hardware wallets, add one to the treasury, and ask one about itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from vault.cli.command import Answer, Call, command
from vault.cli.device_answers import (
    added_document,
    checked,
    found_document,
    render_added,
    render_found,
    render_keys,
    shown,
    told,
)
from vault.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    from vault.config import PassphraseSource, Treasury
    from vault.treasury.add_device import WantedWallet
    from vault.treasury.devices import KeyList, Target

KINDS = ("trezor", "onekey")
SCRIPTS = ("p2wpkh", "p2tr")
WALLET_ROLES = ("cold", "staging")
ATTESTER_ROLES = ("policy", "address-book", "approve")
NETWORKS = ("mainnet", "testnet4", "signet", "regtest")
MAX_KEY_FILE = 100_000
FAILED_STATUS = 1

_PATH_HELP = "webusb:..., bridge:..., or udp:127.0.0.1:PORT (an emulator); see `vault device list`."
_path = click.option("--path", metavar="PATH", help="A device that is not configured: " + _PATH_HELP)
_passphrase = click.option(
    "--passphrase",
    type=click.Choice(("device", "host")),
    is_flag=False,
    flag_value="device",
    help="This wallet has a passphrase, typed on the device; `host`: at this computer, which then knows it.",
)


@click.group("device")
def device() -> None:
    """Find hardware wallets, add one to the treasury, ask one about itself."""


@command("list")
def list_(call: Call) -> Answer:
    """Find every connected device over USB and the bridge, and at the configured paths.

    Devices are told apart by the fingerprint of their wallet. Nothing is asked of a person. In a treasury
    that is marked emulated, emulators are looked for as well.
    """
    from vault.treasury.devices import list_devices

    treasury = treasury_if_any(call)
    found = list_devices(treasury)
    return Answer(found_document(found, treasury), lambda page: render_found(page, found, treasury))


@command(
    "add", interrupted="treasury.toml was written only if it has the new tables; a device keeps nothing."
)
@click.argument("name", metavar="NAME")
@click.option("--path", required=True, metavar="PATH", help=_PATH_HELP)
@click.option("--kind", type=click.Choice(KINDS), help="Refuse another make. Default: as it is recognised.")
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
@_passphrase
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Output of `vault device xpub --json` on another machine; must be the same keys.",
)
@click.option("--write", is_flag=True, help="Append the tables to treasury.toml.")
def add(
    call: Call,
    name: str,
    *,
    path: str,
    kind: Literal["trezor", "onekey"] | None,
    wallets: tuple[str, ...],
    script: str,
    account: int,
    attester: str | None,
    roles: tuple[str, ...],
    passphrase: PassphraseSource | None,
    compare: Path | None,
    write: bool,
) -> Answer:
    """Ask a device for its fingerprint, wallets and attestation key, and print its tables of treasury.toml.

    The first address of each wallet is shown on the device and must be the one derived here. Public keys are
    read twice, over two connections; with --compare they must be those that another machine read.
    """
    from vault.config import Role
    from vault.treasury.add_device import WantedAttester, add_device, append

    if roles and attester is None:
        raise click.UsageError("--role needs --attester")
    wanted = tuple(_wanted(text, script, account) for text in wallets)
    given: tuple[Role, ...] = tuple(role for role in get_args(Role) if not roles or role in roles)
    treasury = call.treasury()
    try:
        found = add_device(
            treasury,
            name,
            path,
            kind=kind,
            wallets=wanted,
            attester=WantedAttester(attester, given) if attester else None,
            passphrase=passphrase or "none",
            compare=read_key_file(compare) if compare else None,
            keyboard=call.keyboard(twice=True),
            on_prompt=call.on_prompt,
        )
    except DeviceError as error:
        _hint_at_kind(error, kind)
        raise
    if write:
        append(treasury, found)
    return Answer(
        added_document(found, treasury, write), lambda page: render_added(page, found, treasury, write)
    )


def _hint_at_kind(error: DeviceError, kind: str | None) -> None:
    """Nothing of this device is in treasury.toml yet: what can be corrected is the option."""
    if error.code == "device.wrong_make":
        other = "--kind onekey" if kind == "trezor" else "--kind trezor"
        error.hint = f"Give {other if kind else 'the --path of a Trezor or OneKey'}, or another --path."


def _wanted(text: str, script: str, account: int) -> WantedWallet:
    from vault.treasury.add_device import WantedWallet

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


def read_key_file(path: Path) -> KeyList:
    """Public keys as `vault device xpub --json` printed them on another machine. Raises `DocumentError`."""
    from vault.canonical import read_json
    from vault.codec import decode
    from vault.errors import DocumentError
    from vault.treasury.devices import KeyList

    with path.open("rb") as stream:
        data = stream.read(MAX_KEY_FILE + 1)
    if len(data) > MAX_KEY_FILE:
        raise DocumentError("too_long", f"{path}: expected at most {MAX_KEY_FILE} bytes")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise DocumentError("not_json", f"{path}: expected 7-bit text") from None
    return decode(read_json(text, what=str(path)), KeyList, what=str(path))


# -- one device --------------------------------------------------------------------------------------


def treasury_if_any(call: Call) -> Treasury | None:
    """The treasury, None where there is none and none was asked for: devices can be met without one."""
    try:
        return call.treasury()
    except ConfigError as error:
        if error.code != "config.missing" or call.config is not None:
            raise
        return None


def _target(
    call: Call, name: str | None, path: str | None, passphrase: PassphraseSource | None = None
) -> tuple[Treasury | None, Target]:
    """The device that is meant: by name as configured, or by path and as it is found."""
    from vault.treasury.devices import Target, configured

    if (name is None) == (path is None):
        raise click.UsageError("expected either NAME or --path")
    if name is not None:
        if passphrase is not None:
            raise click.UsageError("--passphrase goes with --path; a configured device has its own setting")
        treasury = call.treasury()
        return treasury, configured(treasury, name)
    return treasury_if_any(call), Target(str(path), None, None, passphrase or "none")


@command("info")
@click.argument("name", metavar="[NAME]", required=False)
@_path
@_passphrase
def info(call: Call, name: str | None, path: str | None, passphrase: PassphraseSource | None) -> Answer:
    """Connect to a device and print what it says about itself, and which wallet it holds.

    A configured device must hold the configured wallet (41 when it does not).
    """
    from vault.treasury.devices import open_target

    treasury, target = _target(call, name, path, passphrase)
    with open_target(treasury, target, call.keyboard(), call.on_prompt) as session:
        return told(name, target.path, session.features, session.fingerprint)


@command("check")
@click.argument("name", metavar="[NAME]", required=False)
@_path
@_passphrase
@click.option("--no-authenticity", is_flag=True, help="Do not ask the secure element (nor the person).")
def check(
    call: Call,
    name: str | None,
    *,
    path: str | None,
    passphrase: PassphraseSource | None,
    no_authenticity: bool,
) -> Answer:
    """Look at firmware, safety checks, PIN, passphrase, backup and authenticity. Changes nothing.

    Exit status 0 only when nothing FAILs, else 1. SKIP is what this program cannot know.
    """
    from vault.treasury.devices import check as work

    treasury, target = _target(call, name, path, passphrase)
    found = work(treasury, target, call.keyboard(), call.on_prompt, authenticity=not no_authenticity)
    return checked(name, target.path, found, FAILED_STATUS)


@command("show-address")
@click.argument("wallet", metavar="WALLET")
@click.argument("index", type=click.IntRange(0, 999_999))
@click.option("--change", is_flag=True, help="An address of the change branch.")
@click.option("--device", metavar="NAME", help="Of a group's devices only this one. Default: each in turn.")
def show_address(call: Call, wallet: str, index: int, *, change: bool, device: str | None) -> Answer:
    """Have the device of a wallet show one of its addresses, which must be the one derived here."""
    from vault.treasury.devices import show_address as work

    with call.desk() as desk:
        return shown(work(desk, wallet, index, change=change, device=device))


@command("xpub")
@click.argument("name", metavar="[NAME]", required=False)
@_path
@_passphrase
@click.option(
    "--key", "keys", multiple=True, metavar="KEYPATH", help="For example m/84h/0h/0h; may be repeated."
)
@click.option("--account", type=click.IntRange(0, 99), default=0, show_default=True, help="Without --key.")
@click.option("--network", type=click.Choice(NETWORKS), help="Default: the treasury's.")
def xpub(
    call: Call,
    name: str | None,
    *,
    path: str | None,
    passphrase: PassphraseSource | None,
    keys: tuple[str, ...],
    account: int,
    network: str | None,
) -> Answer:
    """Read public keys: those at --key, else the account's of each script type and the attestation key.

    An account has a key for each single-key script type (BIP44, 49, 84, 86) and one for each kind of group
    it may be a cosigner of (BIP48).

    With --json on a second machine this is the FILE of `vault device add --compare`.
    """
    from vault.address import network_of
    from vault.codec import encode
    from vault.treasury.devices import open_target, read_keys

    treasury, target = _target(call, name, path, passphrase)
    if network is None and treasury is None:
        raise click.UsageError("--network is needed where there is no treasury.toml")
    chosen = network_of(network or (treasury.config.bitcoin.network if treasury else ""))
    with open_target(treasury, target, call.keyboard(), call.on_prompt) as session:
        found = read_keys(session, chosen, keys, account)
    return Answer(encode(found), lambda page: render_keys(page, found))


@command("pair", interrupted="The device is paired only if this said so.")
@click.argument("name", metavar="[NAME]", required=False)
@_path
@click.option(
    "--method",
    type=click.Choice(("code", "qr")),
    default="code",
    show_default=True,
    help="What the device shows: six digits, or a QR code of 32 hex digits to be scanned and typed.",
)
def pair(call: Call, name: str | None, *, path: str | None, method: Literal["code", "qr"]) -> Answer:
    """Pair this computer with a device of Trezor's newer protocol (Safe 7); others need none.

    The pairing is kept in the keyring. The code is typed here, and not shown.
    """
    from vault.codec import encode
    from vault.treasury.devices import pair as work

    _, target = _target(call, name, path)
    done = work(call.treasury(), target, method, call.keyboard(), call.on_prompt)
    words = "needs no pairing" if not done.needed else "was paired already" if done.already else "is paired"
    return Answer(
        {"device": name, "path": target.path, **encode(done)},
        lambda page: page.line(f"{done.info.model} {words}."),
    )


for each in (list_, info, add, show_address, xpub, pair, check):
    device.add_command(each)
