"""An approval as a device would sign it, with a key in the test's own hands, and statements of all kinds."""

from __future__ import annotations

import base64

from coincurve import PrivateKey
from hypothesis import strategies as st

from vault.attestation import KINDS, SignedStatement, Statement, message_digest, signed_text

SECRET = PrivateKey(b"\7" * 32)
PINNED = SECRET.public_key.format(compressed=True).hex()
STATEMENT = Statement(
    "approval",
    "fund-one",
    "regtest",
    (
        ("plan", "3f9a"),
        ("amount", "0.25000000 BTC"),
        ("to", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
        ("expires", "2026-01-31T05:00:00.000Z"),
    ),
)

TEXT = signed_text(STATEMENT, "anna")
PARTS = (
    "vault approval v1",
    "treasury: fund-one",
    "network: regtest",
    "plan: 3f9a",
    "amount: 0.25000000 BTC",
    "to: bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "expires: 2026-01-31T05:00:00.000Z",
)


def sign(text: str = TEXT, secret: PrivateKey = SECRET) -> bytes:
    """A p2wpkh message signature as devices make it: header 39 + recovery id, r, s."""
    raw = secret.sign_recoverable(message_digest(text), hasher=None)
    return bytes([39 + raw[64]]) + raw[:64]


def signed(raw: bytes, statement: Statement = STATEMENT, attester: str = "anna") -> SignedStatement:
    return SignedStatement(statement, attester, base64.b64encode(raw).decode())


labels = st.from_regex(r"[a-z0-9]([a-z0-9 ]{0,15}[a-z0-9])?", fullmatch=True).filter(
    lambda label: label not in {"treasury", "network", "attester"}
)
values = st.from_regex(r"[!-{}~]([ -{}~]{0,30}[!-{}~])?", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
statements = st.builds(
    Statement,
    st.sampled_from(KINDS),
    names,
    st.sampled_from(["mainnet", "regtest"]),
    st.lists(st.tuples(labels, values), max_size=6, unique_by=lambda pair: pair[0]).map(tuple),
)
