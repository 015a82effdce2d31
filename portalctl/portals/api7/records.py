"""What API7's Dashboard and portal backend tell, as far as it is used, and what it means in our words.

Paths and fields are those of API7 Enterprise 3.9 and 3.10, from the vendor's documentation ("Manage developers",
3.9.x), portal SDK and boilerplate. Only what cannot be done without is required: documents and releases disagree on
the rest.
"""

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
    """A developer on the Dashboard. `id` is internal; `developer_id` is what people and paths know them by.

    `portal_id` is not documented here: where it is told, it is believed.
    """

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
        """In our words; a state that is not documented stays as it is told."""
        told = self.state or "unknown"
        return STATUSES.get(told.casefold(), told)

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
        """What may be the id of whose it is. Of a subscription, the resource is the product."""
        return (self.applicant_id,) if self.awaits_subscription else (self.applicant_id, self.resource_id)

    @property
    def names(self) -> tuple[str | None, ...]:
        """What may be the name of whose it is."""
        return (self.applicant_name,) if self.awaits_subscription else (self.applicant_name, self.resource_name)

    @property
    def awaits_registration(self) -> bool:
        """A registration that nobody has decided on. Filters of the API are asked for, and not relied on."""
        named = _word(self.resource_type) in {"", "developer"}
        return _word(self.event) == "developer_registration" and self.waits and named

    @property
    def awaits_subscription(self) -> bool:
        """A subscription to an API product that nobody has decided on."""
        return _word(self.event) == "api_product_subscription" and self.waits

    @property
    def waits(self) -> bool:
        return _word(self.status) == "pending"

    @property
    def outcome(self) -> str:
        """What has become of it, in our words."""
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
        """Whether sign-ups this way are approved without anybody; None: it does not tell."""
        return self.builtin_config.registration_auto_approval if self.builtin_config is not None else None


def _word(told: str | None) -> str:
    """A word of the API's, whose documents write states with a capital and all others without."""
    return (told or "").casefold()


def moment(told: object) -> str | None:
    """A time as RFC 3339: API7 tells it so, or in seconds since the epoch. None for anything else, and for 0."""
    if isinstance(told, str):
        return told if is_rfc3339(told) else None
    if not isinstance(told, int | float) or isinstance(told, bool) or told <= 0:
        return None
    seconds = told / 1000 if told >= MILLISECONDS_FROM else told
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return rfc3339(at)
