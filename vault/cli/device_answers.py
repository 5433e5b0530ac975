"""What `vault device` answers: the JSON document of each command, and how a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault.cli.command import Answer

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury
    from vault.device.connection.features import DeviceInfo
    from vault.device.discover import Discovery, FoundDevice
    from vault.treasury.add_device import AddedDevice
    from vault.treasury.devices import CheckedDevice, KeyList, ShownAddress


def about(info: DeviceInfo, fingerprint: str) -> list[str]:
    """Make, version and wallet of a device that was opened."""
    return [_make(info), f"wallet {fingerprint}, safety checks {info.safety_checks}"]


def _make(info: DeviceInfo) -> str:
    label = f" {info.label!r}" if info.label else ""
    version = info.firmware_version or "not told"
    return f"{info.model}{label}, firmware {version}{', emulated' if info.emulated else ''}"


# -- list --------------------------------------------------------------------------------------------


def found_document(found: Discovery, treasury: Treasury | None) -> dict[str, Any]:
    from vault.codec import encode
    from vault.treasury.devices import names_of

    document: dict[str, Any] = encode(found)
    for device, row in zip(found.devices, document["devices"], strict=True):
        row["names"] = list(names_of(treasury, device.root_fingerprint))
    document["missing"] = _missing(found, treasury)
    return document


def _missing(found: Discovery, treasury: Treasury | None) -> list[str]:
    seen = {device.root_fingerprint for device in found.devices}
    devices = treasury.config.device if treasury else ()
    return [device.name for device in devices if device.root_fingerprint not in seen]


def render_found(page: Page, found: Discovery, treasury: Treasury | None) -> None:
    for device in found.devices:
        page.line(device.path)
        page.lines(_state(device, treasury), "    ")
    if not found.devices:
        page.line("no device found")
    for report in found.transports:
        if report.trouble is not None:
            page.line(f"{report.name}: not looked at: {report.trouble.code}: {report.trouble.message}")
            page.line(f"    {report.trouble.hint}")
    for name in _missing(found, treasury):
        page.line(f"{name}: its wallet was not seen")


def _state(device: FoundDevice, treasury: Treasury | None) -> list[str]:
    from vault.treasury.devices import names_of

    lines = [_make(device.info)] if device.info else []
    if device.root_fingerprint:
        names = ", ".join(names_of(treasury, device.root_fingerprint))
        lines.append(f"wallet {device.root_fingerprint}" + (f": {names}" if names else ""))
    if device.trouble is not None:
        lines.append(f"{device.trouble.code}: {device.trouble.message}")
        lines += [device.trouble.hint] if device.trouble.hint else []
    return lines


# -- add ---------------------------------------------------------------------------------------------


def added_document(found: AddedDevice, treasury: Treasury, written: bool) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "device": found.name,
        "root_fingerprint": found.root_fingerprint,
        "info": encode(found.info),
        "wallets": encode(found.wallets),
        "attester": found.attester or None,
        "public_key": found.public_key or None,
        "compared": found.compared,
        "toml": found.text,
        "written": written,
        "path": str(treasury.path),
    }


def render_added(page: Page, found: AddedDevice, treasury: Treasury, written: bool) -> None:
    page.lines(about(found.info, found.root_fingerprint), "# ")
    page.lines((f"first address of {w.name}: {w.first_address}" for w in found.wallets), "# ")
    if found.compared:
        page.line("# another machine read the same public keys")
    else:
        page.line("# not compared with another machine: run `vault device xpub --json` there, --compare here")
    page.line(f"# {'appended to' if written else 'for'} {treasury.path}:")
    page.line()
    page.lines(found.text.rstrip("\n").split("\n"))


# -- one device --------------------------------------------------------------------------------------


def told(name: str | None, path: str, info: DeviceInfo, fingerprint: str) -> Answer:
    """`info`."""
    from vault.codec import encode

    document = {"device": name, "path": path, "root_fingerprint": fingerprint, "info": encode(info)}
    return Answer(document, lambda page: page.lines(about(info, fingerprint)))


def checked(name: str | None, path: str, found: CheckedDevice, failed_status: int) -> Answer:
    """`check`."""
    from vault.codec import encode

    failed = [finding for finding in found.findings if finding.verdict == "FAIL"]

    def render(page: Page) -> None:
        page.lines(about(found.info, found.root_fingerprint))
        for finding in found.findings:
            page.line(f"{finding.verdict:<4}  {finding.what}: {finding.detail}")
            if finding.hint:
                page.line(f"      {finding.hint}")
        page.line()
        page.line(f"{len(failed)} of {len(found.findings)} failed" if failed else "nothing failed")

    document = {"device": name, "path": path, "ok": not failed, **encode(found)}
    return Answer(document, render, failed_status if failed else 0)


def render_keys(page: Page, found: KeyList) -> None:
    """`xpub`: each key whole, on a line of its own."""
    page.line(f"wallet {found.root_fingerprint}")
    for key in found.keys:
        page.line(f"{key.path}  {key.script_type}, {key.use}")
        page.line(f"    {key.key}")


def shown(found: ShownAddress) -> Answer:
    """`show-address`."""
    from vault.codec import encode

    return Answer(
        encode(found),
        lambda page: page.lines([f"{found.wallet} {found.path}, shown on the device:", found.address]),
    )
