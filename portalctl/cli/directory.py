"""`portalctl directory`: read one group of a directory, or save it as a list."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import click

import portalctl
from portalctl.cli.console import Console
from portalctl.cli.directories import access_to, undeclared
from portalctl.cli.output_option import OutputPath, write_output
from portalctl.cli.paths import file_option, manifest_paths
from portalctl.csv_guard import guard
from portalctl.directories.protocol import Group
from portalctl.directories.reading import GroupReading
from portalctl.errors import RefusedError
from portalctl.group_reading import Directories, definitions
from portalctl.manifest.group_rules import GroupRule
from portalctl.manifest.model import Manifest
from portalctl.output.escaping import terminal
from portalctl.output_file import PUBLIC, Output
from portalctl.run_context import Run, group_reader
from portalctl.words import plural

COLUMNS = ("developer", "id", "name", "group")


@click.group()
def directory() -> None:
    """Read groups of the directories that a manifest declares.

    \b
    Examples:
      portalctl directory read corp api-partners -f portals/
      portalctl directory read corp api-partners -f portals/ --csv api-partners.csv
    """


@directory.command()
@click.argument("name")
@click.argument("group")
@file_option
@click.option(
    "--csv",
    "out",
    type=OutputPath(PUBLIC),
    metavar="FILE",
    help="Save the group as a list for `members_from`: a row for each address, sorted. No file is written if the "
    "group is incomplete, or smaller than its rule allows.",
)
def read(*, name: str, group: str, paths: tuple[Path, ...], out: Output | None) -> None:
    """Print the usable addresses of a group, or save them.

    Reads GROUP of the directory NAME with all checks of a plan. To review each change of a group, run this in a
    scheduled job that saves the list and opens a pull request.

    \b
    Examples:
      portalctl directory read corp api-partners -f portals/
      portalctl directory read corp api-partners -f portals/ --csv api-partners.csv
    """
    manifest = portalctl.load(*manifest_paths(paths))
    portals = manifest.portals.values()
    known = definitions(portals)
    if name not in known:
        raise undeclared(name, known)
    directories = Directories({name: access_to(known[name], os.environ)})
    reader = group_reader(Run({}, observer=Console(), directories=directories))
    found, reading = reader.read_group(known[name], group)
    _check_size(manifest, reading)
    rows = _rows(found, reading)
    if out is None:
        _print(found, reading, rows)
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([guard(terminal(cell)) for cell in row] for row in rows)
    write_output("--csv", out, text.getvalue())
    click.echo(f"{terminal(str(out.shown))}: {plural(len(rows), 'address')}", err=True)


def _check_size(manifest: Manifest, reading: GroupReading) -> None:
    """Check that the group is not smaller than its rules allow; it could be incomplete. Raises RefusedError."""
    rules: list[GroupRule] = [
        rule
        for portal in manifest.portals.values()
        for rule in portal.group_rules
        if (rule.directory, rule.group) == (reading.directory, reading.asked)
    ]
    size = reading.counts.usable
    minimum = max((rule.minimum or 1 for rule in rules), default=1)
    if size == 0 and any(rule.allow_empty for rule in rules):
        return
    if size < minimum:
        raise RefusedError(
            f"group {reading.value} has {plural(size, 'usable address')}, below {minimum:,}; nothing was written",
            "If this is intended, set `allow_empty: true` or a lower `minimum` in the rule of the group.",
        )


def _rows(found: Group, reading: GroupReading) -> list[tuple[str, str, str, str]]:
    """Return a row for each usable address, sorted."""
    names = {identity.id: identity.name for identity in found.identities}
    return [
        (address, member.identity, names.get(member.identity, ""), reading.value)
        for address, member in sorted(reading.members.items())
        if member.active and address not in reading.shared
    ]


def _print(found: Group, reading: GroupReading, rows: list[tuple[str, str, str, str]]) -> None:
    counts = reading.counts
    click.echo(f"{terminal(reading.value)}  {terminal(reading.name)} (id {terminal(reading.id)})")
    click.echo(f"read {reading.observed_at}: {counts.active:,} identities, {counts.disabled:,} disabled")
    via_of = {identity.id: identity.via for identity in found.identities}
    for address, identity_id, name, _ in rows:
        via = via_of.get(identity_id, ())
        through = f"  through {' > '.join(via)}" if via else ""
        click.echo(terminal(f"  {address}  {name}".rstrip() + through))
    ignored = {
        "without an address": counts.without_address,
        "addresses at other domains": counts.ignored,
        "not valid addresses": counts.malformed,
        "addresses not verified": counts.unverified,
        "addresses shared by two identities": len(reading.shared),
        "members that could not be read": counts.missing,
    }
    for what, count in ignored.items():
        if count:
            click.echo(f"ignored: {count:,} {what}")
