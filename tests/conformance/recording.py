"""Recordings: what a device answered to scenarios, one line of JSON per scenario.

Only what is compared is kept: outcome and messages of every step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call returned."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The device answered with a Failure."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class HostError:
    """The host library gave up by itself."""

    kind: str


Outcome = Accepted | Refused | HostError


@dataclass(frozen=True, slots=True)
class Played:
    """Outcome of a step and everything the device sent in it."""

    outcome: Outcome
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A scenario as a device played it; one with `not_compared` proves nothing."""

    id: str
    digest: str
    steps: tuple[Played, ...]
    not_compared: str = ""  # the reason: an artefact of that emulator, or not repeatable
    flow_varies: bool = False


def load(path: Path) -> dict[str, Record]:
    """Records by scenario id."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return {entry["id"]: _record(entry) for entry in raw["scenarios"]}


def save(path: Path, device: Mapping[str, Any], records: Iterable[Record]) -> None:
    """One scenario per line: small, and differences stay readable."""
    head = json.dumps({"format": FORMAT, "device": dict(device)})
    lines = [json.dumps(_entry(record), separators=(",", ":")) for record in records]
    path.write_text(head[:-1] + ', "scenarios": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def _record(entry: Mapping[str, Any]) -> Record:
    reason = "not repeatable" if entry.get("flaky") else str(entry.get("artefact") or "")
    return Record(
        id=entry["id"],
        digest=entry["sha256"],
        steps=tuple(Played(_outcome(step["outcome"]), tuple(step["messages"])) for step in entry["steps"]),
        not_compared=reason,
        flow_varies=bool(entry.get("flaky_flow")),
    )


def _outcome(raw: Mapping[str, Any]) -> Outcome:
    if "ok" in raw:
        return Accepted(raw["ok"])
    if "failure" in raw:
        return Refused(raw["failure"]["code"], raw["failure"]["message"])
    return HostError(raw["error"]["type"])


def _entry(record: Record) -> dict[str, Any]:
    steps = [
        {"outcome": _raw_outcome(step.outcome), "messages": list(step.messages)} for step in record.steps
    ]
    return {"id": record.id, "sha256": record.digest, "steps": steps}


def _raw_outcome(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Accepted(result):
            return {"ok": dict(result)}
        case Refused(code, message):
            return {"failure": {"code": code, "message": message}}
        case HostError(kind):
            return {"error": {"type": kind}}
