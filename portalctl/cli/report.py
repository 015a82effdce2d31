"""`portalctl report`: what auditors ask for."""

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
from portalctl.output_file import Output
from portalctl.words import people


@click.group()
def report() -> None:
    """Tell auditors who has what, and why.

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
    help="Tell of a saved reading (`portalctl snapshot`), and ask no portal.",
)
@form_option("access", "csv")
@click.option(
    "--out",
    type=OutputPath(),
    metavar="FILE",
    help="Where to put it (mode 0600): it holds the addresses of everybody on the portals.  [default: stdout]",
)
@mask_option
def access(*, target: Target, snapshot: Path | None, output: str, out: Output | None) -> None:
    """Everybody on the portals: status, since when, teams, and the rule behind each with its place in the files.

    Where the files are committed to Git, commit and author of each rule are told. Marked are people of whom no rule
    speaks (unmanaged), who are in a team by no rule (orphan), whose status is not what the rules say (differs), who
    can't be told for sure (blocked), and whom a rule names and who have no account (absent). Fails rather than tell
    of a part. Cannot write to a portal.

    \b
    Examples:
      portalctl report access -f portals/ --out access.csv
      portalctl report access -f portals/ -o json --snapshot snapshot.json
    """
    session = open_session(target, snapshot=snapshot, prints=out is None)
    known = origins(session.manifest.files)
    if known.cut:
        text = (
            "this clone is shallow: who wrote a line before it was cut is not told (actions/checkout: fetch-depth: 0)"
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
    click.echo(_said(out.shown, review), err=True)


def _said(out: Path, review: AccessReview) -> str:
    """Where it is, and how much there is to look at."""
    every = [each for portal in review.portals for each in portal.developers]
    count = Counter(remark for each in every for remark in each.remarks)
    marked = ", ".join(f"{count[remark]:,} {remark}" for remark in REMARKS if count[remark])
    return f"{terminal(str(out))}: {people(len(every))}; {marked or 'nothing marked'}"
