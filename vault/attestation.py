"""Statements signed by a device and verified offline: policies, address books, approvals, freezes, heads.

A statement is one line of printable 7-bit text (devices of the C firmwares show anything else as hex);
the signature is the device's Bitcoin message signature with a p2wpkh key at 84'/coin'/100'/0/0.
Verification rebuilds the text from parsed fields, checks header, low s and the recovered key against a
PINNED key, and never uses a key that comes with what is verified.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from vault.canonical import read_json
from vault.errors import AttestationError, DocumentError

# The reserved account of attestation keys; it must never be used as a wallet account.
ATTESTATION_ACCOUNT: Final = 100
# Each kind of statement, and the fields that name the one thing it is about (see `replay_key`).
_IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "policy": ("name", "version"),
    "address-book": ("name", "version"),
    "approval": ("plan",),
    "freeze": ("id",),
    "unfreeze": ("id",),
    "checkpoint": ("row",),
}
KINDS: Final = tuple(_IDENTITY)
MAX_TEXT: Final = 4096  # what a person can be expected to page through on a device
# Between the parts of a statement; no label and no value may contain the bar.
SEPARATOR: Final = " | "

_MAGIC: Final = b"\x18Bitcoin Signed Message:\n"
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9 ]{0,30}[a-z0-9])?")
_VALUE = re.compile(r"[!-{}~](?:[ -{}~]{0,198}[!-{}~])?")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED: Final = ("treasury", "network", "attester")


def attestation_path(coin_type: int) -> tuple[int, ...]:
    """BIP32 path of the attestation key, hardened steps with the top bit set."""
    hard = 0x80000000
    return (84 | hard, coin_type | hard, ATTESTATION_ACCOUNT | hard, 0, 0)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a device signs: kind, whose treasury, and the labelled facts a person must judge."""

    kind: str
    treasury_id: str
    network: str
    fields: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise AttestationError("unknown_kind", f"expected one of {', '.join(KINDS)}, found {self.kind!r}")
        for what, value in (("treasury id", self.treasury_id), ("network", self.network)):
            _require_identifier(what, value)
        labels = [*_RESERVED, *(label for label, _ in self.fields)]
        if len(set(labels)) != len(labels):
            raise AttestationError("bad_field", "expected each label once")
        for label, value in self.fields:
            if not _LABEL.fullmatch(label) or not _VALUE.fullmatch(value):
                raise AttestationError(
                    "bad_field", f"expected printable 7-bit text without '|', found {label!r}: {value!r}"
                )
        if len(self.text()) > MAX_TEXT:
            raise AttestationError(
                "too_long", f"expected at most {MAX_TEXT} characters, found {len(self.text())}"
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """A title and one ``label: value`` each: what a person compares, one by one."""
        head = (f"vault {self.kind} v1", f"treasury: {self.treasury_id}", f"network: {self.network}")
        return head + tuple(f"{label}: {value}" for label, value in self.fields)

    def text(self) -> str:
        """The parts in one line. What a device signs ends with the attester: see `signed_text`."""
        return SEPARATOR.join(self.parts)

    def field(self, label: str) -> str:
        """The value of a label. Raises `AttestationError` when it is absent."""
        for name, value in self.fields:
            if name == label:
                return value
        raise AttestationError("missing_field", f"the {self.kind} statement has no {label!r}")

    @property
    def identity(self) -> str:
        """What the statement is about: plan, name and version … Raises `AttestationError` without it."""
        return " ".join(self.field(label) for label in _IDENTITY[self.kind])

    @classmethod
    def parse(cls, text: str) -> Statement:
        """Read a statement's text; anything that does not rebuild to the same text is refused."""
        parts = text.split(SEPARATOR)
        title = re.fullmatch(r"vault ([a-z-]+) v1", parts[0])
        pairs = [tuple(part.split(": ", 1)) for part in parts[1:]]
        if not title or len(text) > MAX_TEXT or any(len(pair) != 2 for pair in pairs) or len(pairs) < 2:
            raise AttestationError(
                "not_a_statement", "expected the text of a statement, found something else"
            )
        if pairs[0][0] != "treasury" or pairs[1][0] != "network":
            raise AttestationError("not_a_statement", "expected treasury and network first")
        fields = tuple((pair[0], pair[1]) for pair in pairs[2:])
        statement = cls(title[1], pairs[0][1], pairs[1][1], fields)
        if statement.text() != text:
            raise AttestationError("not_a_statement", "the text does not rebuild to itself")
        return statement


def signed_text(statement: Statement, attester: str) -> str:
    """The exact text that the device of `attester` shows and signs; it names the attester too."""
    _require_identifier("attester", attester)
    return SEPARATOR.join((*statement.parts, f"attester: {attester}"))


def _require_identifier(what: str, value: str) -> None:
    if not _IDENTIFIER.fullmatch(value):
        raise AttestationError("bad_field", f"{what}: expected letters, digits, . _ or -, found {value!r}")


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with the base64 signature of the device of the attester named, whose name is signed too."""

    statement: Statement
    attester: str
    signature: str

    def __post_init__(self) -> None:
        _require_identifier("attester", self.attester)

    def text(self) -> str:
        """The exact text that was signed."""
        return signed_text(self.statement, self.attester)

    def as_json(self) -> dict[str, object]:
        return {
            "statement": list(self.statement.parts),
            "attester": self.attester,
            "signature": self.signature,
        }

    def dump(self) -> str:
        """The text of the file form: `as_json`, indented by two, and a line's end."""
        return json.dumps(self.as_json(), indent=2) + "\n"

    @classmethod
    def from_json(cls, value: object) -> SignedStatement:
        """Read what `as_json` wrote. Raises `AttestationError`."""
        if not isinstance(value, dict) or set(value) != {"statement", "attester", "signature"}:
            raise AttestationError("not_signed", "expected statement, attester and signature")
        parts, attester, signature = value["statement"], value["attester"], value["signature"]
        if not isinstance(parts, list) or not all(
            isinstance(part, str) and SEPARATOR not in part for part in parts
        ):
            raise AttestationError("not_a_statement", "expected the statement as a list of parts")
        if not isinstance(attester, str) or not isinstance(signature, str):
            raise AttestationError("not_signed", "expected attester and signature as strings")
        return cls(Statement.parse(SEPARATOR.join(parts)), attester, signature)

    @classmethod
    def load(cls, text: str, *, what: str) -> SignedStatement:
        """Read what `dump` wrote; not one byte may differ. Raises `AttestationError`."""
        try:
            signed = cls.from_json(read_json(text, what=what))
        except DocumentError as error:
            raise AttestationError("not_signed", error.message) from None
        if signed.dump() != text:
            raise AttestationError(
                "not_signed",
                f"{what}: expected exactly the bytes that were written when it was signed",
                hint="Somebody or something changed its form: take it from where it was signed.",
            )
        return signed


def replay_key(signed: SignedStatement, public_key: str) -> tuple[str, str, str, str]:
    """What counts once: (treasury, kind, identity, signer), of a verified statement.

    The signer is the pinned key, not the name beside the signature; the bytes of a signature say nothing,
    as the same key can sign the same text with others. Raises `AttestationError` when it does not verify.
    """
    statement = verify(signed, public_key)
    return statement.treasury_id, statement.kind, statement.identity, public_key


def message_digest(text: str) -> bytes:
    """The double SHA-256 that a device signs for a text message."""
    data = text.encode("ascii")
    size = len(data)
    prefix = bytes([size]) if size < 253 else b"\xfd" + size.to_bytes(2, "little")
    return hashlib.sha256(hashlib.sha256(_MAGIC + prefix + data).digest()).digest()


def verify(signed: SignedStatement, public_key: str) -> Statement:
    """Check the signature against the pinned compressed public key (66 hex digits).

    The signature has 65 bytes, header 39 to 42 (p2wpkh), 0 < r < n and 0 < s <= n/2.
    Raises `AttestationError`; returns the statement when it holds.
    """
    from coincurve import PublicKey

    try:
        raw = base64.b64decode(signed.signature, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 65 or not 39 <= raw[0] <= 42 or base64.b64encode(raw).decode() != signed.signature:
        raise AttestationError(
            "bad_signature", "expected a 65-byte p2wpkh message signature (header 39 to 42) in base64"
        )
    r, s = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if not 0 < r < _ORDER or not 0 < s <= _ORDER // 2:
        raise AttestationError("bad_signature", "r or s is out of range")
    try:
        recovered = PublicKey.from_signature_and_message(
            raw[1:] + bytes([raw[0] - 39]), message_digest(signed.text()), hasher=None
        )
        found: str | None = recovered.format(compressed=True).hex()
    except Exception:  # noqa: BLE001 -- coincurve raises bare Exception for points that do not exist
        found = None
    if found is None or found != public_key:
        raise AttestationError(
            "wrong_signer",
            f"the {signed.statement.kind} statement is not signed by the key pinned for {signed.attester!r}",
            hint="Somebody altered the document or signed with another device. Do not go on.",
        )
    return signed.statement
