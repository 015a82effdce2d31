"""`portalctl report`: reports for auditors."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from portalctl import flow
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.options import Target, target_options
from portalctl.cli.output_option import OutputPath, write_output
from portalctl.cli.session import open_session
from portalctl.events import Warned
from portalctl.git.blame import origins
from portalctl.insight.access_review import REMARKS, AccessReview
from portalctl.output.documents import render
from portalctl.output.escaping import terminal
from portalctl.output.view_model import approval
from portalctl.output_file import Output
from portalctl.words import plural


@click.group()
def report() -> None:
    """Write reports for auditors.

    \b
    Examples:
      portalctl report access -f portals/ --out access.csv
      portalctl report access -f portals/ -o html --out access.html
    """


@report.command()
@target_options
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Use a saved snapshot (`portalctl snapshot`) instead of the portals.",
)
@form_option("access", "csv")
@click.option(
    "--out",
    type=OutputPath(),
    metavar="FILE",
    help="Write to this file (mode 0600): it contains the addresses of all developers.  [default: stdout]",
)
@mask_option
def access(*, target: Target, snapshot: Path | None, output: str, out: Output | None) -> None:
    """List all developers with their access and its rules.

    The report has the status, the teams, and the rule that approves a developer, with its place in the files. For
    files in Git, it also has the commit and the author of each rule, and the approver that the commit message claims
    in trailers such as Reviewed-by. It marks developers who match no rule (unmanaged), are in a team without a rule
    (orphan), have another status than the rules yield (differs), may not be the developer named by the rules
    (blocked), or are named by a rule but have no account (absent). `members_from` can read the CSV. Fails if a portal
    cannot be read completely. Cannot write to a portal.

    \b
    Examples:
      portalctl report access -f portals/ --out access.csv
      portalctl report access -f portals/ -o json --snapshot snapshot.json
    """
    session = open_session(target, snapshot=snapshot, prints=out is None)
    known = origins(session.manifest.files)
    if known.cut:
        text = (
            "this clone is shallow: commits and authors of older lines are missing (actions/checkout: fetch-depth: 0)"
        )
        session.run.observer(Warned(text))
    if known.problem:
        session.run.observer(Warned(f"the report lacks commits and authors: {known.problem}"))
    review = flow.access(session.manifest, session.run, known.lines)
    style = style_for(sys.stdout)
    text = render(shown(review), output, style)
    if out is None:
        show(text, style)
        return
    write_output("--out", out, text)
    click.echo(_figures(out.shown, review), err=True)


def _figures(out: Path, review: AccessReview) -> str:
    """Return the name of the file and the figures of the review."""
    developers = [developer for portal in review.portals for developer in portal.developers]
    count = Counter(mark for developer in developers for mark in developer.remarks)
    unruled = sum(approval(developer) == "no rule" for developer in developers)
    marked = [f"{unruled:,} approved by no rule"] if unruled else []
    marked += [f"{count[mark]:,} {mark}" for mark in REMARKS if count[mark]]
    return f"{terminal(str(out))}: {plural(len(developers), 'developer')}; {', '.join(marked) or 'nothing marked'}"
