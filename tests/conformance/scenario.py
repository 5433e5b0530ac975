"""Scenarios: what a host and a person do to a device, step by step, as plain data from a JSON file.

A file holds {"scenarios": [...]}; each scenario has an id, a theme, the state the device starts in
and its steps. A scenario file is refused when it lacks a field or names an unknown one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Hook:
    """A host that misbehaves: alters, strips or replaces a message it is about to send."""

    on: str  # name of the message sent
    req: str | None = None  # key of the last TxRequest, a trailing "@" is any previous transaction
    nth: int = 1  # which match; 0: every one
    set: Mapping[str, Any] | None = None
    drop: tuple[str, ...] = ()
    replace: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """The device a scenario starts with; `mnemonic` None is a device without a seed."""

    mnemonic: str | None = None
    pin: str | None = None
    passphrase: bool = False
    safety: str | None = None
    label: str = "conform"  # part of the recorded Features


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the host library, and how the person answers in the meantime."""

    call: str
    params: Mapping[str, Any]
    session: str = ""  # a session opened earlier; "none" is the seedless one
    no_at: int | None = None  # press NO at that question, counted from 1
    pins: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps on one device, and a digest that ties recordings to this very text."""

    id: str
    theme: str
    setup: Setup
    steps: tuple[Step, ...]
    dirty: bool  # leaves the device in another state than it found it
    digest: str


def load(path: Path) -> list[Scenario]:
    """Every scenario of a file. ValueError names what is wrong with one."""
    return [_scenario(raw) for raw in json.loads(path.read_text(encoding="utf-8"))["scenarios"]]


def _known(cls: type, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    unknown = set(raw) - {field.name for field in fields(cls)}
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")
    return dict(raw)


def _scenario(raw: dict[str, Any]) -> Scenario:
    if missing := {"id", "theme", "setup", "steps"} - set(raw):
        raise ValueError(f"scenario {raw.get('id', '?')}: no {', '.join(sorted(missing))}")
    where = str(raw["id"])
    text = json.dumps(raw, sort_keys=True)
    return Scenario(
        id=where,
        theme=raw["theme"],
        setup=Setup(**_known(Setup, raw["setup"], where)),
        steps=tuple(_step(step, where) for step in raw["steps"]),
        dirty=bool(raw.get("dirty")),
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def _step(raw: dict[str, Any], where: str) -> Step:
    values = {"params": {}, **_known(Step, raw, where)}
    values["pins"] = tuple(values.get("pins", ()))
    values["hooks"] = tuple(_hook(hook, where) for hook in values.get("hooks", ()))
    return Step(**values)


def _hook(raw: dict[str, Any], where: str) -> Hook:
    values = _known(Hook, raw, where)
    values["drop"] = tuple(values.get("drop", ()))
    return Hook(**values)
