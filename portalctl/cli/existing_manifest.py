"""Finds the manifest that a repository already has, for `init`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import portalctl
from portalctl.directories.kinds import KINDS
from portalctl.errors import InputError
from portalctl.manifest.file_models import RootFile
from portalctl.manifest.files import File, read_files, read_list
from portalctl.manifest.load import assemble
from portalctl.manifest.model import PortalManifest
from portalctl.manifest.names import is_hidden, is_manifest
from portalctl.manifest.validation import Shaped, read_entries
from portalctl.rules.unsupported import check


@dataclass(frozen=True, slots=True)
class ExistingManifest:
    """A valid manifest. `place` is its folder or file, relative to the repository: `portals/` or `portal.yaml`.

    `team_files` are the existing files that `delegate` entries name, without further root files.
    """

    place: str
    path: Path
    portals: Mapping[str, PortalManifest]
    team_files: Sequence[Path]

    @property
    def folder(self) -> Path:
        """The folder with the root files."""
        return self.path if self.path.is_dir() else self.path.parent


def existing_manifest(repository: Path) -> ExistingManifest | None:
    """Return the manifest in portals/ or portal.yaml; None if there is none. Raises InputError for an invalid one."""
    folder, file = repository / "portals", repository / "portal.yaml"
    if _has_manifest(folder):
        return _loaded("portals/", folder)
    return _loaded("portal.yaml", file) if os.path.lexists(file) else None


def manifest_exists(repository: Path) -> bool:
    """Return whether a repository has a manifest, valid or not."""
    return _has_manifest(repository / "portals") or os.path.lexists(repository / "portal.yaml")


def check_addition(existing: ExistingManifest | None, files: Mapping[Path, str]) -> None:
    """Check that new files are valid together with those of the existing manifest. Raises InputError."""
    paths = [existing.path] if existing is not None else []
    read, findings = read_files(paths) if paths else ((), [])
    new = [
        File(str(path), str(path), Path(os.path.abspath(path)).as_posix(), text.encode())  # noqa: PTH100 (links stay)
        for path, text in files.items()
        if is_manifest(path.name)
    ]
    check(assemble([*read, *new], findings, partial(read_list, paths), os.path.realpath, KINDS))


def _has_manifest(folder: Path) -> bool:
    """Return whether a folder or one of its subfolders contains a manifest file."""
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        if any(is_manifest(name) and not is_hidden(name) for name in files):
            return True
    return False


def _loaded(place: str, path: Path) -> ExistingManifest:
    manifest = portalctl.load(path)
    check(manifest)
    files, findings = read_files([path])
    if findings:
        raise InputError(tuple(findings))
    team_files = sorted(dict.fromkeys(team for file in files for team in _delegated(file)))
    return ExistingManifest(place, path, manifest.portals, team_files)


def _delegated(file: File) -> Iterator[Path]:
    """Yield the existing files that `delegate` of a root file names, without further root files."""
    shaped = read_entries(file.shown, file.content).shaped
    if isinstance(shaped, Shaped) and isinstance(shaped.entry, RootFile):
        for key, grant in (shaped.entry.delegate or {}).items():
            path = Path(file.path).parent / key
            if not grant.roots and path.is_file():
                yield path
