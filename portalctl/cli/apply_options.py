"""The files that an apply writes, `--journal` and `--report`, and how signals interrupt it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial, wraps
from pathlib import Path

import click

from portalctl.cancellation import Stop
from portalctl.changes.plan import Plan, PortalPlan
from portalctl.cli.interrupts import INTERRUPTED, interrupts
from portalctl.cli.masking import shown
from portalctl.cli.output_option import OutputPath
from portalctl.cli.write_lease import LeasedPlace, WriteLeases
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.execution.journal import FOLDER, check_folder, check_journal
from portalctl.execution.journal_place import FilePlace
from portalctl.execution.report import PortalReport, timestamp
from portalctl.flow import exclusive
from portalctl.manifest.model import PortalManifest
from portalctl.output.apply_report import Report, apply_report, run_user
from portalctl.output.documents import to_json
from portalctl.output_file import Output
from portalctl.run_context import Run
from portalctl.version import GENERATOR

IN_PART = 4
CHANGE_BYTES = 1024  # the size of one change in a report


@dataclass(frozen=True, slots=True)
class Records:
    """The files of an apply (None: the default journal, and no report) and its interrupt."""

    journal: Path | None
    report: Output | None
    stop: Stop
    before_writing: Callable[[], None]
    leases: WriteLeases

    @property
    def report_path(self) -> Path | None:
        return self.report.shown if self.report is not None else None

    def attached(self, plan: Plan, run: Run) -> Run:
        """Return the run with its journals, its leases and its interrupt.

        Raises BadUsageError, before any write to a portal, for files that cannot be written, and RefusedError where
        the controller's lease is that of another portal.
        """
        journals = self._journals(portal.name for portal in plan.portals)
        for place in journals.values():
            check_journal(place.path)
        if self.report is not None:
            self._check_report(self.report, plan, (place.path for place in journals.values()))
        for portal in plan.portals:
            self.leases.check_identity(portal)
        leased = {name: LeasedPlace(place, partial(self.leases.check, name)) for name, place in journals.items()}
        return replace(run, stop=self.stop, journals=leased, before_writing=self.before_writing)

    def hold(self, portals: Collection[PortalManifest | PortalPlan], run: Run) -> None:
        """Lock these portals against other applies on this machine and the controller, until the command ends.

        Raises BadUsageError for journals that cannot be written, PortalctlError when another apply takes too long,
        and RefusedError without the controller's lease.
        """
        journals = self._journals(portal.name for portal in portals)
        for place in journals.values():
            check_journal(place.path)
        context = click.get_current_context()
        context.with_resource(self.leases.held(journals, run.observer))
        context.with_resource(exclusive(portals, replace(run, journals=journals)))

    def _journals(self, portals: Iterable[str]) -> dict[str, FilePlace]:
        names = list(portals)
        if self.journal is not None and len(names) > 1:
            raise BadUsageError("--journal is a file for one portal", "Choose the portal with --portal NAME.")
        return {name: FilePlace(self.journal or FOLDER / f"{name}.jsonl") for name in names}

    def _check_report(self, report: Output, plan: Plan, journals: Iterable[Path]) -> None:
        if report.target is not None and os.path.realpath(report.target) in map(os.path.realpath, journals):
            raise BadUsageError(f"--report {report.shown} is the journal", "Name another file with --report FILE.")
        try:
            report.check_room(CHANGE_BYTES * (plan.changes + 1))
        except OSError as error:
            raise BadUsageError(f"--report {report.shown} cannot be written: {error.strerror}") from error

    def document(self, plan: Plan, run: Run, reports: Sequence[PortalReport]) -> Report:
        """Return the report of an apply: the plan, the user, and the result of each change."""
        now = timestamp(run.clock())
        return apply_report(
            plan,
            reports,
            user=run_user({name: _text(value) for name, value in os.environ.items()}, _user()),
            generator=GENERATOR,
            started_at=min((report.started_at for report in reports), default=now),
            ended_at=now,
        )

    def write_report(self, document: Report) -> None:
        """Write the report to the file of `--report`, if there is one.

        Raises PortalctlError if that fails, after printing the report on standard error.
        """
        if self.report is None:
            return
        text = to_json(shown(document))
        try:
            self.report.write(text)
        except OSError as error:
            with suppress(OSError):
                click.echo(text, err=True, nl=False)
            message = f"--report {self.report.shown} could not be written: {error.strerror or error}"
            raise PortalctlError(message, "The report is printed above, on standard error.") from error


def record_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--journal` and `--report`, passed to the command as `records`, and handle signals while it runs."""

    @click.option(
        "--journal",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Log of all writes; each is logged before it is sent.  [default: {FOLDER}/NAME.jsonl]",
    )
    @click.option(
        "--report",
        type=OutputPath(),
        help="Write the result of each change as JSON (mode 0600, also if the file exists).",
    )
    @wraps(command)
    def with_records(*, journal: Path | None, report: Output | None, **others: object) -> None:
        check_folder(FOLDER) if journal is None else check_journal(journal)
        stop = Stop()
        with interrupts(stop) as before_writing:
            command(records=Records(journal, report, stop, before_writing, WriteLeases(stop)), **others)

    return with_records


def exit_code(reports: Sequence[PortalReport]) -> int:
    """Return the exit code for the results of an apply."""
    if any(report.interrupted for report in reports):
        return INTERRUPTED
    return 0 if all(report.clean for report in reports) else IN_PART


def _text(value: str) -> str:
    """Return the value of a variable, with escapes for bytes that are not UTF-8."""
    return os.fsencode(value).decode("utf-8", "backslashreplace")


def _user() -> str | None:
    try:
        return _text(getpass.getuser())
    except (KeyError, OSError):  # the user id of a container may have no name
        return None
