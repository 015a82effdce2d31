"""What an apply leaves behind, and how it is interrupted: `--journal`, `--report`, and the signals."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path

import click

from portalctl.apply.model import PortalReport, timestamp
from portalctl.cli.interrupts import INTERRUPTED, interrupts
from portalctl.cli.masking import shown
from portalctl.cli.private import write_private
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.flow import Run
from portalctl.plan.model import Plan
from portalctl.report.audit import audit, report_json, who_ran
from portalctl.stop import Stop
from portalctl.version import __version__

FOLDER = Path(".portalctl")
IN_PART = 4


@dataclass(frozen=True, slots=True)
class Records:
    """Which files an apply is to leave (None: the default journal, and no report), and what an interrupt does."""

    journal: Path | None
    report: Path | None
    stop: Stop
    before_writing: Callable[[], None]

    def attached(self, plan: Plan, run: Run) -> Run:
        """The run with what it needs to be recorded and interrupted.

        Raises BadUsageError for files that can't be meant.
        """
        names = [portal.name for portal in plan.portals]
        if self.journal is not None and len(names) > 1:
            raise BadUsageError("--journal is one file, for one portal", "choose the portal with --portal NAME")
        if self.report is not None:
            _check_writable(self.report)
        journals = {name: self.journal or FOLDER / f"{name}.jsonl" for name in names}
        return replace(run, stop=self.stop, journals=journals, before_writing=self.before_writing)

    def write_report(self, plan: Plan, run: Run, reports: Sequence[PortalReport]) -> None:
        """Write `--report`, where it is wanted. Raises PortalctlError when it can't be written."""
        if self.report is None:
            return
        now = timestamp(run.clock())
        document = audit(
            plan,
            reports,
            who=who_ran(os.environ, _user()),
            generator=f"portalctl {__version__}",
            started_at=min((report.started_at for report in reports), default=now),
            ended_at=now,
        )
        try:
            write_private(self.report, report_json(shown(document)))
        except OSError as error:
            raise PortalctlError(f"--report {self.report} could not be written: {error.strerror}") from error


def record_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--journal` and `--report`, given to the command as one `records`; signals are taken while it runs."""

    @click.option(
        "--journal",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Where each write is noted before it is sent.  [default: {FOLDER}/NAME.jsonl]",
    )
    @click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write what came of each change as JSON (mode 0600).",
    )
    @wraps(command)
    def with_records(*, journal: Path | None, report: Path | None, **others: object) -> None:
        stop = Stop()
        with interrupts(stop) as before_writing:
            command(records=Records(journal, report, stop, before_writing), **others)

    return with_records


def exit_code(reports: Sequence[PortalReport]) -> int:
    """What the shell is told of an apply that wrote, or tried to."""
    if any(report.interrupted for report in reports):
        return INTERRUPTED
    return 0 if all(report.clean for report in reports) else IN_PART


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return None


def _check_writable(path: Path) -> None:
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise BadUsageError(f"--report {path}: the folder {path.parent} can't be written to")
