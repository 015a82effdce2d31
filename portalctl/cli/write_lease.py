"""The lease of a controller during an apply: while an apply writes to a portal, the controller does not."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from portalctl.cancellation import Stop
from portalctl.changes.operations import Change
from portalctl.changes.plan import PortalPlan
from portalctl.cli.controller_client import URL, ControllerApi, controller, place_from_environment, portal_path
from portalctl.errors import BadUsageError, PortalctlError, RefusedError
from portalctl.events import Observer, Warned
from portalctl.execution.journal import Journal
from portalctl.execution.journal_place import JournalPlace, Line
from portalctl.execution.report import PortalReport
from portalctl.output.apply_report import Report
from portalctl.output.documents import to_json
from portalctl.portals.writes import WriteResult
from portalctl.times import Clock

RENEW_SECONDS: Final = 5.0
MARGIN_SECONDS: Final = 8.0  # with less left nothing is sent: a write in flight ends before the lease does
CALL_SECONDS: Final = 4.0
TAKE_SECONDS: Final = 60.0  # how long another writer is waited for
PAUSE: Final = 1.0
LOST: Final = "the lease of the controller was lost; nothing more was sent"


@dataclass(slots=True)
class _Lease:
    """One portal's lease: which portal it is, and until when it holds (monotonic)."""

    server: str
    portal_id: str
    ends: float


class WriteLeases:
    """The leases of an apply, renewed in the background. Without a controller in the environment there are none."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._api: ControllerApi | None = None
        self._holder = secrets.token_hex(16)
        self._leases: dict[str, _Lease] = {}
        self._ended = threading.Event()
        self.lost = False

    @contextmanager
    def held(self, names: Iterable[str], observer: Observer) -> Iterator[None]:
        """Hold the leases of portals until the block ends.

        Raises RefusedError where one is not available, and BadUsageError for an unusable address or token.
        """
        place = place_from_environment()
        if place is None:
            yield
            return
        with controller(place, observer, seconds=CALL_SECONDS) as api:
            self._api = api
            thread = threading.Thread(target=self._renew, name="lease", daemon=True)
            try:
                for name in sorted(names):
                    self._leases[name] = self._take(api, name, observer)
                    if not thread.is_alive():
                        thread.start()
                yield
            finally:
                self._ended.set()
                if thread.ident is not None:
                    thread.join()
                self._release(api)

    def check(self, name: str) -> None:
        """Raise PortalctlError unless a write to a portal may begin now. Called before each."""
        lease = self._leases.get(name)
        if lease is not None and (self.lost or lease.ends - time.monotonic() < MARGIN_SECONDS):
            self._lose()
            raise PortalctlError(LOST)

    def check_identity(self, portal: PortalPlan) -> None:
        """Check that the lease is that of the portal in a plan. Raises RefusedError."""
        lease = self._leases.get(portal.name)
        if lease is not None and (lease.server, lease.portal_id) != (portal.server, portal.portal_id):
            raise RefusedError(
                f"Not applied: the controller's portal {portal.name} is another one "
                f"({lease.portal_id} at {lease.server})",
                f"Use the name that the controller has for this portal, or unset {URL}.",
            )

    def send_report(self, document: Report) -> None:
        """Send the report of an apply to the controller's history. Raises PortalctlError."""
        if self._api is None:
            return
        try:
            self._api.post_document("/v1/history/reports", to_json(document))
        except PortalctlError as error:
            raise PortalctlError(
                f"the report was not added to the controller's history: {error.message}",
                "Write it with --report FILE, and add it with: portalctl history import FILE",
            ) from error

    def _take(self, api: ControllerApi, name: str, observer: Observer) -> _Lease:
        deadline, told = time.monotonic() + TAKE_SECONDS, False
        while True:
            began = time.monotonic()
            try:
                found = api.post(portal_path(name, "lease"), {"holder": self._holder})
                return _Lease(found["server"], found["portal_id"], began + found["seconds"])
            except RefusedError as error:  # another writer has it
                if time.monotonic() + PAUSE > deadline:
                    raise _not_applied(name, error) from error
                if not told:
                    observer(Warned(f"waiting for the lease of {name}: {error.message}"))
                    told = True
                time.sleep(PAUSE)
            except (PortalctlError, BadUsageError) as error:
                raise _not_applied(name, error) from error

    def _renew(self) -> None:
        """Renew until the end; give up what cannot be renewed in time. Runs in a thread of its own."""
        while not self._ended.wait(min(RENEW_SECONDS, self._left())):
            for name, lease in tuple(self._leases.items()):
                began = time.monotonic()
                try:
                    found = self._post(name)
                    lease.ends = began + found["seconds"]
                except RefusedError:
                    self._lose()
                except PortalctlError:
                    continue  # tried again until too little time is left
            if self._left() <= 0:
                self._lose()
            if self.lost:
                return

    def _post(self, name: str) -> Mapping[str, float]:
        assert self._api is not None  # noqa: S101 (the thread starts after it was set)
        return self._api.post(portal_path(name, "lease"), {"holder": self._holder, "renew": True})

    def _left(self) -> float:
        """Return the seconds in which writes may begin, without a renewal."""
        ends = min((lease.ends for lease in tuple(self._leases.values())), default=time.monotonic() + RENEW_SECONDS)
        return max(0.0, ends - time.monotonic() - MARGIN_SECONDS)

    def _lose(self) -> None:
        self.lost = True
        self._stop.ask()  # also for writes that wait for a rate limit

    def _release(self, api: ControllerApi) -> None:
        for name in self._leases:
            with suppress(PortalctlError):  # it ends by itself
                api.delete(portal_path(name, "lease"), {"holder": self._holder})


def _not_applied(name: str, error: PortalctlError) -> RefusedError:
    return RefusedError(
        f"Not applied: the lease of {name} is not available: {error.message}",
        *error.advice,
        f"The controller ({URL}) and this apply must not write at the same time.",
    )


@dataclass(frozen=True, slots=True)
class LeasedPlace:
    """A place of a journal in which each intent is checked first; where that raises, nothing is sent."""

    place: JournalPlace
    check: Callable[[], None]

    @property
    def shown(self) -> str:
        return self.place.shown

    def lock(self, observer: Observer) -> AbstractContextManager[None]:
        return self.place.lock(observer)

    @contextmanager
    def open(self, facts: Mapping[str, object], clock: Clock) -> Iterator[Journal]:
        with self.place.open(facts, clock) as journal:
            yield _CheckedJournal(journal, self.check)

    def last_run(self) -> list[Line]:
        return self.place.last_run()


class _CheckedJournal(Journal):
    def __init__(self, journal: Journal, check: Callable[[], None]) -> None:
        self._journal = journal
        self._check = check

    def intent(self, change: Change) -> None:
        self._check()
        self._journal.intent(change)

    def check(self) -> None:
        self._check()

    def answer(self, change: Change, written: WriteResult) -> None:
        self._journal.answer(change, written)

    def end(self, report: PortalReport) -> None:
        self._journal.end(report)
