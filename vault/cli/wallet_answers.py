"""What `vault wallet` answers: the JSON document of each command, and how a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.cli.command import Answer

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury
    from vault.treasury.add_wallet import NewWallet
    from vault.treasury.shown import WalletDescription


def added(found: NewWallet, treasury: Treasury, written: bool) -> Answer:
    """`add`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        page.line(f"# first address of {found.name}: {found.first_address}")
        page.lines((f"{name} showed it" for name in found.shown), "# ")
        page.lines(
            (
                f"{name} has not shown it: vault wallet confirm {found.name} --device {name}"
                for name in found.waiting
            ),
            "# ",
        )
        not_compared = [name for name in (*found.shown, *found.waiting) if name not in found.compared]
        page.lines((f"another machine read the same key of {name}" for name in found.compared), "# ")
        page.lines((f"not compared with another machine: the key of {name}" for name in not_compared), "# ")
        page.lines((f"outside: {each}, who signs through files" for each in found.outside), "# ")
        page.line(f"# {'appended to' if written else 'for'} {treasury.path}:")
        page.line()
        page.lines(found.text.rstrip("\n").split("\n"))

    document = encode(found)
    document["toml"] = document.pop("text")
    return Answer({**document, "written": written, "path": str(treasury.path)}, render)


def confirmed(name: str, index: int, address: str, waiting: tuple[str, ...]) -> Answer:
    """`confirm`."""

    def render(page: Page) -> None:
        page.line(f"{name}, receive address {index}, shown on the device:")
        page.line(address)
        page.line(f"not yet shown by {', '.join(waiting)}" if waiting else "every device of it has shown it")

    document = {"wallet": name, "index": index, "address": address, "waiting": list(waiting)}
    return Answer(document, render)


def listed(wallets: tuple[WalletDescription, ...]) -> Answer:
    """`list`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        if not wallets:
            page.line("no wallet is configured")
            return
        rows = [
            (
                each.name,
                each.role,
                each.kind,
                f"{each.threshold} of {len(each.cosigners)}",
                _signers(each),
                _state(each),
            )
            for each in wallets
        ]
        page.table(("wallet", "role", "script", "signatures", "devices", "state"), rows)

    return Answer({"wallets": [encode(each) for each in wallets]}, render)


def described(found: WalletDescription) -> Answer:
    """`show`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        page.title(f"Wallet {found.name}: {_state(found)}")
        page.facts(
            [
                ("role", found.role),
                ("script", found.kind),
                ("signatures", f"{found.threshold} of {len(found.cosigners)}"),
            ]
        )
        for each in found.cosigners:
            page.line(f"cosigner {each.fingerprint} {each.path}: {each.device or 'outside'}")
            page.line(f"  {each.key}")
        page.line("first address")
        page.line(f"  {found.first_address}")
        page.line("descriptor")
        page.line(f"  {found.descriptor}")

    return Answer(encode(found), render)


def _signers(found: WalletDescription) -> str:
    outside = sum(not each.device for each in found.cosigners)
    names = list(dict.fromkeys(each.device for each in found.cosigners if each.device))
    return ", ".join([*names, *([f"{outside} outside"] if outside else [])])


def _state(found: WalletDescription) -> str:
    return f"not yet shown by {', '.join(found.waiting)}" if found.waiting else "ready"
