"""Tables of the store and their version.

An older store is brought up to this version by `vault.store.upgrade`, a newer one is refused. Amounts and
documents are canonical JSON text, instants ISO 8601 text, so that SQLite and PostgreSQL hold the same bytes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# 2: coin marks, labels, given-out addresses and their first payments; more states of plans and intents.
# 3: venue accounts with their freezes, and how long withdrawals and deposits took.
# 4: market history, with what was a table of depth before.
SCHEMA_VERSION = 4

metadata = MetaData()

about = Table(
    "about",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(24), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Index("journal_by_subject", "subject", "seq"),
)

document = Table(
    "document",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("at", String(24), nullable=False),
    Column("body", Text, nullable=False),
    Index("document_by_kind", "kind", "at"),
)

plan = Table(
    "plan",
    metadata,
    Column("plan_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", String(24), nullable=False),
    Column("expires_at", String(24), nullable=False),
    Column("state", String(12), nullable=False),
    Column("body", Text, nullable=False),
    CheckConstraint(
        "state IN ('proposed','approved','sending','done','failed','frozen','cancelled','replaced')",
        name="plan_state",
    ),
)

approval = Table(
    "approval",
    metadata,
    Column("plan_id", String(16), ForeignKey("plan.plan_id"), primary_key=True),
    Column("attester", String(40), primary_key=True),
    Column("at", String(24), nullable=False),
    Column("body", Text, nullable=False),
)

intent = Table(
    "intent",
    metadata,
    Column("client_id", String(32), primary_key=True),
    Column("plan_id", String(16), ForeignKey("plan.plan_id"), nullable=False),
    Column("transfer", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("submitted_at", String(24)),
    Column("updated_at", String(24), nullable=False),
    Column("reference", String(80), nullable=False, server_default=""),
    Column("body", Text, nullable=False),
    UniqueConstraint("plan_id", "transfer", "step"),
    CheckConstraint(
        "state IN ('planned','signing','signed','submitting','unknown','unsent','accepted','sent','done',"
        "'refused','cancelled','displaced','replaced','closed_by_person')",
        name="intent_state",
    ),
)

seen_version = Table(
    "seen_version",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)

# What people said about single outputs of ours (``txid:vout``); the opening balance is accepted too.
coin_mark = Table(
    "coin_mark",
    metadata,
    Column("outpoint", String(75), primary_key=True),
    Column("wallet", String(40), nullable=False),
    Column("frozen", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("opening", Integer, nullable=False, server_default="0"),
    Column("at", String(24), nullable=False),
    Column("by", String(80), nullable=False),
    Column("reason", String(255), nullable=False),
    Index("coin_mark_by_wallet", "wallet"),
)

# Labels as BIP329 has them: kind (tx, addr, output …), what it is about, and the text.
label = Table(
    "label",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("ref", String(200), primary_key=True),
    Column("text", String(255), nullable=False),
    Column("at", String(24), nullable=False),
    Column("by", String(80), nullable=False),
)

# Receive addresses that were given to somebody, each once.
given_address = Table(
    "given_address",
    metadata,
    Column("wallet", String(40), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("address", String(100), nullable=False, unique=True),
    Column("note", String(255), nullable=False),
    Column("at", String(24), nullable=False),
    Column("by", String(80), nullable=False),
)

# Which output was decided to be the first payment to a given-out address: the same one for every operator.
first_payment = Table(
    "first_payment",
    metadata,
    Column("address", String(100), primary_key=True),
    Column("wallet", String(40), nullable=False),
    Column("outpoint", String(75), nullable=False),
    Column("at", String(24), nullable=False),
    Column("by", String(80), nullable=False),
    Index("first_payment_by_wallet", "wallet"),
)

# Which account of an exchange a name of treasury.toml stood for when money was first about to go there.
venue_account = Table(
    "venue_account",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("account_uid", String(64), nullable=False),
    Column("at", String(24), nullable=False),
)

# Accounts to which nothing is sent until a person has looked; who lifted a freeze is in the journal.
venue_freeze = Table(
    "venue_freeze",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("at", String(24), nullable=False),
    Column("code", String(60), nullable=False),
    Column("reason", String(500), nullable=False),
)

# How long a withdrawal or a deposit took, from the first attempt until it had arrived.
lead_time = Table(
    "lead_time",
    metadata,
    Column("client_id", String(32), primary_key=True),
    Column("venue", String(40), nullable=False),
    Column("asset", String(20), nullable=False),
    Column("network", String(40), nullable=False),
    Column("direction", String(10), nullable=False),
    Column("ended_at", String(24), nullable=False),
    Column("seconds", Integer, nullable=False),
    CheckConstraint("direction IN ('withdraw','deposit')", name="lead_direction"),
    CheckConstraint("seconds >= 0", name="lead_seconds"),
    Index("lead_time_by_way", "venue", "asset", "network", "direction", "ended_at"),
)

# Market history by key and period; `data` is packed by vault.store.history, times are Unix milliseconds.
history = Table(
    "history",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("name", String(20), primary_key=True),
    Column("source", String(60), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("points", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    CheckConstraint("points > 0", name="history_points"),
)

# Where a history came from, under which licences, and what was wrong in it, as canonical JSON.
history_origin = Table(
    "history_origin",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("name", String(20), primary_key=True),
    Column("source", String(60), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(24), nullable=False),
    Column("body", Text, nullable=False),
)
