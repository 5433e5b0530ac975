"""Which forged PSBT other libraries take: `python -m tests.attacks.psbt.who_accepts_what [--markdown]`.

embit parses and says its `verify()` holds; bdk parses and tells a fee; HWI's parser reads it. None of them
knows a plan or a wallet, so of what needs one they can only say what they are asked: nothing. HWI runs in
an environment of its own (see tests/third_party); where it cannot be had its column says so.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.attacks.psbt.forged_bytes import FORGED_BYTES
from tests.attacks.psbt.forged_coins import FORGED_COINS
from tests.attacks.psbt.forged_fields import FORGED_FIELDS
from tests.attacks.psbt.forged_plans import FORGED_PLANS
from tests.attacks.psbt.forged_psbts import forged
from tests.support.bitcoin_keys import Forgery, sample_of
from tests.third_party.environments import UnavailableError, environment
from vault.bitcoin.scripts import KINDS
from vault.bitcoin.verify import verify_psbt
from vault.errors import PsbtError

FAMILIES = {
    "Lies about coins": FORGED_COINS,
    "Not the planned transaction": FORGED_PLANS,
    "Fields that lie or do not belong": FORGED_FIELDS,
    "Broken form": FORGED_BYTES,
}
LIBRARIES = ("embit", "bdk", "hwi")
_ASK_HWI = """
import json, sys
from hwilib.psbt import PSBT
def reads(text):
    try:
        PSBT().deserialize(text)
    except Exception:
        return False
    return True
print(json.dumps([reads(text) for text in json.load(sys.stdin)]))
"""


@dataclass(frozen=True)
class Row:
    """A forgery, what we answer, and of how many kinds of wallet each library takes it (None: not asked)."""

    family: str
    name: str
    code: str
    kinds: int
    taken: dict[str, int | None]


def embit_takes(raw: bytes) -> bool:
    from embit.psbt import PSBT

    parsed = PSBT.parse(raw)
    parsed.fee()
    return bool(parsed.verify())


def bdk_takes(raw: bytes) -> bool:
    import bdkpython as bdk

    return int(bdk.Psbt(base64.b64encode(raw).decode()).fee()) >= 0


def _holds(ask: Callable[[bytes], bool], raw: bytes) -> bool:
    try:
        return ask(raw)
    except Exception:  # noqa: BLE001  # whatever a foreign parser raises, it has refused
        return False


def hwi_takes(corpus: list[bytes]) -> list[bool] | None:
    """HWI's answers, None where it cannot be installed."""
    try:
        python = environment("hwi") / "python"
    except UnavailableError as error:
        print(f"HWI is not asked: {error}", file=sys.stderr)  # noqa: T201
        return None
    texts = json.dumps([base64.b64encode(raw).decode() for raw in corpus])
    done = subprocess.run(
        [str(python), "-c", _ASK_HWI], input=texts, capture_output=True, text=True, check=True
    )
    return [bool(each) for each in json.loads(done.stdout)]


def _clean() -> Forgery:
    return Forgery(lambda sample: sample.psbt, "taken")


def table(*, ask_hwi: bool = True) -> list[Row]:
    """The clean PSBTs first, then every forgery."""
    samples = {kind: sample_of(kind) for kind in KINDS}
    named = [("", "the clean PSBT", _clean())]
    named += [(family, name, each) for family, corpus in FAMILIES.items() for name, each in corpus.items()]
    cases = [
        (number, forged(each, samples[kind]))
        for number, (*_, each) in enumerate(named)
        for kind in each.kinds
    ]
    for number, (raw, plan) in cases:
        assert _our_code(raw, plan.expected, plan.limits) == named[number][2].code, named[number][1]
    takes: dict[str, list[bool] | None] = {
        "embit": [_holds(embit_takes, raw) for _, (raw, _) in cases],
        "bdk": [_holds(bdk_takes, raw) for _, (raw, _) in cases],
        "hwi": hwi_takes([raw for _, (raw, _) in cases]) if ask_hwi else None,
    }
    rows = []
    for number, (family, name, each) in enumerate(named):
        mine = [at for at, (of, _) in enumerate(cases) if of == number]
        taken = {
            library: None if answers is None else sum(answers[at] for at in mine)
            for library, answers in takes.items()
        }
        rows.append(Row(family, name, each.code, len(each.kinds), taken))
    return rows


def _our_code(raw: bytes, expected: object, limits: object) -> str:
    try:
        verify_psbt(raw, expected, limits)  # type: ignore[arg-type]
    except PsbtError as error:
        return error.code
    return "taken"


def _told(row: Row, library: str) -> str:
    taken = row.taken[library]
    if taken is None:
        return "?"
    if taken in {0, row.kinds}:
        return "takes it" if taken else "refuses"
    return f"takes {taken} of {row.kinds} kinds"


def sums(rows: list[Row]) -> dict[str, list[str]]:
    """For each family and library, how many of its forgeries are taken for some kind of wallet."""
    found: dict[str, list[str]] = {}
    for family, corpus in FAMILIES.items():
        found[family] = []
        for library in LIBRARIES:
            taken = [row.taken[library] for row in rows if row.family == family]
            known = [each for each in taken if each is not None]
            found[family].append(f"{sum(1 for each in known if each)} of {len(corpus)}" if known else "?")
    return found


def as_text(rows: list[Row]) -> str:
    lines = [f"{'forged PSBT':50} {'ours':38} " + " ".join(f"{each:20}" for each in LIBRARIES)]
    for row in rows:
        told = " ".join(f"{_told(row, library):20}" for library in LIBRARIES)
        lines.append(f"{row.name:50} {row.code:38} {told}".rstrip())
    lines += [f"{family}: taken by " + _listed(counts) for family, counts in sums(rows).items()]
    return "\n".join(lines)


def _listed(counts: list[str]) -> str:
    return ", ".join(f"{library} {count}" for library, count in zip(LIBRARIES, counts, strict=True))


def as_markdown(rows: list[Row]) -> str:
    """The sums, and the forgeries about which the libraries differ."""
    heads, rule = " | ".join(LIBRARIES), "| --- | --- | --- | --- | --- |"
    lines = [f"| forgeries | ours | {heads} |", rule]
    for family, counts in sums(rows).items():
        lines.append(f"| {family} | 0 of {len(FAMILIES[family])} | {' | '.join(counts)} |")
    differ = [row for row in rows if any(count != row.kinds for count in row.taken.values())]
    alike = len(rows) - len(differ) - 1
    lines += ["", f"{alike} are taken by all of them for every kind of wallet. The others:", ""]
    lines += [f"| forged PSBT | our answer | {heads} |", rule]
    for row in differ:
        told = " | ".join(_told(row, library) for library in LIBRARIES)
        lines.append(f"| {row.name} | `{row.code}` | {told} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--markdown", action="store_true", help="as in docs/bitcoin.md: only where they differ"
    )
    rows = table()
    print((as_markdown if parser.parse_args().markdown else as_text)(rows))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
