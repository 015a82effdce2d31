"""What portalctl asks of a portal. One implementation for each vendor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Protocol, Self

from portalctl.portals.models import Identity, Registration, Scope, Sighting, Snapshot, Touched
from portalctl.portals.ping_result import Checkup
from portalctl.portals.writes import NewTeam, Precheck, Write, Written, at_any_time


class Reader(Protocol):
    """A portal that can be read. Every method raises PortalError when it could not read, or not completely."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def calls(self) -> int:
        """The requests that were sent so far."""
        ...

    @property
    def developers_per_check(self) -> int:
        """How many people at most `reread` is best asked for at a time, where there is a choice."""
        ...

    def identity(self) -> Identity:
        """Return the portal's id and names, as the portal itself tells them, by as few GETs as possible."""
        ...

    def read(self, scope: Scope) -> Snapshot:
        """All developers and teams, and the members of the scope's teams; never anything less."""
        ...

    def reread(self, touched: Touched) -> Sighting:
        """The touched things as they are now, by batches."""
        ...

    def approved(self) -> int:
        """The number of approved developers, now."""
        ...

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]:
        """Registrations, neither revoked nor rejected, of these developers (ids) and of their teams' applications.

        Read by batches, never a call for each person; sorted by developer, application and API.
        """
        ...

    def checkup(self, scope: Scope) -> Checkup:
        """Whether a run on this scope would find what it needs, by a few GETs. Never raises PortalError."""
        ...


class Portal(Reader, Protocol):
    """A portal that can be written to as well."""

    def write(self, write: Write, precheck: Precheck = at_any_time) -> Written:
        """Send one write. Never raises for what the portal or the network does: that is in the result.

        `still` is called before each try, when all waiting is over. A NoAnswerError that it raises is the result.
        """
        ...

    def new_teams(self, made: Mapping[str, str | None]) -> Mapping[str, NewTeam]:
        """Look once at the teams that were created, and return what there is by each name.

        Nothing keeps two runs, or a portal, from making two teams of one name. Then the oldest is used, by everyone,
        and the one made here is deleted. Raises PortalError when the teams can't be read.

        Args:
            made: the ids by name; None where the answer to the creation was lost.
        """
        ...
