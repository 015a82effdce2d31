"""The rows of a portal's lists, as far as they are read."""

from __future__ import annotations

from dataclasses import dataclass

from portalctl.portals.konnect.lists import Counted
from portalctl.portals.models import OUT, Developer


@dataclass(frozen=True, slots=True)
class FoundPortal:
    id: str
    name: str
    display_name: str | None = None
    auto_approve_developers: bool | None = None
    rbac_enabled: bool | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that match a `title`:

        `name`, which is unique in an organisation, or `display_name` (v3 document).
        """
        return tuple(dict.fromkeys(filter(None, (self.name, self.display_name))))


@dataclass(frozen=True, slots=True)
class AnyRows:
    """Any list, to check only that it can be read."""

    data: list[object]


@dataclass(frozen=True, slots=True)
class PendingRow:
    id: str
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class PendingList(Counted):
    data: list[PendingRow]


@dataclass(frozen=True, slots=True)
class AssignedRole:
    id: str
    role_name: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class ApiRow:
    id: str
    name: str


def one_of(accounts: list[Developer]) -> Developer | None:
    """Return the account that an invitation created:

    strangers may sign up with another spelling, but not be approved. None where several are approved, or several
    pending: then the created one is unknown."""
    approved = [account for account in accounts if account.status == "approved"]
    counting = approved or [account for account in accounts if account.status not in OUT] or accounts
    return counting[0] if len(counting) == 1 else None
