"""Makes the files of a manifest from a live portal, in memory, for `import` and `init --import`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

import portalctl
from portalctl import flow
from portalctl.cli.provider_options import check_keys
from portalctl.directories.reading import GroupReading
from portalctl.errors import BadUsageError, PortalctlError, Position
from portalctl.insight.import_portal import Imported, imported
from portalctl.manifest.file_models import PortalEntry
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.manifest.value_formats import unfit
from portalctl.output.manifest_files import Source, acknowledgements_file, baseline_file, manifest_files
from portalctl.providers.registry import provider_named
from portalctl.run_context import Run
from portalctl.words import plural

COMMAND_LINE = Position("the command line", 1, 1)


@dataclass(frozen=True, slots=True)
class ImportedFiles:
    """The files of the manifest by name, the root file first, and acknowledgements of the first drift findings."""

    contents: Imported
    files: Mapping[str, str]
    acknowledgements: Mapping[str, str]


def portal_to_import(
    name: str, provider: str, portal_id: str | None, title: str | None, keys: Mapping[str, str]
) -> PortalManifest:
    """Return a portal without rules. Exactly one of `portal_id` and `title` is not None.

    Raises BadUsageError for values that a manifest cannot contain.
    """
    options = {"name": "--portal", "id": "--portal-id", "title": "--title"}
    selector = {key: value for key, value in {"id": portal_id, "title": title}.items() if value is not None}
    try:
        PortalEntry.model_validate({"name": name, "provider": provider, **selector})
    except ValidationError as error:
        key, form = unfit(error)
        raise BadUsageError(f"{options[key]}: {form}") from None
    check_keys(provider_named(provider), portal_id, keys.items())
    return PortalManifest(
        name, provider, COMMAND_LINE, region=keys.get("region"), id=portal_id, title=title, options=dict(keys)
    )


def read_portal(
    portal: PortalManifest,
    run: Run,
    suggest_from: int,
    *,
    split_teams: bool,
    has_schema: bool,
    groups: Iterable[GroupReading] = (),
) -> ImportedFiles:
    """Read a portal completely, and return its files. The root file names the portal by its id.

    Raises PortalError, and PortalctlError if the first plan of the files would not be empty, which is a bug.
    """
    read = portalctl.snapshot(Manifest({portal.name: portal}, (), ""), run)
    snapshot = read.portals[0].snapshot
    contents = imported(snapshot, suggest_from, groups)
    day = read.created_at[:10]
    source = Source(portal.name, portal.provider, portal.options, snapshot.portal_id, day, suggest_from)
    files = manifest_files(contents, source, split_teams=split_teams, has_schema=has_schema)
    # The snapshot has the portal as on the command line; the files name it by its id.
    saved = read.portals[0]
    saved = replace(saved, portal=replace(saved.portal, id=snapshot.portal_id, title=None))
    baseline = _baseline(files, source, replace(run, snapshot=replace(read, portals=(saved,))))
    return ImportedFiles(contents, files, {acknowledgements_file(portal.name): baseline})


def _baseline(files: Mapping[str, str], source: Source, run: Run) -> str:
    """Return the acknowledgements of the first drift findings, from the files in memory."""
    manifest = assemble([File(name, name, f"/{name}", text.encode()) for name, text in files.items()])
    first = portalctl.plan(manifest, run)
    if first.changes or first.refused:
        count = plural(first.changes, "change")
        raise PortalctlError(
            f"the first plan of these files would not be empty ({count}); nothing was written",
            "This is a bug in portalctl: report what is special about the portal.",
        )
    return baseline_file((finding for portal in flow.drift(manifest, run) for finding in portal.findings), source)


def summary(contents: Imported) -> str:
    """Return the figures of an import as text."""
    members = {member for team in contents.teams for member in team.members or ()}
    counts = {
        f"{plural(len(contents.teams), 'team')} with {plural(len(members), 'member')}": len(contents.teams),
        f"{plural(len(contents.denials), 'override')} for revoked or rejected developers": len(contents.denials),
        f"{plural(len(contents.suggestions), 'domain')} suggested in comments": len(contents.suggestions),
        f"{len(contents.omissions):,} that a manifest cannot contain, listed in comments": len(contents.omissions),
    }
    listed = "; ".join(text for text, count in counts.items() if count) or "no rules"
    kept = f"{plural(contents.approved, 'approved developer')} and {plural(contents.pending, 'pending developer')}"
    return f"{listed}. {kept} keep their status."
