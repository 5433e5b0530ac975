"""Labels as wallets exchange them (BIP329, JSON lines): read, merge and write; pure values.

Refuses what is malformed, too large, or names one thing twice with different words. Types that BIP329
does not define are skipped and counted, as it asks; fields that we do not use are kept as they came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, cast

from vault.address import Network, address_of, script_pubkey
from vault.bip32 import ExtendedKey
from vault.bitcoin.transaction import OutPoint
from vault.errors import DocumentError, VaultError

LabelType = Literal["tx", "addr", "pubkey", "input", "output", "xpub"]

# Every coin of a wallet of ten thousand, its address and its transaction, three times over.
MAX_LABELS: Final = 100_000
MAX_BYTES: Final = 64_000_000
# BIP329 suggests cutting labels at 255 characters: what is cut is lost, so longer ones are refused.
MAX_LABEL: Final = 255
MAX_ORIGIN: Final = 4_000
MAX_LINE: Final = 16_000
_MAX_DEPTH: Final = 4

_HEX_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KEY: Final = re.compile(r"[0-9a-f]{64}|0[23][0-9a-f]{64}|04[0-9a-f]{128}", re.ASCII)
_OWN_FIELDS: Final = ("type", "ref", "label", "origin", "spendable")


@dataclass(frozen=True, slots=True)
class Label:
    """One line. None: the line does not say, and whoever imports it changes nothing there.

    `spendable` False freezes an output. `extra`: further fields by name, as JSON text.
    """

    type: LabelType
    ref: str
    label: str | None = None
    origin: str | None = None
    spendable: bool | None = None
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def subject(self) -> tuple[LabelType, str, str]:
        """What is labelled: once in a file."""
        return self.type, self.ref, self.origin or ""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A file as read: its labels in their order, and how many lines were of types nobody defined."""

    labels: tuple[Label, ...]
    skipped: int


def read_labels(text: str, network: Network) -> LabelFile:
    """Read a BIP329 file. Raises `DocumentError` (``document.bad_labels``) with the line's number."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise _bad(0, f"at most {MAX_BYTES} bytes", "more")
    labels: dict[tuple[str, str, str], Label] = {}
    skipped = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        label = _read_line(number, line, network)
        if label is None:
            skipped += 1
        elif labels.setdefault(label.subject, label) != label:
            raise _bad(number, f"each {label.type} once", f"{label.ref} twice, with different words")
        if len(labels) + skipped > MAX_LABELS:
            raise _bad(number, f"at most {MAX_LABELS} labels", "more")
    return LabelFile(tuple(labels.values()), skipped)


def write_labels(labels: Iterable[Label]) -> str:
    """One line a label, in the order given; what was read is written with the same meaning."""
    return "".join(_line(label) + "\n" for label in labels)


def frozen(labels: Iterable[Label]) -> tuple[frozenset[OutPoint], frozenset[OutPoint]]:
    """The coins that the labels freeze, and those that they set free; all others stay as they are."""
    flags = {
        OutPoint.parse(each.ref): each.spendable
        for each in labels
        if each.type == "output" and each.spendable is not None
    }
    return (
        frozenset(point for point, spendable in flags.items() if not spendable),
        frozenset(point for point, spendable in flags.items() if spendable),
    )


def _read_line(number: int, line: str, network: Network) -> Label | None:
    if len(line) > MAX_LINE:
        raise _bad(number, f"at most {MAX_LINE} characters", f"{len(line)}")
    try:
        found = json.loads(line, object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise _bad(number, "one JSON object", str(error)) from None
    if not isinstance(found, dict):
        raise _bad(number, "one JSON object", type(found).__name__)
    kind, ref = _text(number, found, "type", 64), _text(number, found, "ref", MAX_ORIGIN)
    if kind is None or ref is None:
        raise _bad(number, "a type and a ref", ", ".join(found) or "nothing")
    if kind not in _REFS:
        return None
    if not _refers(kind, ref, network):
        raise _bad(number, f"a ref of type {kind} on {network.name}", repr(ref[:200]))
    spendable = found.get("spendable")
    if spendable is not None and (kind != "output" or not isinstance(spendable, bool)):
        raise _bad(number, "spendable true or false, of an output", f"{spendable!r} of type {kind}")
    return Label(
        cast("LabelType", kind),
        plain_ref(kind, ref, network),
        _text(number, found, "label", MAX_LABEL),
        _text(number, found, "origin", MAX_ORIGIN),
        spendable,
        tuple((name, _json(number, found[name])) for name in found if name not in _OWN_FIELDS),
    )


def plain_ref(kind: str, ref: str, network: Network) -> str:
    """One spelling of each thing: BIP173 lets an address stand in capitals, for QR codes."""
    return address_of(script_pubkey(ref, network), network) if kind == "addr" else ref


def _text(number: int, found: dict[str, Any], name: str, longest: int) -> str | None:
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest or not _printable(value):
        raise _bad(number, f"{name} as printable text of at most {longest} characters", repr(value)[:200])
    return value


def _printable(text: str) -> bool:
    """No control characters, line breaks, or marks that turn writing round: labels are shown to people."""
    return all(char.isprintable() for char in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _json(number: int, value: Any, depth: int = 0) -> str:
    """JSON text of a parsed value; decimals keep their digits."""
    if depth > _MAX_DEPTH:
        raise _bad(number, f"fields of at most {_MAX_DEPTH} levels", "more")
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(_json(number, each, depth + 1) for each in value) + "]"
    if isinstance(value, dict):
        inner = (f"{json.dumps(name)}:{_json(number, each, depth + 1)}" for name, each in value.items())
        return "{" + ",".join(inner) + "}"
    return json.dumps(value)


def _line(label: Label) -> str:
    fields = [("type", json.dumps(label.type)), ("ref", json.dumps(label.ref))]
    for name in ("label", "origin", "spendable"):
        value = getattr(label, name)
        if value is not None:
            fields.append((name, json.dumps(value, ensure_ascii=False)))
    fields += label.extra
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in fields) + "}"


def _refers(kind: str, ref: str, network: Network) -> bool:
    try:
        return _REFS[kind](ref, network)
    except VaultError:
        return False


def _is_outpoint(ref: str, _network: Network) -> bool:
    return bool(OutPoint.parse(ref))


def _is_address(ref: str, network: Network) -> bool:
    return bool(script_pubkey(ref, network))


def _is_extended_key(ref: str, network: Network) -> bool:
    return bool(ExtendedKey.parse(ref, network))


_REFS: Final[dict[str, Callable[[str, Network], bool]]] = {
    "tx": lambda ref, _network: bool(_HEX_ID.fullmatch(ref)),
    "addr": _is_address,
    "pubkey": lambda ref, _network: bool(_KEY.fullmatch(ref)),
    "input": _is_outpoint,
    "output": _is_outpoint,
    "xpub": _is_extended_key,
}


def _bad(number: int, expected: str, found: str) -> DocumentError:
    return DocumentError(
        "bad_labels",
        f"line {number}: expected {expected}, found {found}",
        hint="Labels are JSON lines as BIP329 describes them. Nothing was imported.",
    )
