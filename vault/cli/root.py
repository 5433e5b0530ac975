"""The `vault` command: a table of names and one-line helps; a command's module is imported when it is run.

Refuses to import anything but click: `vault --help` must cost no more than its text.
"""

from __future__ import annotations

import importlib
from typing import Final

import click

VERSION: Final = "0.1.0"

# Name, where the command lives, what it is for; in the order of the pipeline.
COMMANDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("init", "vault.cli.init:init", "Make a new treasury in a folder."),
    ("doctor", "vault.cli.doctor:doctor", "Check packages, keyring, signatures, devices and connections."),
    ("device", "vault.cli.device:device", "Enrol a hardware wallet, or ask one what it is."),
    ("wallet", "vault.cli.wallet:wallet", "Add a wallet of one key or of cosigners, and look at it."),
    (
        "account",
        "vault.cli.account:account",
        "Add an account on Ethereum, of a device or a Safe; look at it.",
    ),
    ("psbt", "vault.cli.psbt:psbt", "PSBT files: explain, verify, convert, and exchange with other signers."),
    ("safe", "vault.cli.safe:safe", "Safes: look at one, and exchange a plan's with other owners."),
    ("venue", "vault.cli.venue:venue", "Add a trading account, test it, and see what its keys may do."),
    (
        "secret",
        "vault.cli.secret:secret",
        "See which secrets are in the keyring, or store a node's password.",
    ),
    ("policy", "vault.cli.policy:policy", "Show, test and sign the policy."),
    ("book", "vault.cli.book:book", "Show, extend and sign the address book."),
    ("status", "vault.cli.status:status", "What is known, from the store alone."),
    ("risk", "vault.cli.risk:risk", "Fragility and what it rests on; indicators explained; the record."),
    ("cascade", "vault.cli.cascade:cascade", "Forced selling beside depth, and the price path of a shock."),
    ("stress", "vault.cli.stress:stress", "What scenarios leave of each account, and what leaving costs."),
    ("check", "vault.cli.check:check", "Observe, assess and decide; a Nagios line and exit status."),
    ("history", "vault.cli.history:history", "Market history: import, fetch, show and export it."),
    ("fees", "vault.cli.fees:fees", "What transactions cost now, source by source."),
    ("plan", "vault.cli.plan:plan", "Make a plan of what the policy allows."),
    ("request", "vault.cli.request:request", "Ask for a payment, a consolidation, a bump or a cancellation."),
    ("show", "vault.cli.show:show", "Show a plan, its approvals and what its transactions really do."),
    ("verify", "vault.cli.verify:verify", "Judge a plan, a Safe transaction or a signed one; offline."),
    ("why", "vault.cli.why:why", "Explain a decision, rule by rule."),
    ("approve", "vault.cli.approve:approve", "Approve a plan on an approver's device."),
    ("sign", "vault.cli.sign:sign", "Sign an approved plan's transactions on the wallets' devices."),
    ("send", "vault.cli.send:send", "Send an approved and signed plan, each step at most once."),
    ("reconcile", "vault.cli.reconcile:reconcile", "Settle what was sent, and close the books."),
    ("cancel", "vault.cli.cancel:cancel", "Give up what a plan has not sent."),
    ("audit", "vault.cli.audit:audit", "Verify the journal, or read it."),
    (
        "attestation",
        "vault.cli.attestation:attestation",
        "Verify what a device signed, offline, or export an approval.",
    ),
    ("demo", "vault.cli.demo.command:demo", "Play a liquidation day against an emulated world."),
    ("completion", "vault.cli.completion:completion", "Print a shell's completion script."),
)


class LazyGroup(click.Group):
    """A group whose commands are imported only when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for name, place, _ in COMMANDS:
            if name == cmd_name:
                module, _, attribute = place.partition(":")
                found = getattr(importlib.import_module(module), attribute)
                if not isinstance(found, click.Command):
                    raise TypeError(f"{place} is no command")
                return found
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, _, text in COMMANDS])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command takes --json, and all but demo --config FILE. Exit statuses: docs/cli.md.",
)
@click.version_option(VERSION, prog_name="vault")
def cli() -> None:
    """Keep what a fall needs at the trading venue, everything else on hardware wallets.

    observe → assess → decide → plan → approve → sign → send → reconcile. Nothing moves that the signed policy
    does not allow, to an address that is not in the signed address book.
    """
