"""An apply that was killed a moment ago:

its writes may not be visible yet, and must not be repeated. Its journal has the changes. The next run waits until
they are visible before it compares or checks anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from portalctl.cancellation import Stop
from portalctl.changes.operations import Change, parsed
from portalctl.errors import AmbiguousError, PortalError
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.journal_place import Line
from portalctl.execution.sender import is_lockout
from portalctl.execution.verification import touched
from portalctl.ids import is_id
from portalctl.portals.protocol import Reader

MAX_WAIT = 30.0  # seconds after its last line in which a run's writes may still be invisible


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run without an end: its certain and possible writes, and for how many seconds they may be invisible."""

    portal_id: str
    changes: tuple[Change, ...]
    seconds: float


def interrupted_run(
    lines: Sequence[Line], *, server: str, portal_id: str | None, now: datetime, max_wait: float
) -> EarlierRun | None:
    """Return the last run of a journal, if it has no end, is of this portal and is younger than `max_wait` seconds.

    Lines that no version of portalctl wrote are ignored.

    Args:
        lines: those of the last run, its `begin` first (`JournalPlace.last_run`).
        portal_id: None where only the portal's title is known.
    """
    if not lines or any(line.get("event") == "end" for line in lines):
        return None
    begin, *others = lines
    found = begin.get("portal_id")
    if begin.get("server") != server or not isinstance(found, str) or not is_id(found):
        return None
    age = min((age for line in lines if (age := _age(line, now)) is not None), default=None)
    seconds = min(max_wait, MAX_WAIT)
    if portal_id not in {None, found} or age is None or age >= seconds:
        return None
    changes = tuple(_written(others))
    return EarlierRun(found, changes, seconds - max(0.0, age)) if changes else None


def wait_until_visible(earlier: EarlierRun, portal: Reader, patience: Patience) -> None:
    """Return when all changes of an earlier run are visible, or its time is over.

    A failed look ends nothing early: the snapshot that follows reports the portal's error.
    """
    hidden = list(earlier.changes)
    for _ in patience.turns(Stop(), earlier.seconds):
        try:
            seen = portal.reread(touched(hidden))
        except AmbiguousError:
            return
        except PortalError as error:
            if is_lockout(error):
                return
            continue
        hidden = [change for change in hidden if change.stand(seen) == "before"]
        if not hidden:
            return


def _age(line: Line, now: datetime) -> float | None:
    """Return how many seconds ago a line was written."""
    try:
        return (now - datetime.fromisoformat(str(line.get("at")))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _written(lines: Sequence[Line]) -> Iterator[Change]:
    """Yield the changes that were carried out, or may have been: all except those with only refused tries."""
    intents: dict[object, Line] = {}
    open_tries: dict[object, int] = {}
    for line in lines:
        change = line.get("change")
        if not isinstance(change, str):
            continue
        if line.get("event") == "intent":
            intents[change] = line
            open_tries[change] = open_tries.get(change, 0) + 1
        elif line.get("event") == "answer" and line.get("result") == "refused" and change in open_tries:
            open_tries[change] -= 1
    for change, line in intents.items():
        if open_tries[change] > 0:
            try:
                yield parsed({**line, "id": change})
            except (ValidationError, TypeError):
                continue  # a line of an older version, which does not have the change
