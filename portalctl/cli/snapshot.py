"""`portalctl snapshot`: save a snapshot of the portals, for plans without access to them."""

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
    help="The file to write (mode 0600): it contains the addresses of all developers.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="DIRECTORY/GROUP",
    help="Include this group, although no rule names it yet. Repeatable.",
)
@mask_option
def snapshot(*, target: Target, out: Output, groups: tuple[str, ...]) -> None:
    """Save a snapshot of the manifest's portals in a file, for `plan --snapshot`. Cannot write to a portal.

    It contains all developers, all teams with members and roles, pending requests, and the application registrations
    of developers that the manifest denies.

    \b
    Examples:
      portalctl snapshot -f portals/ --out snapshot.json
      portalctl plan -f portals/ --snapshot snapshot.json --base main
    """
    session = open_session(target, more_directories=[text.partition("/")[0] for text in groups])
    known = definitions(session.manifest.portals.values())
    more = [group_named(text, known) for text in groups]
    saved = flow.take_snapshot(session.manifest, session.run, more)
    write_output("--out", out, to_json(saved))
    count = sum(len(portal.snapshot.developers) for portal in saved.portals)
    figures = f"{plural(len(saved.portals), 'portal')}, {plural(count, 'developer')}"
    click.echo(f"{terminal(str(out.shown))}: {figures}. digest {saved.digest}")
