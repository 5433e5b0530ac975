"""`vault safe`: a Safe as its chain has it, and a plan's Safe transaction exchanged with other owners."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.ethereum.safes import SafeReport

_transfer = click.option(
    "--transfer", type=click.IntRange(1), metavar="NUMBER", help="Of several transactions."
)


@click.group("safe")
def safe() -> None:
    """Look at a Safe, and exchange a plan's Safe transaction with owners who sign elsewhere."""


@command("show")
@click.argument("name", metavar="ACCOUNT")
def show(call: Call, name: str) -> Answer:
    """Read a Safe from its chain: version, owners, threshold, nonce, modules, guard, fallback handler.

    Exit status 0 if and only if it is as treasury.toml says, runs an implementation that Safe published, and
    nothing but its owners can move its funds (36).
    """
    from vault.codec import encode
    from vault.treasury.ethereum.safes import safe_report

    with call.desk() as desk:
        report = safe_report(desk, name)
    document = {
        "account": name,
        "as_configured": not report.differences,
        "state": encode(report.state),
        "differences": [each.as_json() for each in report.differences],
    }
    status = report.differences[0].exit_status if report.differences else 0
    return Answer(document, lambda page: _render_state(page, report), status)


def _render_state(page: Page, report: SafeReport) -> None:
    from vault.ethereum.safe.versions import known_name

    state = report.state
    page.title(f"Safe {report.account}: {'NOT AS CONFIGURED' if report.differences else 'as configured'}")
    page.facts(
        [
            ("address", state.address),
            ("chain", f"{state.chain_id}, at block {state.block} {state.block_hash}"),
            ("version", state.version),
            ("implementation", f"{state.implementation} ({known_name(state.implementation)})"),
            ("code hash", state.implementation_code_hash),
            ("nonce", str(state.nonce)),
            ("threshold", f"{state.threshold} of {len(state.owners)} owners"),
            *(("owner", each) for each in state.owners),
            *(("module", each) for each in state.modules),
            ("guard", _or_none(state.guard)),
            ("fallback handler", _or_none(state.fallback_handler)),
        ]
    )
    for each in report.differences:
        page.line(f"{each.code}: {each.message}")
        page.line(f"  {each.hint}")


def _or_none(address: str) -> str:
    from vault.ethereum.safe.versions import known_name
    from vault.evm.address import ZERO_ADDRESS

    if address == ZERO_ADDRESS:
        return "none"
    return f"{address} ({known_name(address) or 'unknown'})"


@command("hashes")
@click.argument("ident", metavar="PLAN")
@_transfer
def hashes(call: Call, ident: str, *, transfer: int | None) -> Answer:
    """The domain hash, message hash and safeTxHash of a plan's Safe transaction, to compare on screens.

    A Trezor One shows the first two, other wallets the third. Trezor Model T and Safe show no hash, and to,
    value, data and nonce only when you choose "Show full message"; OneKey shows values and hashes. `vault
    verify` makes the same on a second machine.
    """
    from vault.ethereum.safe.describe import describe
    from vault.treasury.ethereum.safe_exchange import hashes_of
    from vault.treasury.ethereum.safes import names_of, tx_of
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        found, three = hashes_of(plan, transfer)
        names = names_of(desk.treasury, found)
    lines = describe(tx_of(found), found.ethereum.safe, names=names, fours=True)
    document = {
        "plan_id": plan.plan_id,
        "transfer": found.number,
        "hashes": {name.replace(" ", "_"): text for name, text in three.texts},
        "lines": list(lines),
    }
    return Answer(document, lambda page: page.lines(lines))


@command("export")
@click.argument("ident", metavar="PLAN")
@_transfer
@click.option(
    "--format",
    "form",
    type=click.Choice(("vault", "service", "typed")),
    default="vault",
    help="Our own; Safe's transaction service's; typed data for eth_signTypedData_v4. Default: vault.",
)
@click.option("-o", "--output", default="-", metavar="FILE", help="Default: - (standard output).")
def export(call: Call, ident: str, *, transfer: int | None, form: Any, output: str) -> Answer:
    """Write an approved plan's Safe transaction, proven, for owners without a device here.

    It carries the signatures that are there already, but for typed data. `vault safe import` takes what an
    owner returns; `vault verify` judges the file on his machine.
    """
    from vault.cli.psbt_answers import require_writable
    from vault.files import write_document
    from vault.treasury.ethereum.safe_exchange import export as work
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        text = work(desk, find_plan(desk, ident), transfer, form)
    document = {"document": text, "path": None if output == "-" else output}
    if output != "-":
        require_writable(Path(output))
        write_document(Path(output), f"{text}\n".encode())
        return Answer(document, lambda page: page.line(f"written: {output}"))
    if not call.as_json:
        sys.stdout.write(f"{text}\n")
    return Answer(document, lambda _page: None, printed=not call.as_json)


@command("import", interrupted="Signatures are kept only if `vault show` says so; import again.")
@click.argument("ident", metavar="PLAN")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@_transfer
def import_(call: Call, ident: str, sources: tuple[str, ...], *, transfer: int | None) -> Answer:
    """Take owners' signatures out of files (- is standard input); each is recovered, all else must agree.

    A file of another transaction is refused (36), and nothing of all that were given is kept. What an owner
    elsewhere saw is not known: at least one owner has to sign here, on a device that shows the data.
    """
    from vault.cli.ethereum_calls import safe_json, show_safe, steps_of_safe
    from vault.cli.verify import read_source
    from vault.ethereum.safe.document import combine, read_document
    from vault.treasury.ethereum.safe_exchange import one_safe, take
    from vault.treasury.ethereum.safes import safe_progress
    from vault.treasury.inspection import find_plan

    document = combine([read_document(read_source(source), source) for source in sources])
    with call.desk() as desk:
        plan = find_plan(desk, ident)
        step = take(desk, plan, transfer, document)
        progress = safe_progress(desk, one_safe(plan, transfer), (step,))
    answer = {"plan_id": plan.plan_id, "safe": safe_json(progress)}

    def render(page: Page) -> None:
        page.line(f"Plan {plan.plan_id}: the signatures hold and are kept")
        show_safe(page, progress)
        following = [] if progress.missing else [f"vault sign {plan.plan_id}"]
        page.lines(steps_of_safe(progress, plan.plan_id) or following, "Next: ")

    return Answer(answer, render)


for each in (show, hashes, export, import_):
    safe.add_command(each)
