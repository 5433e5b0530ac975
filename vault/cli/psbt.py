"""`vault psbt`: explain, verify, combine, finalise, extract, convert; exchange a plan's with other signers.

A PSBT is a file, `-` (standard input) or base64 itself; binary and base64 are told apart by their beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command
from vault.cli.psbt_answers import ToWrite, inspected, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vault.bitcoin.psbt.document import Psbt
    from vault.bitcoin.psbt_report import PsbtReport

NETWORKS = ("mainnet", "testnet4", "signet", "regtest")
# The second step of a test network's key paths (SLIP 44), hardened.
TEST_COIN = 0x80000001
_source = click.argument("source", metavar="PSBT")
_transfer = click.option(
    "--transfer", type=click.IntRange(1), metavar="NUMBER", help="Of several transactions."
)


def _out(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where a result goes: a file (binary) or standard output (base64), or the other form."""
    for option in (
        click.option("--binary/--base64", "binary", default=None, help="Default: binary for a FILE."),
        click.option("-o", "--output", default="-", metavar="FILE", help="Default: - (standard output)."),
    ):
        command = option(command)
    return command


def _known(command: Callable[..., Any]) -> Callable[..., Any]:
    """What there is to recognise, beside the treasury's own."""
    for option in (
        click.option(
            "--network",
            type=click.Choice(NETWORKS),
            help="Default: the treasury's, else mainnet, unless its keys say otherwise.",
        ),
        click.option(
            "--descriptor",
            "descriptors",
            multiple=True,
            metavar="TEXT",
            help="A wallet to recognise; repeatable.",
        ),
    ):
        command = option(command)
    return command


@click.group("psbt")
def psbt() -> None:
    """Explain, verify and convert PSBTs, and exchange a plan's with other signers."""


def _read(source: str) -> Psbt:
    import sys

    from vault.bitcoin.psbt.text import read_psbt

    return read_psbt(source, sys.stdin.buffer)


@command("inspect")
@_source
@_known
def inspect(call: Call, source: str, *, descriptors: tuple[str, ...], network: str | None) -> Answer:
    """Explain a PSBT in words: coins, what is ours, outputs by name, change, fee, signatures, warnings.

    Exit status 0 if and only if it is valid: well-formed, and nothing in it contradicts itself. Warnings do
    not change the status.
    """
    found, note, name = _report(call, source, descriptors, network)
    return inspected(found, note, found.faults, name)


@command("verify")
@_source
@click.option("--plan", "ident", metavar="PLAN", help="It must be this plan's transaction, and nothing else.")
@_transfer
@_known
def verify(
    call: Call,
    source: str,
    *,
    ident: str | None,
    transfer: int | None,
    descriptors: tuple[str, ...],
    network: str | None,
) -> Answer:
    """Like inspect, but strict; with --plan the PSBT is proven against a plan of this treasury.

    Exit status 0 if and only if it is valid, every amount is proven, nothing in it is unknown and all of it
    is to be signed; with --plan, if and only if it does exactly what the plan says.
    """
    from vault.cli.psbt_answers import proven
    from vault.treasury.inspection import find_plan
    from vault.treasury.psbt_exchange import judge

    if ident is None:
        if transfer is not None:
            raise click.UsageError("--transfer needs --plan")
        found, note, name = _report(call, source, descriptors, network)
        return inspected(found, note, found.doubts, name)
    given = _read(source)
    with call.desk() as desk:
        plan = find_plan(desk, ident)
        return proven(plan.plan_id, *judge(desk, plan, transfer, given))


def _report(
    call: Call, source: str, descriptors: tuple[str, ...], network: str | None
) -> tuple[PsbtReport, str, str]:
    from vault.address import network_of
    from vault.bitcoin.descriptor import Descriptor
    from vault.bitcoin.psbt_report import Surroundings, report
    from vault.cli.device import treasury_if_any
    from vault.treasury.psbt_exchange import surroundings

    given = _read(source)
    treasury = treasury_if_any(call)
    if treasury is not None and network in {None, treasury.config.bitcoin.network}:
        around, note = surroundings(treasury)
    else:
        if network is None:
            _require_mainnet(given)
        around = Surroundings(network_of(network or "mainnet"), {}, {})
        note = "no treasury" if network else "no treasury; its network is assumed to be mainnet: --network"
    more = {
        f"descriptor {number}": Descriptor.parse(text, around.network)
        for number, text in enumerate(descriptors, start=1)
    }
    return (
        report(given, Surroundings(around.network, {**around.wallets, **more}, around.names)),
        note,
        around.network.name,
    )


def _require_mainnet(given: Psbt) -> None:
    """Its keys are not those of a test network: addresses of another network exist on no screen."""
    from vault.errors import ConfigError, PsbtError

    try:
        kinds = [each.origins(taproot=taproot) for each in given.inputs for taproot in (False, True)]
    except PsbtError:
        return  # a report of it says what is wrong
    if any(TEST_COIN in origin.path[:2] for origins in kinds for origin in origins):
        raise ConfigError(
            "no_network",
            "expected a PSBT of mainnet, since neither a treasury nor --network says another; found keys of "
            "a test network (coin type 1')",
            hint="Name it: --network testnet4, signet or regtest.",
        )


@command("combine")
@click.argument("sources", metavar="PSBT PSBT...", nargs=-1, required=True)
@_out
def combine(call: Call, sources: Sequence[str], *, output: str, binary: bool | None) -> Answer:
    """Put several copies of one PSBT together, as several signers returned them."""
    from vault.bitcoin.psbt.combine import combine as work

    if list(sources).count("-") > 1:
        raise click.UsageError("standard input (-) can be read once only")
    return written(work([_read(each) for each in sources]), ToWrite(output, binary, call.as_json))


@command("finalise")
@_source
@_out
def finalise(call: Call, source: str, *, output: str, binary: bool | None) -> Answer:
    """Make final what has signatures enough: each is checked, and libbitcoinkernel runs every script."""
    from vault.bitcoin.standard_inputs import finalise as work

    return written(work(_read(source)), ToWrite(output, binary, call.as_json))


@command("extract")
@_source
@_out
def extract(call: Call, source: str, *, output: str, binary: bool | None) -> Answer:
    """The network's transaction out of a final PSBT, in hex (a FILE: binary); its scripts are run first."""
    from vault.bitcoin.standard_inputs import checked_transaction
    from vault.cli.psbt_answers import extracted

    return extracted(checked_transaction(_read(source)), ToWrite(output, binary, call.as_json))


@command("convert")
@_source
@click.option("--to", "version", type=click.Choice(("0", "2")), required=True, help="The version it becomes.")
@click.option("--close", is_flag=True, help="Version 2: let nobody add inputs or outputs any more.")
@_out
def convert(
    call: Call, source: str, *, version: str, close: bool, output: str, binary: bool | None
) -> Answer:
    """The same transaction as a PSBT of version 0 or 2; every other field stays as it is."""
    from vault.bitcoin.psbt.convert import close as closed
    from vault.bitcoin.psbt.convert import convert as work

    given = _read(source)
    if close and given.version == 2:
        given = closed(given)
    return written(work(given, int(version)), ToWrite(output, binary, call.as_json))


@command("export")
@click.argument("ident", metavar="PLAN")
@_transfer
@click.option("--v2", is_flag=True, help="Version 2 (BIP370) instead of 0.")
@click.option("--xpubs", is_flag=True, help="With the extended keys of all cosigners, for signers that ask.")
@_out
def export(
    call: Call, ident: str, *, transfer: int | None, v2: bool, xpubs: bool, output: str, binary: bool | None
) -> Answer:
    """Write an approved plan's PSBT, proven, for a signer without a device here.

    It carries the signatures that are there already. `vault psbt import` takes what the signer returns.
    """
    from vault.treasury.inspection import find_plan
    from vault.treasury.psbt_exchange import export as work

    with call.desk() as desk:
        found = work(desk, find_plan(desk, ident), transfer, version=2 if v2 else 0, xpubs=xpubs)
    return written(found, ToWrite(output, binary, call.as_json))


@command("import", interrupted="Signatures are kept only if `vault show` says so; import again.")
@click.argument("ident", metavar="PLAN")
@_source
@_transfer
def import_(call: Call, ident: str, source: str, *, transfer: int | None) -> Answer:
    """Take the signatures out of a PSBT that a signer returned; each is proven, nothing else may differ.

    A signature that does not hold freezes the plan. A file that was altered or is another one is refused, and
    changes nothing.
    """
    from vault.cli.psbt_answers import imported
    from vault.treasury.inspection import find_plan, group_states
    from vault.treasury.psbt_exchange import take

    given = _read(source)
    with call.desk() as desk:
        plan = find_plan(desk, ident)
        step = take(desk, plan, transfer, given)
        groups = [each for each in group_states(desk, plan, (step,)) if each.transfer == step.transfer]
    return imported(plan.plan_id, step, groups)


for each in (inspect, verify, combine, finalise, extract, convert, export, import_):
    psbt.add_command(each)
