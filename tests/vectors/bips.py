"""`python -m tests.vectors.bips`: the vectors of BIP174, 370 and 371 against the parser, as a table.

The vectors lie beside this file, with their source; the codes that refusals must have are ours. Exit
status 0 when every single one is met.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import extract, finalised_input, partial_signatures
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.psbt.maps import PsbtInput
from vault.bitcoin.psbt.signer_checks import check_signer_rules
from vault.bitcoin.scripts import push
from vault.errors import PsbtError

FOLDER = Path(__file__).parent
# What the specifications hold, so that a vector cannot get lost unseen.
COUNTS = {
    "174": {"invalid": 20, "valid": 10, "signer": 4, "role": 10},
    "370": {"invalid": 24, "valid": 14, "locktime": 10},
    "371": {"invalid": 11, "valid": 6},
}
CLAIMS = {
    "invalid": "invalid PSBTs refused",
    "valid": "valid PSBTs round-tripped to the byte",
    "signer": "PSBTs that a signer must refuse, refused",
    "role": "results of creator, updater, signer, combiner, finalizer, extractor",
    "locktime": "lock times determined",
}


@dataclass(frozen=True)
class Vector:
    """One case of one specification."""

    bip: str
    kind: str
    case: str
    data: bytes
    more: dict[str, Any]

    def __str__(self) -> str:
        return f"BIP{self.bip} {self.kind}: {self.case}"


def document(bip: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"bip{bip}.json").read_text(encoding="utf-8")))


def vectors(bip: str) -> list[Vector]:
    """All vectors of a specification, in its order."""
    return [
        Vector(bip, each.pop("kind"), each.pop("case"), base64.b64decode(each.pop("psbt")), each)
        for each in document(bip)["vectors"]
    ]


def problem(vector: Vector) -> str | None:
    """None when the vector is met, else what is wrong."""
    try:
        return CHECKS[vector.kind](vector)
    except PsbtError as error:
        return f"{error.code}: {error.message}"


def _invalid(vector: Vector) -> str | None:
    try:
        Psbt.parse(vector.data)
    except PsbtError as error:
        return None if error.code == vector.more["code"] else f"refused for {error.code}"
    return "accepted"


def _valid(vector: Vector) -> str | None:
    return None if Psbt.parse(vector.data).serialise() == vector.data else "other bytes"


def _signer(vector: Vector) -> str | None:
    psbt = Psbt.parse(vector.data)
    try:
        check_signer_rules(psbt)
    except PsbtError as error:
        return None if error.code == vector.more["code"] else f"refused for {error.code}"
    return "accepted"


def _locktime(vector: Vector) -> str | None:
    expected = vector.more["locktime"]
    try:
        found = Psbt.parse(vector.data).unsigned.locktime
    except PsbtError as error:
        return None if expected is None and error.code == "psbt.locktime_conflict" else error.code
    return None if found == expected else f"expected {expected}, found {found}"


def _role(vector: Vector) -> str | None:
    psbt = Psbt.parse(vector.data)
    if psbt.serialise() != vector.data:
        return "other bytes"
    return ROLES[vector.case](psbt)


def _made(case: str) -> Psbt:
    return next(Psbt.parse(each.data) for each in vectors("174") if each.case == case)


def _created(psbt: Psbt) -> str | None:
    return None if Psbt.create(psbt.unsigned) == psbt else "another PSBT was created"


def _ready(psbt: Psbt) -> str | None:
    """An updater's and a signer's results hold all that signers look at."""
    check_signer_rules(psbt)
    return None


def _combined(first: str, second: str) -> Callable[[Psbt], str | None]:
    def check(psbt: Psbt) -> str | None:
        return None if combine([_made(first), _made(second)]) == psbt else "another PSBT was combined"

    return check


def _finalised(psbt: Psbt) -> str | None:
    signed = _made("combiner")
    legacy, nested = signed.inputs
    ours = replace(
        signed,
        inputs=(
            finalised_input(legacy, _long_pushes(*_unlocking(legacy, In.REDEEM_SCRIPT)), ()),
            finalised_input(
                nested, push(nested.get(In.REDEEM_SCRIPT) or b""), _unlocking(nested, In.WITNESS_SCRIPT)
            ),
        ),
    )
    if ours != psbt:
        return "another PSBT was finalised"
    transaction = extract(psbt).serialise().hex()
    return None if transaction == document("174")["extracted"] else "another transaction was extracted"


def _unlocking(fields: PsbtInput, kind: In) -> tuple[bytes, ...]:
    """What opens a multisig script: a dummy, the signatures in the order of its keys, the script."""
    script = fields.get(kind) or b""
    by_key = sorted(partial_signatures(fields).items(), key=lambda item: script.index(item[0]))
    return (b"", *(signature for _, signature in by_key), script)


def _long_pushes(*items: bytes) -> bytes:
    """A scriptSig; an empty item is OP_0, one of 76 bytes or more stands behind OP_PUSHDATA1."""
    return b"".join(push(item) if len(item) < 76 else b"\x4c" + bytes([len(item)]) + item for item in items)


ROLES: dict[str, Callable[[Psbt], str | None]] = {
    "creator": _created,
    "updater": _ready,
    "updater with SIGHASH_ALL": _ready,
    "first signer": _ready,
    "second signer": _ready,
    "combiner": _combined("first signer", "second signer"),
    "input finalizer": _finalised,
    "first copy with unknown fields": lambda _: None,
    "second copy with unknown fields": lambda _: None,
    "combiner of unknown fields": _combined(
        "first copy with unknown fields", "second copy with unknown fields"
    ),
}
CHECKS: dict[str, Callable[[Vector], str | None]] = {
    "invalid": _invalid,
    "valid": _valid,
    "signer": _signer,
    "role": _role,
    "locktime": _locktime,
}


def table() -> Iterator[tuple[str, str, int, list[str]]]:
    """For each specification and kind: met, expected, and what is not met."""
    for bip, counts in COUNTS.items():
        for kind, expected in counts.items():
            found = [(each, problem(each)) for each in vectors(bip) if each.kind == kind]
            failed = [f"{each}: {wrong}" for each, wrong in found if wrong is not None]
            yield f"BIP{bip} {CLAIMS[kind]}", f"{len(found) - len(failed)}/{expected}", expected, failed


def main() -> int:
    missed = 0
    for claim, score, expected, failed in table():
        print(f"{score:>6}  {claim}")  # noqa: T201
        for line in failed:
            print(f"        {line}")  # noqa: T201
        missed += score != f"{expected}/{expected}"
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
