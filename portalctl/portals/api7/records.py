"""The records of API7's Dashboard and portal backend, as far as they are used, and their meaning.

Paths and fields are those of API7 Enterprise 3.9 and 3.10, from the vendor's documentation ("Manage developers",
3.9.x), portal SDK and boilerplate. Only indispensable fields are required: documents and releases disagree on the
rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from portalctl.portals.models import Developer
from portalctl.times import is_rfc3339, rfc3339

STATUSES: Mapping[str, str] = {"pending": "pending", "active": "approved"}
RESULTS: Mapping[str, str] = {"accepted": "approved", "rejected": "rejected", "cancelled": "rejected"}
MILLISECONDS_FROM = 10**11  # as seconds, the year 5138


@dataclass(frozen=True, slots=True)
class PortalRow:
    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DeveloperRecord:
    """A developer on the Dashboard.

    `id` is internal; `developer_id` is used in paths and messages. `portal_id` is not documented here, but used where
    it is returned."""

    id: str
    developer_id: str
    username: str | None = None
    name: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    state: str | None = None
    provider: str | None = None
    created_at: object = None
    portal_id: str | None = None

    @property
    def pending(self) -> bool:
        return self.status == "pending"

    @property
    def status(self) -> str:
        """The status in portalctl's words; an undocumented state stays as returned."""
        value = self.state or "unknown"
        return STATUSES.get(value.casefold(), value)

    def developer(self, *, approvable: bool) -> Developer:
        return Developer(
            id=self.developer_id,
            email=self.email or None,
            status=self.status,
            full_name=self.name or self.username or "",
            created_at=moment(self.created_at),
            email_verified=self.email_verified,
            provider=_word(self.provider) or None,
            approvable=approvable,
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for approval, of any portal, of a registration or a subscription."""

    id: str
    event: str | None = None
    status: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    applicant_id: str | None = None
    applicant_name: str | None = None
    portal_id: str | None = None
    portal_name: str | None = None
    result: str | None = None

    @property
    def ids(self) -> tuple[str | None, ...]:
        """The possible ids of its developer. Of a subscription, the resource is the product."""
        return (self.applicant_id,) if self.awaits_subscription else (self.applicant_id, self.resource_id)

    @property
    def names(self) -> tuple[str | None, ...]:
        """The possible names of its developer."""
        return (self.applicant_name,) if self.awaits_subscription else (self.applicant_name, self.resource_name)

    @property
    def awaits_registration(self) -> bool:
        """Return whether this is a pending registration. Filters of the API are used, but not relied on."""
        named = _word(self.resource_type) in {"", "developer"}
        return _word(self.event) == "developer_registration" and self.waits and named

    @property
    def awaits_subscription(self) -> bool:
        """Return whether this is a pending subscription to an API product."""
        return _word(self.event) == "api_product_subscription" and self.waits

    @property
    def waits(self) -> bool:
        return _word(self.status) == "pending"

    @property
    def outcome(self) -> str:
        """The status in portalctl's words."""
        if self.waits:
            return "pending"
        return RESULTS.get(_word(self.result), self.status or "unknown")


@dataclass(frozen=True, slots=True)
class Account:
    """A developer on the portal backend. Whether `id` is the internal one or the `developer_id` is not documented."""

    id: str


@dataclass(frozen=True, slots=True)
class BuiltinConfig:
    registration_auto_approval: bool | None = None


@dataclass(frozen=True, slots=True)
class LoginOption:
    """One way of logging in to a portal."""

    id: str
    disable: bool | None = None
    builtin_config: BuiltinConfig | None = None

    @property
    def auto_approval(self) -> bool | None:
        """Whether sign-ups this way are approved automatically; None: not reported."""
        return self.builtin_config.registration_auto_approval if self.builtin_config is not None else None


def _word(value: str | None) -> str:
    """Return a word of the API in lower case: its documents write states with a capital, others without."""
    return (value or "").casefold()


def moment(value: object) -> str | None:
    """Return a time as RFC 3339: API7 returns that, or seconds since the epoch. None for anything else, and for 0."""
    if isinstance(value, str):
        return value if is_rfc3339(value) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return None
    seconds = value / 1000 if value >= MILLISECONDS_FROM else value
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return rfc3339(at)
