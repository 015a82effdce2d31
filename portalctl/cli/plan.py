"""`portalctl plan`: show what apply would change."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

import portalctl
from portalctl import flow
from portalctl.changes.plan import Plan
from portalctl.changes.selection import Selection
from portalctl.cli.base import load_base
from portalctl.cli.ci_files import job_links
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown, shown_mask
from portalctl.cli.notify_option import Notify, notify_option
from portalctl.cli.options import Target, target_options
from portalctl.cli.output_option import OutputPath, check_one_result, write_output
from portalctl.cli.selection import as_words, check_selection, selection_options
from portalctl.cli.session import leave, open_session, read_file
from portalctl.cli.unmasking import with_developer
from portalctl.errors import BadUsageError, Finding, InputError, Position, RefusedError
from portalctl.output.apply_report import Report
from portalctl.output.documents import LINKED, read, render, to_json
from portalctl.output.text.plan import plan_text
from portalctl.output.text.style import Style
from portalctl.output.undone_report import applied
from portalctl.output_file import Output

DIFFERENT = 2


@click.command()
@target_options
@selection_options
@click.option(
    "--base",
    metavar="REF|DIR",
    help="Compare with the manifest of a Git commit or a folder, and mark the changes that follow from the "
    "difference.",
)
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Use a saved snapshot (`portalctl snapshot`) instead of the portals, without token and network. The plan "
    "cannot be applied.",
)
@click.option(
    "--undo",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="REPORT",
    help="Plan the inverse of what an apply confirmed, from its report (`apply --report`), for developers who are "
    "still as it left them. Refused for what the manifest still wants.",
)
@click.option("--out", type=OutputPath(), help="Write the plan as JSON (mode 0600, also if the file exists).")
@form_option("plan")
@mask_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if something would change.")
@notify_option
def plan(
    *,
    target: Target,
    selection: Selection,
    base: str | None,
    snapshot: Path | None,
    undo: Path | None,
    out: Output | None,
    output: str,
    detailed_exitcode: bool,
    notify: Notify,
) -> None:
    """Show what apply would change, and why. Never writes to a portal.

    \b
    Examples:
      portalctl plan -f portals/
      portalctl plan -f portals/ --only onboard --detailed-exitcode
      portalctl plan -f portals/ -o html > plan.html
      portalctl plan -f portals/ --base origin/main --snapshot snapshot.json -o markdown
      portalctl plan -f portals/ --undo report.json --out undo.json
    """
    check_one_result("--out", out, output)
    if undo is not None and base is not None:
        raise BadUsageError("--undo and --base exclude each other; pass one of them")
    done = applied(_report(undo), str(undo)) if undo is not None else None
    session = open_session(target, snapshot=snapshot)
    check_selection(selection, session.manifest)
    selection = with_developer(selection, session.manifest, session.run)
    before = load_base(base, target, session.manifest, session.run.observer) if base is not None else None
    if done is None:
        made = portalctl.plan(session.manifest, session.run, selection, before)
    else:
        made = flow.undo(session.manifest, session.run, done, selection)
    if out is not None:
        write_output("--out", out, to_json(shown(made) if out.public else made))
    style = style_for(sys.stdout)
    next_step = None if shown_mask() else _next_step(target, selection, undo, out, made)  # it may name a developer
    show(_in_form(output, shown(made), style, next_step), style)
    notify.plan(made, session.run.observer)
    if made.newly_refused:
        leave(RefusedError.exit_code)
    if detailed_exitcode and made.changes:
        leave(DIFFERENT)


def _in_form(form: str, plan: Plan, style: Style, next_step: str | None) -> str:
    if form == "text":
        return plan_text(plan, style, next_step)
    return render(plan, form, style, job_links() if form in LINKED else None)


def _report(path: Path) -> Report:
    """Return the report in a file. Raises InputError."""
    document = read(read_file(path, "report"), str(path))
    if not isinstance(document, Report):
        text = f"this is a {document.kind}, not the report of an apply; pass what `apply --report FILE` wrote"
        raise InputError((Finding(Position(str(path), 1, 1), text),))
    return document


def _next_step(target: Target, selection: Selection, undo: Path | None, out: Output | None, made: Plan) -> str:
    """Return the command that applies a plan; for a plan from a snapshot, the one that plans again on the portal."""
    words = [*as_words(selection), *(["--undo", str(undo)] if undo is not None else [])]
    if made.snapshot is not None and undo is not None:
        return f"To plan again on the portal:  {target.command('plan', words)}"
    if made.snapshot is not None:
        return f"To plan again on the portal, and apply:  {target.command('apply', words)}"
    file = out.shown if out is not None and out.target is not None else Path("plan.json")
    apply = shlex.join(["portalctl", "apply", str(file)])
    if out is not None and out.target is not None:
        return f"To apply exactly this plan:  {apply}"
    return f"To apply exactly this plan:  {target.command('plan', [*words, '--out', str(file)])} && {apply}"
