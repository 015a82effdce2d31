"""`portalctl apply`: show a plan, ask for confirmation, and carry it out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

import portalctl
from portalctl.changes.mails import limited
from portalctl.changes.plan import Plan
from portalctl.changes.selection import Selection
from portalctl.cli.apply_options import IN_PART, Records, exit_code, record_options
from portalctl.cli.ci_files import event_content
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.notify_option import Notify, notify_option
from portalctl.cli.options import Target, target_options_only
from portalctl.cli.selection import as_words, check_selection, selection_options
from portalctl.cli.servers import check_services
from portalctl.cli.session import leave, open_saved, open_session
from portalctl.cli.unmasking import with_developer
from portalctl.cli.write_lease import LOST
from portalctl.errors import BadUsageError, PortalctlError, RefusedError
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.report import PortalReport
from portalctl.integrations.ci_event import parse_payload
from portalctl.integrations.pull_request_jobs import EVENTS_WITH_PAYLOAD, pull_request_sign
from portalctl.output.apply_report import Report
from portalctl.output.documents import render
from portalctl.output.text.apply import result_text
from portalctl.output.text.errors import error_text
from portalctl.output.text.plan import plan_text
from portalctl.output.text.style import Style
from portalctl.run_context import Run


@click.command()
@click.argument("plan_file", required=False, type=click.Path(exists=True, readable=False, path_type=Path))
@target_options_only
@selection_options
@click.option("--expect-digest", metavar="DIGEST", help="Apply PLAN_FILE only if it is the plan with this digest.")
@click.option("--yes", is_flag=True, help="Apply without confirmation. Required without a terminal.")
@click.option(
    "--confirm-timeout",
    type=click.FloatRange(min=0),
    default=Patience().seconds,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait until a write is visible on the portal.",
)
@click.option(
    "--allow-pull-request",
    is_flag=True,
    help="Apply in a CI job for a pull request, before its files are merged.",
)
@record_options
@form_option("report")
@notify_option
@mask_option
def apply(
    *,
    plan_file: Path | None,
    target: Target,
    selection: Selection,
    expect_digest: str | None,
    yes: bool,
    confirm_timeout: float,
    allow_pull_request: bool,
    records: Records,
    output: str,
    notify: Notify,
) -> None:
    """Make a plan, show it, ask for confirmation, and apply it. Each change is then confirmed by reading the portal.

    PLAN_FILE is a plan from `plan --out`: exactly this plan is applied, unless one of its developers or teams has
    changed since. With -f, it is applied only if it was made from this manifest.

    \b
    Examples:
      portalctl apply -f portals/
      portalctl apply -f portals/ --only onboard --yes
      portalctl apply plan.json
    """
    if not allow_pull_request:
        _check_merged()
    patience = Patience(confirm_timeout)
    if plan_file is None:
        made, run = _planned(target, selection, expect_digest, patience, records)
    else:
        made, run = _saved(plan_file, target, selection, expect_digest, patience)
        records.hold(made.portals, run)
    check_services(made, run.services, os.environ)
    run = records.attached(made, run)
    style = style_for(sys.stdout, verbose=not yes)  # a plan to confirm is shown in full
    show(plan_text(shown(made), style), style, err=output != "text")
    if made.refused:
        notify.plan(made, run.observer)
        leave(RefusedError.exit_code)
    if not made.changes:
        document = records.document(made, run, ())
        records.write_report(document)
        if output != "text":
            show(render(shown(document), output, style), style)
        if _left_out(run):
            leave(IN_PART)
        return
    _consent(yes=yes)
    reports = notify.apply(made, run)
    _finish(reports, records.document(made, run, reports), records, output, style, left_out=_left_out(run))


def _left_out(run: Run) -> bool:
    """Return whether the run left out directories; print a line for each on standard error."""
    for name in sorted(run.directories.without):
        click.echo(
            f"directory {name} was left out: changes that depend on its groups were not made (exit code {IN_PART})",
            err=True,
        )
    return bool(run.directories.without)


def _finish(
    reports: Sequence[PortalReport], document: Report, records: Records, form: str, style: Style, *, left_out: bool
) -> NoReturn:
    """Write and send the report, show the results and exit. They are shown even if the report cannot be written."""
    unwritten, unsent = (_failure(keep, document) for keep in (records.write_report, records.leases.send_report))
    path = records.report_path if unwritten is None else None
    masked = shown(document)
    text = f"\n{result_text(masked, style, path)}" if form == "text" else render(masked, form, style)
    show(text, style)
    code = exit_code(reports) or (IN_PART if left_out else 0)
    lost = PortalctlError(LOST, "Run the same command again to continue.") if records.leases.lost else None
    if lost is not None:
        code = IN_PART
    failures = [failure for failure in (unwritten, unsent, lost) if failure is not None]
    for failure in failures:
        click.echo(error_text(failure), err=True, nl=False)
    leave(code or (PortalctlError.exit_code if failures else 0))


def _failure(keep: Callable[[Report], None], document: Report) -> PortalctlError | None:
    """Return the error with which a report could not be kept."""
    try:
        keep(document)
    except PortalctlError as error:
        return error
    return None


def _planned(
    target: Target, selection: Selection, expected: str | None, patience: Patience, records: Records
) -> tuple[Plan, Run]:
    if expected is not None:
        raise BadUsageError(
            "--expect-digest requires a plan file", "Use: portalctl apply PLAN_FILE --expect-digest DIGEST"
        )
    session = open_session(target, patience)
    check_selection(selection, session.manifest)
    selection = with_developer(selection, session.manifest, session.run)
    records.hold(session.manifest.portals.values(), session.run)
    return portalctl.plan(session.manifest, session.run, selection), session.run


def _saved(
    path: Path, target: Target, selection: Selection, expected: str | None, patience: Patience
) -> tuple[Plan, Run]:
    words = as_words(replace(selection, no_mail_above=None))  # a limit may be set, and only lower the plan's own
    options = [*(["--portal"] if target.portal_name is not None else []), *words]
    if options:
        raise BadUsageError(
            f"{options[0]} cannot be used with a plan file, which is applied as it is",
            f"Pass {options[0]} to `portalctl plan --out`.",
        )
    session = open_saved(path, target, expected, patience)
    portals = limited(session.plan.portals, selection.no_mail_above)
    return replace(session.plan, portals=portals), session.run


def _check_merged() -> None:
    """Check that this job is not for a pull request. Raises RefusedError."""
    has_payload = os.environ.get("GITHUB_EVENT_NAME", "") in EVENTS_WITH_PAYLOAD
    payload = parse_payload(event_content(os.environ)) if has_payload else None
    if sign := pull_request_sign(os.environ, payload):
        raise RefusedError(
            f"Not applied: this job runs for a pull request, and its files are not merged ({sign})",
            "Apply on a push to the main branch. If this is intended, pass --allow-pull-request.",
        )


def _consent(*, yes: bool) -> None:
    """Ask for confirmation. Raises RefusedError without it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("Not applied: no terminal to confirm on. Pass --yes.")
    if not click.confirm("Apply this plan?", err=True):
        raise RefusedError("Not applied: not confirmed.")
