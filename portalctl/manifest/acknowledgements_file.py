"""The acknowledgements file: drift findings that were reviewed and accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from portalctl.errors import Finding, InputError, Position
from portalctl.manifest.file_models import AcknowledgementFile, DriftKind
from portalctl.manifest.files import File, read_files, read_named
from portalctl.manifest.model import Manifest, NamedFile, PortalManifest
from portalctl.manifest.validation import ShapedAcknowledgements, read_entries
from portalctl.manifest.yaml_source import YamlSource


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An accepted finding, by its id. `expires` is the last day it holds, UTC; None: without an end.

    `kind`, `developer` and `team` are the subject of the finding; None where that is not written.
    """

    finding: str
    reason: str
    expires: date | None
    at: Position
    kind: DriftKind | None = None
    developer: str | None = None
    team: str | None = None


def load_acknowledgements(path: Path) -> tuple[Acknowledgement, ...]:
    """Return what a file acknowledges, in its order. Raises InputError with everything that is wrong."""
    files, findings = read_files([path])
    entries = [acknowledgements(file) for file in files]
    if findings:
        raise InputError(tuple(findings))
    return tuple(entry for file in entries for entry in file)


def named_acknowledgements(
    portals: Iterable[PortalManifest], paths: Sequence[Path]
) -> dict[str, tuple[Acknowledgement, ...]]:
    """Return what the files that root files name acknowledge, by portal. A file that does not exist has none.

    `paths` are those that the manifest was read from. Raises InputError.
    """
    findings: list[Finding] = []
    by_path: dict[str, tuple[Acknowledgement, ...]] = {}
    found = {}
    for portal in portals:
        named = portal.acknowledgements
        if named is None:
            continue
        if named.path not in by_path:
            try:
                file = read_acknowledgements(named, paths)
                by_path[named.path] = acknowledgements(file) if file is not None else ()
            except InputError as error:
                by_path[named.path] = ()
                findings += error.findings
        found[portal.name] = by_path[named.path]
    if findings:
        raise InputError(tuple(findings))
    return found


def is_complete(manifest: Manifest, named: NamedFile) -> bool:
    """Return whether every portal with a root file that names this file is among the portals of the run."""
    return all(
        root.name in manifest.portals
        for root in manifest.roots
        if root.acknowledgements is not None and root.acknowledgements.path == named.path
    )


def read_acknowledgements(named: NamedFile, paths: Sequence[Path]) -> File | None:
    """Return the file that a root file names, if it exists. Raises InputError where it cannot be read."""
    file = read_named(paths, named)
    if isinstance(file, str):
        raise InputError((Finding(named.at, file),))
    return file


def acknowledgements(file: File) -> tuple[Acknowledgement, ...]:
    """See `load_acknowledgements`. Does no I/O."""
    entries = read_entries(file.shown, file.content, AcknowledgementFile)
    findings, shaped = list(entries.findings), entries.shaped
    if not isinstance(shaped, ShapedAcknowledgements):
        raise InputError(tuple(dict.fromkeys(findings)))
    found = tuple(
        Acknowledgement(
            entry.finding,
            entry.reason,
            entry.expires,
            shaped.source.at("acknowledgements", index),
            entry.kind,
            entry.developer,
            entry.team,
        )
        for index, entry in enumerate(shaped.entry.acknowledgements)
    )
    findings += _repeated(shaped.source, found)
    if findings:
        raise InputError(tuple(dict.fromkeys(findings)))
    return found


def _repeated(source: YamlSource, found: Sequence[Acknowledgement]) -> Iterator[Finding]:
    first: dict[str, Position] = {}
    for index, entry in enumerate(found):
        if entry.finding in first:
            at = source.at("acknowledgements", index, "finding")
            yield Finding(
                at, f"{entry.finding} is acknowledged in line {first[entry.finding].line} already; remove one"
            )
        first.setdefault(entry.finding, entry.at)
