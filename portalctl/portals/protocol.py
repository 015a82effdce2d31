"""The interface of a portal, with one implementation for each vendor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Protocol, Self

from portalctl.portals.models import Identity, PendingSignUps, Registration, Scope, Sighting, Snapshot, Touched
from portalctl.portals.ping_result import Checkup
from portalctl.portals.writes import CreatedTeam, Precheck, Write, WriteResult, at_any_time


class Reader(Protocol):
    """A portal that can be read. Every method raises PortalError when it could not read, or not completely."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def calls(self) -> int:
        """The number of requests sent so far."""
        ...

    @property
    def developers_per_check(self) -> int:
        """The largest efficient number of developers for one call of `reread`."""
        ...

    def identity(self) -> Identity:
        """Return the portal's id and names, as the portal reports them, by as few GETs as possible."""
        ...

    def read(self, scope: Scope) -> Snapshot:
        """Return all developers and teams, and the members of the scope's teams; never less."""
        ...

    def reread(self, touched: Touched) -> Sighting:
        """Return the current state of the touched objects, read in batches."""
        ...

    def approved(self) -> int:
        """Return the current number of approved developers."""
        ...

    def pending(self) -> PendingSignUps:
        """Return the pending developers by as few calls as possible, one where the portal has a filter for them."""
        ...

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]:
        """Return registrations, neither revoked nor rejected, of these developers (ids) and of their teams'
        applications.

        Read in batches, never a call for each developer; sorted by developer, application and API.
        """
        ...

    def checkup(self, scope: Scope) -> Checkup:
        """Check by a few GETs whether a run with this scope could read everything. Never raises PortalError."""
        ...


class Portal(Reader, Protocol):
    """A portal that can be written to as well."""

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        """Send one write. Errors of the portal or the network are in the result, not raised.

        `precheck` is called before each try, after all waiting. A NoAnswerError that it raises is the result.
        """
        ...

    def new_teams(self, made: Mapping[str, str | None]) -> Mapping[str, CreatedTeam]:
        """Look once at the teams that were created, and return the team of each name.

        Two runs, or a portal, may create two teams of one name. Then every run uses the oldest, and the one made here
        is deleted. Raises PortalError when the teams can't be read. Args: made: the ids by name; None where the
        answer to the creation was lost."""
        ...
