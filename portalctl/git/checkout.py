"""Writes the manifest of a commit to a temporary folder. The work tree is not touched.

Only what Git stores is read: no checkout, so no filter, hook or attribute applies, and nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from portalctl.git.program import GitError, GitFailedError
from portalctl.git.repository import Blob, Objects, Repository, find_repository
from portalctl.manifest.names import is_manifest
from portalctl.output_file import MOST_LINKS


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files read from a commit; `root` is the copy of the repository's top folder `top`.

    `blobs`: every file beside and below what was read, by its path below `top`. `ahead`: the number of commits that
    the commit has and HEAD does not.
    """

    root: Path
    top: Path
    blobs: Mapping[str, Blob]
    objects: Objects
    ahead: int

    def inside(self, path: Path) -> Path:
        """Return the path in the copy for a path of the work tree, even if there is no file.

        Raises GitError beyond it.
        """
        return self.root / _below(self.top, path)

    def shown(self, path: str) -> str:
        """Return the name of a file in messages: its path in the work tree."""
        there = self.top / Path(path).relative_to(self.root)
        return Path(os.path.relpath(there, Path.cwd().resolve())).as_posix()

    def add(self, path: str) -> None:
        """Read one more file, by its path in the copy, with the links that lead to it.

        Does nothing where there is none. Raises GitError if it cannot be read.
        """
        for _ in range(MOST_LINKS + 1):
            name = self._missing(path)
            if name is None:
                return
            lay_out(self.root, self.objects, {name: self.blobs[name]})

    def _missing(self, path: str) -> str | None:
        """Return the first part of a path that the commit has and the copy lacks."""
        try:
            end = Path(os.path.realpath(path)).relative_to(self.root)
        except (OSError, ValueError):  # outside, or not a name that a file can have
            return None
        way = (step.as_posix() for step in (*reversed(end.parents), end))
        return next((name for name in way if name in self.blobs and not os.path.lexists(self.root / name)), None)


@contextmanager
def checkout(ref: str, paths: Sequence[Path]) -> Iterator[Checkout]:
    """Write the YAML files (and links) of a commit at these paths, while the context lasts.

    `ref` names the commit: a branch, tag, hash or any other revision. Raises GitError.
    """
    repository, commit = _found(ref)
    head = repository.commit("HEAD")
    with TemporaryDirectory(prefix="portalctl-") as folder, repository.objects(commit) as objects:
        root = Path(folder).resolve()
        asked = [PurePosixPath(_below(repository.top, path).as_posix()) for path in paths]
        blobs = _listed(objects, commit, asked)
        lay_out(root, objects, {name: blob for name, blob in blobs.items() if _is_asked(name, blob, asked)})
        yield Checkout(root, repository.top, blobs, objects, objects.count(head, commit) if head else 0)


def _found(ref: str) -> tuple[Repository, str]:
    """Return the repository, and the id of the commit that `ref` names. Raises GitError."""
    repository = find_repository()
    if repository is None:
        raise GitError(
            f"--base '{ref}': not a folder, and the working folder is not in a Git repository",
            "Name a folder, or run portalctl in the clone that has the commit.",
        )
    reason = ""
    try:
        if commit := repository.commit(ref):
            return repository, commit
    except GitFailedError as error:
        reason = error.reason
    raise GitError(
        f"--base '{ref}': not a folder, and not a commit of this repository",
        "In CI, fetch the base first: `fetch-depth: 0` for actions/checkout, or `git fetch origin main`.",
        *filter(None, [reason]),
    )


def _below(top: Path, path: Path) -> Path:
    """Return a path of the work tree relative to its top folder. Raises GitError outside it."""
    absolute = Path(os.path.normpath(Path.cwd().resolve() / path))
    if not absolute.is_relative_to(top):
        raise GitError(f"'{path}' is outside the Git repository {top}", "Name a folder instead: --base DIR.")
    return absolute.relative_to(top)


def _is_asked(name: str, blob: Blob, asked: Sequence[PurePosixPath]) -> bool:
    path = PurePosixPath(name)
    readable = blob.is_link or is_manifest(path.name)
    return path in asked or (readable and any(path.is_relative_to(folder) for folder in asked))


def _listed(objects: Objects, commit: str, asked: Sequence[PurePosixPath]) -> dict[str, Blob]:
    """Return the files and links at and below the paths, and beside a file: lists that manifests name."""
    folders = [*asked, *(path.parent for path in asked if is_manifest(path.name))]
    return objects.files(commit, () if PurePosixPath() in folders else map(str, folders))


def lay_out(root: Path, objects: Objects, blobs: Mapping[str, Blob]) -> None:
    """Write files, then links, so that nothing is written through one. Raises GitError where that fails.

    A tree that git did not make can have a link and a folder of one name: what is in the folder is refused.
    """
    named = {PurePosixPath(name) for name in blobs}
    for name in blobs:
        if not named.isdisjoint(PurePosixPath(name).parents):
            raise GitError(f"cannot lay out '{name}' of the commit: a file or link has the name of its folder")
    contents = objects.contents([blob.id for blob in blobs.values()])
    read = zip(blobs.items(), contents, strict=True)
    for (name, blob), content in sorted(read, key=lambda item: item[0][1].is_link):
        target = root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if blob.is_link:
                target.symlink_to(os.fsdecode(content))
            else:
                target.write_bytes(content)
        except (OSError, ValueError) as error:
            raise GitError(f"cannot lay out '{name}' of the base: {error}") from error
