"""The tables of the controller's database, for SQLite and PostgreSQL.

State: `portals`, `suspensions`, `held_plans`, `accepted_commits`, `seen_ids`, `contested`, `leases`, `journal`,
`settings`, `sessions`, `turns`, `sign_ups`. History: `runs`, `results`, `decisions`, `findings`, `observations`,
`developer_counts`. No developer's access is decided from the history. Times are UTC text of one width, so that they
sort as text in both databases.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, Column, Dialect, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """A time, kept as RFC 3339 in UTC to the microsecond."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        assert value.tzinfo is not None  # noqa: S101 (a time without a zone would be read as another one)
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


def _key(*, primary: bool = False, optional: bool = False) -> tuple[Column[str], Column[str]]:
    """Return the two columns of a `PortalKey`."""
    return (
        Column("server", Text, primary_key=primary, nullable=optional),
        Column("portal_id", Text, primary_key=primary, nullable=optional),
    )


def _number() -> Column[int]:
    """Return the column that numbers rows in the order in which they are added."""
    return Column("number", Integer, primary_key=True, autoincrement=True)


SCHEMA_VERSION = Table("portalctl_schema", METADATA, Column("version", Integer, nullable=False))

SETTINGS = Table(  # `first_start`: when the history begins; `writable`: when the database was last tried
    "settings",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

FIRST_NAMES = Table(  # the portals of the first start that were not read yet
    "first_names", METADATA, Column("name", Text, primary_key=True)
)

PORTALS = Table(  # `named_at`: since when the manifest uses `name` for it; `reading`: compressed JSON, no addresses
    "portals",
    METADATA,
    *_key(primary=True),
    Column("name", Text, nullable=False, index=True),
    Column("provider", Text, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("named_at", Moment, nullable=False),
    Column("reading", LargeBinary),
    Column("reading_at", Moment),
)

SUSPENSIONS = Table(  # `portal_id` is empty until the portal was read
    "suspensions",
    METADATA,
    *_key(primary=True),
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("expires", Moment),
)

HELD_PLANS = Table(
    "held_plans",
    METADATA,
    Column("digest", String(80), primary_key=True),
    *_key(),
    Column("portal", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Moment),
    Column("files", Text),
    Index("held_plans_by_portal", "server", "portal_id", "state"),
)

ACCEPTED_COMMITS = Table(
    "accepted_commits",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("commit_id", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

SEEN_IDS = Table(  # ids of webhooks and registrations, hashed: senders choose them
    "seen_ids",
    METADATA,
    Column("kind", String(32), primary_key=True),
    Column("portal", Text, primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("answer", Text),
)

CONTESTED = Table(
    "contested",
    METADATA,
    *_key(primary=True),
    Column("subject", Text, primary_key=True),
    Column("expires", Moment, nullable=False),
)

LEASES = Table(
    "leases",
    METADATA,
    *_key(primary=True),
    Column("holder", Text, nullable=False),
    Column("expires", Moment, nullable=False),
)

JOURNAL = Table(  # `line`: JSON, as in a journal file
    "journal",
    METADATA,
    _number(),
    *_key(),
    Column("run", Text, nullable=False),
    Column("line", Text, nullable=False),
    Index("journal_by_portal", "server", "portal_id"),
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Text, primary_key=True),
    *_key(optional=True),
    Column("portal", Text, nullable=False),
    Column("trigger_", String(16), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("commit_id", Text),
    Column("digest", Text),
    Column("confirmed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("detail", Text),
    Column("approver", Text),
    Column("writer", Text, nullable=False),
    Index("runs_by_portal", "portal", "started_at"),
)

RESULTS = Table(  # `body`: one change of a report document, as JSON; `address`: normal form; `sent`: by this run
    "results",
    METADATA,
    _number(),
    Column("run", Text, nullable=False, index=True),
    Column("change", Text, nullable=False),
    Column("address", Text, index=True),
    Column("developer", Text, index=True),
    Column("result", String(16), nullable=False),
    Column("sent", Boolean, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("body", Text, nullable=False),
)

DECISIONS = Table(  # what users decided, and what the controller accepted: approvals, suspensions, commits …
    "decisions",
    METADATA,
    _number(),
    *_key(optional=True),
    Column("portal", Text),
    Column("kind", String(16), nullable=False),
    Column("by", Text),
    Column("at", Moment, nullable=False),
    Column("digest", Text),
    Column("detail", Text),
)

FINDINGS = Table(  # `last_seen` None: still there; `body`: as in a drift document
    "findings",
    METADATA,
    _number(),
    *_key(),
    Column("portal", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("address", Text, index=True),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment),
    Column("body", Text, nullable=False),
    Index("findings_by_portal", "server", "portal_id", "last_seen"),
)

OBSERVATIONS = Table(
    "observations",
    METADATA,
    _number(),
    *_key(),
    Column("portal", Text, nullable=False),
    Column("developer", Text, nullable=False, index=True),
    Column("address", Text, index=True),
    Column("kind", String(16), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("at", Moment, nullable=False),
    Index("observations_by_portal", "portal", "number"),
)

DEVELOPER_COUNTS = Table(  # the numbers of developers at the last reading of each hour in which they changed
    "developer_counts",
    METADATA,
    *_key(primary=True),
    Column("hour", String(13), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("pending", Integer, nullable=False),
    Column("approved", Integer, nullable=False),
)

SESSIONS = Table(  # of users of the page; `id`: hash of the cookie; `salt`: that of the token's line
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("salt", String(22), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False, index=True),
)

TURNS = Table(  # the schedule of each portal, which replicas share; `number` grows with each change; `body`: JSON
    "turns",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

SIGN_UPS = Table(  # reported sign-ups that wait for a run on any replica, for at most a minute; both texts: JSON
    "sign_ups",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("portal", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("answer", Text),
    Column("at", Moment, nullable=False),
)
