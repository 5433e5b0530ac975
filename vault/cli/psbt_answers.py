"""What `vault psbt` answers: a report in words or JSON, or a PSBT as binary or base64."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vault.cli.command import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.bitcoin.psbt.document import Psbt
    from vault.bitcoin.psbt_remarks import Remark
    from vault.bitcoin.psbt_report import InputLine, OutputLine, PsbtReport
    from vault.bitcoin.spend import VerifiedSpend
    from vault.bitcoin.transaction import Transaction
    from vault.cli.page import Page
    from vault.store.records import IntentRow
    from vault.treasury.cosign import Cosigning

_OUTPUTS = {
    "payment": "pays",
    "change": "returns as change",
    "ours": "pays to our own receive address",
    "data": "carries data",
    "script": "pays to a script without address",
}


@dataclass(frozen=True, slots=True)
class ToWrite:
    """Where a result goes, `-` being standard output; `binary` None is the usual form there."""

    output: str
    binary: bool | None
    as_json: bool

    @property
    def raw(self) -> bool:
        return self.output != "-" if self.binary is None else self.binary


def written(found: Psbt, to: ToWrite) -> Answer:
    """A PSBT as the answer."""
    from vault.bitcoin.psbt.text import to_base64

    text = to_base64(found)
    facts = {"psbt": text, "version": found.version, "txid": found.unsigned.txid}
    return _given(found.serialise(), text, facts, to)


def extracted(found: Transaction, to: ToWrite) -> Answer:
    """A network transaction as the answer."""
    raw = found.serialise()
    return _given(raw, raw.hex(), {"raw": raw.hex(), "txid": found.txid}, to)


def _given(raw: bytes, text: str, facts: dict[str, Any], to: ToWrite) -> Answer:
    from vault.cli.edge import say
    from vault.files import write_document

    data = raw if to.raw else f"{text}\n".encode()
    if to.output == "-":
        if not to.as_json:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        return Answer({**facts, "path": None}, lambda _page: None, printed=not to.as_json)
    path = Path(to.output)
    require_writable(path)
    write_document(path, data)
    if not to.as_json:
        say(f"written: {path}")
    return Answer({**facts, "path": str(path)}, lambda _page: None)


def require_writable(path: Path) -> None:
    from vault.errors import ConfigError

    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError("not_writable", f"expected a file in a folder that is there, found {path}")
    if path.exists() or path.is_symlink():
        raise ConfigError("exists", f"{path} is already there", hint="Give another name.")


def inspected(found: PsbtReport, note: str, faults: Sequence[Remark], network: str) -> Answer:
    """`inspect` and `verify`: exit status 0 when there are no faults."""
    from vault.codec import encode
    from vault.errors import PsbtError

    document = {
        "valid": not faults,
        "network": network,
        **encode(found),
        "names": note or "address book",
    }
    document["faults"] = [encode(each) for each in faults]
    status = PsbtError.exit_status if faults else 0
    return Answer(document, lambda page: _render(page, found, note, faults, network), status)


def _render(page: Page, found: PsbtReport, note: str, faults: Sequence[Remark], network: str) -> None:
    page.title(f"PSBT version {found.version}: {'NOT VALID' if faults else 'valid'}")
    page.line(f"unsigned transaction {found.txid}, network {network}")
    for line in found.inputs:
        _input(page, line)
    for each in found.outputs:
        _output(page, each)
    page.line(_fee(found))
    page.line(
        f"lock time {found.locktime}, {'replaceable' if found.replaceable else 'not replaceable'} (BIP125)"
    )
    page.line("every input is final" if found.complete else "not final")
    if note:
        page.line(f"names of the address book are not used: {note}")
    for each_fault in faults:
        page.line(f"FAULT {each_fault.code}: {each_fault.where}: {each_fault.message}")
    for warning in found.warnings:
        if warning not in faults:
            page.line(f"look at {warning.code}: {warning.where}: {warning.message}")


def _fee(found: PsbtReport) -> str:
    if found.fee is None:
        return "fee not known: an amount is missing"
    rate = f", {found.fee_rate} sat/vB at {found.vsize} vB" if found.fee_rate is not None else ""
    return f"fee {found.fee}{rate}, " + ("proven" if found.fee_proven else "only claimed")


def _input(page: Page, line: InputLine) -> None:
    amount = "an unknown amount" if line.amount is None else str(line.amount)
    how = "proven by its previous transaction" if line.proven else "claimed"
    page.line(f"input {line.number} spends {amount}, {how}")
    page.line(f"  coin {line.coin}")
    if line.address:
        page.line(f"  of {line.address}")
    page.line(f"  ours: {line.wallet}, at {line.place}" if line.wallet else "  of no wallet known here")
    valid = sum(each.state == "valid" for each in line.signatures)
    needed = f" of {line.needed}" if line.needed else ""
    page.line(f"  sighash {_sighash(line)}")
    page.line("  final" if line.final else f"  {valid}{needed} valid signatures")
    for each in line.signatures:
        who = f" ({each.fingerprint})" if each.fingerprint else ""
        page.line(f"    {each.key}{who}: {each.state}")


def _sighash(line: InputLine) -> str:
    if line.sighash is None:
        return "not named: the whole transaction is signed"
    return f"{line.sighash:#04x}: " + ("the whole transaction" if line.sighash in {0, 1} else "NOT all of it")


def _output(page: Page, line: OutputLine) -> None:
    name = f" ({line.name})" if line.name else ""
    page.line(f"output {line.number} {_OUTPUTS[line.what]} {line.amount}{name}")
    page.line(f"  {line.address}")
    if line.place:
        page.line(f"  derived again from our descriptor at {line.place}")


def proven(plan_id: str, verified: VerifiedSpend, complete: bool) -> Answer:
    """`verify --plan`."""
    from vault.bitcoin.spend import describe
    from vault.codec import encode

    found = describe(verified)

    def render(page: Page) -> None:
        from vault.cli.show import render_spend

        page.line(f"This is the transaction of plan {plan_id}, and nothing else.")
        render_spend(page, found)
        page.line("Its signatures hold, and are enough." if complete else "Signatures are still missing.")

    document = {"valid": True, "plan_id": plan_id, "complete": complete, "spend": encode(found)}
    return Answer(document, render)


def imported(plan_id: str, step: IntentRow, groups: Sequence[Cosigning]) -> Answer:
    """`import`."""
    from vault.cli.cosigners import cosigning_json, next_steps, show_cosigning
    from vault.cli.wording import show_steps, step_json

    def render(page: Page) -> None:
        page.line(f"Plan {plan_id}: the signatures hold and are kept")
        for each in groups:
            show_cosigning(page, each)
        show_steps(page, (step,))
        following = [line for each in groups for line in next_steps(each, plan_id)]
        page.lines(following or [f"vault send {plan_id}"], "Next: ")

    document = {
        "plan_id": plan_id,
        "complete": step.state == "signed",
        "cosigning": [cosigning_json(each) for each in groups],
        "step": step_json(step),
    }
    return Answer(document, render)
