"""The conformance suite's access to a portal that it may change freely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from portalctl.cancellation import Stop
from portalctl.http import READ_ONLY, READ_WRITE, Throttles
from portalctl.portals.connection import AnyServer, Connection
from portalctl.portals.protocol import Portal
from portalctl.providers.definition import Provider

# incomplete: lists lack rows while their totals stay. no_answer: requests are carried out without an answer. refused:
# requests are not carried out, and a server error is returned. huge: an answer without end. wrong_portal: another
# portal answers.
Fault = Literal["incomplete", "no_answer", "refused", "huge", "wrong_portal"]


@dataclass(frozen=True, slots=True)
class State:
    """The contents of a portal: the status of each developer by address, and the members of each team by name."""

    developers: Mapping[str, str]
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Harness(Protocol):
    """A portal for one test: empty at first, changed and inspected without the provider under test."""

    provider: Provider
    portal_id: str
    servers: Mapping[str, AnyServer]

    def fill(self, state: State) -> None:
        """Add these developers and teams. Every status that the portal can have must work."""
        ...

    def state(self) -> State:
        """Return the contents of the portal."""
        ...

    def fault(self, kind: Fault) -> AbstractContextManager[None] | None:
        """Make every request fail in this way while the context lasts; None where the portal cannot do so."""
        ...


def connect(harness: Harness, *, write: bool = True, portal_id: str | None = None) -> Portal:
    """Connect with the portal of a harness as portalctl does. `portal_id`: another one than the harness's own."""
    now: Callable[[], str] = lambda: datetime.now(UTC).isoformat()  # noqa: E731 (a value of the connection)
    connection = Connection(
        harness.provider,
        "conformance",
        harness.servers,
        portal_id or harness.portal_id,
        None,
        methods=READ_WRITE if write else READ_ONLY,
        now=now,
        observer=lambda _: None,
        stop=Stop(),
        throttles=Throttles(),
    )
    return harness.provider.connect(connection)
