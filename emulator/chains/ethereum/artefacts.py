"""The compiled contracts in `contracts/`: bytecode, ABI, and what they were compiled from and by what.

They are rebuilt with `make contracts`; a test compares them with their sources.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "contracts"


@dataclass(frozen=True, slots=True)
class Artefact:
    """`runtime` is the code on chain, with immutables still zero; `sources` are SHA-256 by file name."""

    name: str
    file: str
    compiler: str
    settings: Mapping[str, object]
    license: str
    origin: str
    sources: Mapping[str, str]
    abi: tuple[Mapping[str, object], ...]
    bytecode: bytes
    runtime: bytes


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@functools.cache
def load(name: str) -> Artefact:
    """Raises LookupError for a name that is not among `names`."""
    if name not in names():
        raise LookupError(f"no contract {name!r}, expected one of {', '.join(names())}")
    held = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    bytecode = bytes.fromhex(held["bytecode"])
    start, length = held["runtime"]
    return Artefact(
        name=name,
        file=held["file"],
        compiler=held["compiler"],
        settings=held["settings"],
        license=held["license"],
        origin=held["origin"],
        sources=held["sources"],
        abi=tuple(held["abi"]),
        bytecode=bytecode,
        runtime=bytecode[start : start + length],
    )
