"""`portalctl snapshot`: keep a reading of the portals, to plan from without asking them."""

from __future__ import annotations

import click

from portalctl import flow
from portalctl.cli.directories import group_named
from portalctl.cli.masking import mask_option
from portalctl.cli.options import Target, target_options
from portalctl.cli.output_option import OutputPath, write_output
from portalctl.cli.session import open_session
from portalctl.group_reading import definitions
from portalctl.output.escaping import terminal
from portalctl.output_file import Output
from portalctl.portals.snapshot_file import to_json
from portalctl.words import plural


@click.command()
@target_options
@click.option(
    "--out",
    type=OutputPath(),
    required=True,
    metavar="FILE",
    help="Where to put it (mode 0600): it holds the addresses of everybody on the portals.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="DIRECTORY/GROUP",
    help="Keep this group too, which no rule names yet. Repeatable.",
)
@mask_option
def snapshot(*, target: Target, out: Output, groups: tuple[str, ...]) -> None:
    """Keep a reading of the manifest's portals in a file, for `plan --snapshot`. Cannot write to a portal.

    It has everybody, every team with its members and roles, the requests that wait, and the application
    registrations of people whom the manifest keeps out.

    \b
    Examples:
      portalctl snapshot -f portals/ --out snapshot.json
      portalctl plan -f portals/ --snapshot snapshot.json --base main
    """
    session = open_session(target, groups=[text.partition("/")[0] for text in groups])
    known = definitions(session.manifest.portals.values())
    more = [group_named(text, known) for text in groups]
    taken = flow.take_snapshot(session.manifest, session.run, more)
    write_output("--out", out, to_json(taken))
    people = sum(len(each.snapshot.developers) for each in taken.portals)
    what = f"{plural(len(taken.portals), 'portal')}, {plural(people, 'developer')}. digest {taken.digest}"
    click.echo(f"{terminal(str(out.shown))}: {what}")
