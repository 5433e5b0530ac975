"""Looks at everything a treasury rests on, one finding each: fine, odd or failed (with a hint), or not asked.

Changes nothing. One part that fails does not hide the others; what cannot be asked because of it is
skipped with the reason.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vault.errors import ConfigError, GuardError, VaultError
from vault.money import BTC
from vault.treasury.findings import Finding
from vault.treasury.findings import ask as _ask

if TYPE_CHECKING:
    from vault.config import DeviceSettings, Treasury, WalletSettings
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import OnPrompt
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk

# What this version was tested with, to the digit; pyproject.toml says the same.
PINNED: Final = (
    ("trezor", "0.20.2"),
    ("bitcoinlib", "0.7.10"),
    ("bdkpython", "3.1.1"),
    ("py-bitcoinkernel", "0.1.0a5"),
    ("web3", "8.0.0"),
    ("ccxt", "4.5.90"),
)
PYTHON: Final = ((3, 11), (3, 14))  # from the first, below the second
# There, and nothing known to be wrong with it: a person must unlock it first.
_NOBODY_TO_ASK: Final = frozenset({"device.locked", "device.passphrase_needed"})
_REINSTALL: Final = "Install from requirements.lock (`make demo` makes such an environment)."


def environment() -> Iterator[Finding]:
    """Python, the pinned packages and the keyring: what needs no treasury."""
    found = sys.version_info[:2]
    text = ".".join(str(part) for part in sys.version_info[:3])
    if PYTHON[0] <= found < PYTHON[1]:
        yield Finding("python", "OK", text)
    else:
        yield Finding("python", "FAIL", f"expected 3.11 to 3.13, found {text}", "doctor.python", _REINSTALL)
    for name, version in PINNED:
        yield _package(name, version)
    yield _ask("keyring", _keyring)


def _package(name: str, version: str) -> Finding:
    from importlib import metadata

    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = "none"
    if found == version:
        return Finding(f"package {name}", "OK", found)
    return Finding(
        f"package {name}", "FAIL", f"expected {version}, found {found}", "doctor.package", _REINSTALL
    )


def _keyring() -> str:
    from vault.secrets import backend_name

    return backend_name()


def treasury_findings(
    treasury: Treasury, progress: Callable[[str], None], on_prompt: OnPrompt, keyboard: Keyboard
) -> Iterator[Finding]:
    """Descriptors and names, then store, journal, signatures, nodes, devices and venues of a treasury."""
    from vault.treasury.desk import Desk

    for wallet in treasury.config.wallet:
        yield _ask(f"wallet {wallet.name}", functools.partial(_descriptor, treasury, wallet))
    yield _ask("names in the policy", functools.partial(_names, treasury))
    try:
        desk = Desk(treasury, progress=progress, on_prompt=on_prompt, keyboard=keyboard)
    except VaultError as error:
        guarded = isinstance(error, GuardError)
        what = "permitted world" if guarded else "store"
        yield Finding(what, "FAIL", error.message, error.code, error.hint)
        why = f"not asked: {error.code}"
        parts = [*(["store"] if guarded else []), "journal", "policy", "address book", "bitcoin backend"]
        parts += [_group(wallet) for wallet in treasury.config.wallet if wallet.group]
        if treasury.config.chain:
            from vault.treasury.ethereum.examine import parts as of_ethereum

            parts += of_ethereum(treasury)
        parts += [f"device {device.name}" for device in treasury.config.device]
        parts += [f"venue {venue.name}" for venue in treasury.config.venue]
        for what in parts:
            yield Finding(what, "SKIP", why)
        return
    with desk:
        yield Finding("store", "OK", "opens; schema and treasury are the expected ones")
        yield _ask("journal", lambda: _journal(desk))
        yield _ask("policy", lambda: _policy(desk))
        yield _ask("address book", lambda: _book(desk))
        for wallet in treasury.config.wallet:
            if wallet.group:
                yield _ask(_group(wallet), functools.partial(_shown, desk, wallet))
        progress("asking the bitcoin backend")
        yield _ask("bitcoin backend", lambda: _backend(desk))
        if treasury.config.chain:
            from vault.treasury.ethereum.examine import ethereum_findings

            yield from ethereum_findings(desk)
        yield from _devices(desk)
        yield from _venues(desk)


def _descriptor(treasury: Treasury, wallet: WalletSettings) -> str:
    """The descriptor parses, its checksum holds, and it is of this network."""
    from vault.address import network_of
    from vault.bitcoin.descriptor import Descriptor

    parsed = Descriptor.parse(wallet.descriptor, network_of(treasury.config.bitcoin.network))
    return f"{wallet.role}, {parsed.kind}, first address {parsed.address(False, 0)}"


def _group(wallet: WalletSettings) -> str:
    return f"group of wallet {wallet.name}"


def _shown(desk: Desk, wallet: WalletSettings) -> str:
    """Every device of the group has shown its first address."""
    from vault.treasury.shown import require_shown

    require_shown(desk, wallet.name)
    return f"first address shown by {', '.join(wallet.signers)}"


def _names(treasury: Treasury) -> str:
    """Every name the policy uses is configured, or stands in the address book, in the part it plays."""
    from vault.treasury import authority

    policy, _ = authority.read_policy(treasury)
    entries = authority.read_book(treasury).entries if treasury.book_path.exists() else ()
    venues = {f"[[venue]] {each.name}" for each in treasury.config.venue}
    wallets = {f"{each.role} [[wallet]] {each.name}" for each in treasury.config.wallet}
    accounts = {f"{each.role} [[account]] {each.name}" for each in treasury.config.account}
    chains = {f"[[chain]] of id {each.id}" for each in treasury.config.chain}
    known = venues | wallets | accounts | chains
    for entry in entries:
        deposit = f" of {entry.venue}" if entry.venue is not None else ""
        if entry.retired_at is None:
            known.add(f"{entry.purpose} entry {entry.id}{deposit} in the address book")
    missing = [f"{who} needs {what}" for who, what in _needs(policy) if what not in known]
    if missing:
        raise ConfigError(
            "unknown_name",
            "missing: " + "; ".join(missing),
            hint="Add what is missing (docs/cli.md, `A treasury from nothing`), or take its name out of "
            f"{treasury.policy_path.name} and sign it with a higher version.",
        )
    return f"all are known to {treasury.path.name} and the address book"


def _needs(policy: Policy) -> Iterator[tuple[str, str]]:
    for band in policy.band:
        if band.account != "*":
            yield band.name, f"[[venue]] {band.account}"
        yield band.name, f"cold entry {band.cold} in the address book"
        if band.top_up_from is not None:
            yield band.name, f"cold {_table(band.asset)} {band.top_up_from}"
            yield (
                band.name,
                f"venue_deposit entry {band.top_up_to} of {band.account} in the address book",
            )
    for evacuation in policy.evacuation:
        yield evacuation.name, f"staging {_table(evacuation.asset)} {evacuation.wallet}"
        yield evacuation.name, f"cold entry {evacuation.to} in the address book"
    for gas in policy.gas:
        yield gas.name, f"[[chain]] of id {gas.chain}"


def _table(asset: str) -> str:
    """In which table of treasury.toml a place for an asset stands."""
    return "[[wallet]]" if asset == BTC.symbol else "[[account]]"


def _journal(desk: Desk) -> str:
    head = desk.store.verify()
    return f"{head.seq} row{'s' if head.seq != 1 else ''}, head {head.hash}"


def _policy(desk: Desk) -> str:
    signed = desk.policy()
    return f"{signed.policy.policy_id} version {signed.policy.version}, signed by {signed.attester}"


def _book(desk: Desk) -> str:
    signed = desk.book()
    count = len(signed.book.entries)
    entries = f"{count} {'entry' if count == 1 else 'entries'}"
    return f"version {signed.book.version}, {entries}, signed by {signed.attester}"


def _backend(desk: Desk) -> str:
    backend = desk.backend()
    return f"{backend.describe()}, height {backend.tip().height}"


def _devices(desk: Desk) -> Iterator[Finding]:
    if not desk.treasury.config.device:
        yield Finding("devices", "SKIP", "none is configured")
    for settings in desk.treasury.config.device:
        desk.progress(f"asking device {settings.name}")
        found = _ask(f"device {settings.name}", functools.partial(_device, desk, settings))
        yield replace(found, verdict="SKIP") if found.code in _NOBODY_TO_ASK else found


def _device(desk: Desk, settings: DeviceSettings) -> str:
    from vault.device.connection.features import require_strict

    with desk.device(settings.name) as session:
        info = session.features
        require_strict(info)
        return f"{info.model}, firmware {info.firmware_version}, wallet {session.fingerprint}"


def _venues(desk: Desk) -> Iterator[Finding]:
    """What `vault venue test` looks at, and what `vault venue keys` compares."""
    from vault.treasury.venue_probe import book_to_compare, examine_addresses, probe

    if not desk.treasury.config.venue:
        yield Finding("venues", "SKIP", "none is configured")
    book, _ = book_to_compare(desk)  # that it is not in force is a finding of its own
    for settings in desk.treasury.config.venue:
        desk.progress(f"asking venue {settings.name}")
        reachable = True
        for finding in probe(desk.venues, settings, desk.clock.now(), book):
            reachable = reachable and not (finding.what == "clock" and finding.verdict == "FAIL")
            yield _of(settings.name, finding)
        if reachable:
            _, findings = examine_addresses(desk, settings, ())
            yield from (_of(settings.name, finding) for finding in findings)


def _of(venue: str, finding: Finding) -> Finding:
    return replace(finding, what=f"venue {venue} {finding.what}")
