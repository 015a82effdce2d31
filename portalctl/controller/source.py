"""Where the manifest comes from: a folder that something else updates, or a branch of a Git repository.

A source keeps the last good manifest. What is wrong with the newest one is a problem that it reports until it is
mended; where the newest cannot be trusted at all (a rewritten branch), nothing may be written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from portalctl.directories.kinds import KINDS
from portalctl.errors import InputError, PortalctlError
from portalctl.git.mirror import GitCredential, Mirror, RewrittenError
from portalctl.manifest.acknowledgements_file import Acknowledgement, named_acknowledgements
from portalctl.manifest.files import File, read_files, read_list
from portalctl.manifest.load import assemble
from portalctl.manifest.model import Manifest
from portalctl.rules.unsupported import check
from portalctl.words import quoted

TRIES: Final = 5  # reads of a folder that changes while it is read
_MOST_ENTRIES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """A manifest that is valid. `files`: digests of its files by name.

    `commit` and its `author` None: it comes from a folder.
    """

    manifest: Manifest
    files: Mapping[str, str]
    commit: str | None = None
    acknowledgements: Mapping[str, tuple[Acknowledgement, ...]] = field(default_factory=dict)
    author: str | None = None

    def of(self, name: str) -> Manifest:
        """Return the manifest of one portal."""
        return replace(self.manifest, portals={name: self.manifest.portals[name]})


@dataclass(frozen=True, slots=True)
class ManifestSourceState:
    """The state of a source after a look.

    `problem`: why the newest files are not used. `untrusted`: nothing may be written until it is mended. `changed`:
    `loaded` is another one than before the look.
    """

    loaded: Loaded | None = None
    problem: str | None = None
    untrusted: bool = False
    changed: bool = False


class ManifestSource(Protocol):
    """A source of manifests. One thread at a time uses it."""

    def look(self) -> ManifestSourceState:
        """Look for a newer manifest. Never raises PortalctlError."""

    def is_newest(self, loaded: Loaded) -> bool:
        """Return whether no replica accepted a newer commit. From any thread. Raises PortalctlError."""


class Commits(Protocol):
    """The newest accepted commits, which survive a restart; `Store` has them."""

    def accepted(self) -> str | None: ...

    def accept(self, commit: str, before: str | None) -> bool:
        """Accept a commit. False: another one than `before` was accepted since, by another replica."""


class Folder:
    """A mounted folder, or some: those of a ConfigMap and of git-sync are links that are swapped as a whole.

    The files are read between two equal looks at all their names, sizes and times, so that no half-written state is
    used; a changed folder counts once it stayed the same from one look to the next.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._state = ManifestSourceState()
        self._read: object = None  # the look that `_state` is of
        self._last: object = None

    def look(self) -> ManifestSourceState:
        """See `ManifestSource.look`."""
        now, before = _look(self._paths), self._last
        self._last = now
        if now == self._read or (self._state.loaded is not None and now != before):
            self._state = replace(self._state, changed=False)
            return self._state
        try:
            loaded, seen = self._stable()
        except PortalctlError as error:
            self._state = replace(self._state, problem=_text(error), changed=False)
        else:
            self._state, self._read = ManifestSourceState(loaded, changed=True), seen
        return self._state

    def is_newest(self, loaded: Loaded) -> bool:  # noqa: ARG002 (of the protocol)
        """See `ManifestSource.is_newest`: a folder has no commits."""
        return True

    def _stable(self) -> tuple[Loaded, object]:
        """Return the manifest and the look that it is of. Raises PortalctlError."""
        for _ in range(TRIES):
            before = _look(self._paths)
            try:
                loaded = load(self._paths)
            except InputError:
                if _look(self._paths) == before:
                    raise
                continue
            if _look(self._paths) == before:
                return loaded, before
        raise PortalctlError(f"the files keep changing while they are read ({', '.join(map(str, self._paths))})")


@dataclass(frozen=True, slots=True)
class FollowedBranch:
    """A branch to follow.

    `path`: the folder of the manifest in it; `signers`: who may sign its commits, None: all users.
    `accept_rewritten`: a commit that is accepted although it does not follow the last one.
    """

    mirror: Mirror
    path: str
    exports: Path  # the folder below which commits are laid out
    credential: Callable[[], GitCredential]
    signers: Path | None = None
    accept_rewritten: str | None = None


class GitSource:
    """A branch, fetched at each look. A commit is accepted once its manifest is valid."""

    def __init__(self, branch: FollowedBranch, commits: Commits) -> None:
        self._branch = branch
        self._commits = commits
        self._state = ManifestSourceState()
        self._refused: str | None = None  # the commit with the problem that was reported last

    def look(self) -> ManifestSourceState:
        """See `ManifestSource.look`."""
        self._state = replace(self._state, changed=False)
        accepted = None
        try:
            for _ in range(TRIES):
                accepted = self._commits.accepted()
                if self._looked(accepted):
                    break
        except RewrittenError as error:
            self._state = replace(self._state, problem=_text(error), untrusted=True)
        except PortalctlError as error:
            self._state = replace(self._state, problem=_text(error))
        if self._state.loaded is None and accepted is not None:
            self._fall_back(accepted)
        return self._state

    def _looked(self, accepted: str | None) -> bool:
        """Look once. False: another replica has accepted a commit since then. Raises PortalctlError."""
        commit = self._fetched(accepted)
        if commit not in {self._commit, self._refused}:
            return self._take(commit, accepted)
        if commit == self._commit:
            self._state = replace(self._state, problem=None, untrusted=False)
        return True

    def is_newest(self, loaded: Loaded) -> bool:
        """See `ManifestSource.is_newest`."""
        return self._commits.accepted() in {None, loaded.commit}

    @property
    def _commit(self) -> str | None:
        return self._state.loaded.commit if self._state.loaded is not None else None

    def _fetched(self, accepted: str | None) -> str:
        branch, rewritten = self._branch, self._branch.accept_rewritten
        if rewritten is not None and accepted is not None and branch.mirror.follows(rewritten, accepted):
            rewritten = None  # it was accepted: to go back to it would be another rewriting
        commit = branch.mirror.fetch(branch.credential(), accepted if rewritten is None else None)
        if rewritten is not None and commit != rewritten and accepted is not None:
            commit = branch.mirror.fetch(branch.credential(), accepted)
        if branch.signers is not None:
            branch.mirror.verify(commit, branch.signers)
        return commit

    def _take(self, commit: str, accepted: str | None) -> bool:
        """Load a commit, and accept it; an invalid one is refused. False: another one was accepted since then."""
        try:
            loaded = self._load(commit)
        except PortalctlError as error:
            self._refused = commit
            text = f"commit {commit[:12]} is not used: {_text(error)}"
            self._state = replace(self._state, problem=text)
            return True
        if not self._commits.accept(commit, accepted):
            return False
        self._refused = None
        self._state = ManifestSourceState(loaded, changed=True)
        self._remove_exports(commit)
        return True

    def _fall_back(self, accepted: str) -> None:
        """Use the last accepted commit where the newest cannot be used, after a restart."""
        if not self._branch.mirror.has(accepted):
            return
        try:
            loaded = self._load(accepted)
        except PortalctlError:
            return  # the problem with the newest one is reported
        self._state = replace(self._state, loaded=loaded, changed=True)

    def _load(self, commit: str) -> Loaded:
        root, path = self._branch.exports / commit, self._branch.path
        self._branch.mirror.lay_out(commit, root)
        if not Path(os.path.realpath(root / path)).is_relative_to(os.path.realpath(root)):
            raise PortalctlError(f"--path {quoted(path)} leads out of the commit", "Name a folder of the repository.")
        author = self._branch.mirror.author(commit)
        return replace(load((root / path,), below=root), commit=commit, author=author)

    def _remove_exports(self, keep: str) -> None:
        for old in self._branch.exports.iterdir():
            if old.name != keep:
                shutil.rmtree(old, ignore_errors=True)


def load(paths: tuple[Path, ...], below: Path | None = None) -> Loaded:
    """Load the manifest at these paths, with what root files acknowledge. Raises InputError.

    Args:
        below: the folder that file names in plans and messages are relative to; None: as they are given.
    """
    files, findings = read_files(paths)
    if below is not None:
        files = tuple(replace(file, shown=_relative(file.path, below)) for file in files)
        findings = [replace(one, at=one.at._replace(file=_relative(one.at.file, below))) for one in findings]
    contents = {file.shown: file.content for file in files}

    def listed(file: File, path: str) -> File | str:
        found = read_list(paths, file, path)
        if isinstance(found, File):
            contents[found.shown] = found.content
        return found

    manifest = assemble(files, findings, partial(listed), os.path.realpath, KINDS)
    check(manifest)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return Loaded(manifest, digests, None, named_acknowledgements(manifest.portals.values(), paths))


def _relative(path: str, below: Path) -> str:
    return os.path.relpath(path, below)


def _look(paths: tuple[Path, ...]) -> object:
    """Return what changes when any file below the paths does: names, places, sizes and times."""
    found: list[tuple[object, ...]] = []
    for path in paths:
        entries = [path] if not path.is_dir() else _entries(path)
        for entry in entries:
            try:
                facts = entry.stat()
            except OSError as error:
                found.append((str(entry), error.errno))
                continue
            found.append((str(entry), os.path.realpath(entry), facts.st_size, facts.st_mtime_ns, facts.st_ino))
    return tuple(sorted(found, key=str))


def _entries(folder: Path) -> list[Path]:
    """Return the files below a folder, without hidden ones, which no manifest is read from."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += (Path(place) / name for name in files if not name.startswith("."))
        if len(found) > _MOST_ENTRIES:
            break
    return found


def _text(error: PortalctlError) -> str:
    """Return an error in one sentence, with the first of its findings."""
    if isinstance(error, InputError) and error.findings:
        more = f" (and {len(error.findings) - 1:,} more)" if len(error.findings) > 1 else ""
        return f"{error.findings[0]}{more}"
    return ". ".join((error.message, *error.advice))
