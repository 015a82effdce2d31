"""Files as a commit of the local Git repository has them. The work tree is left alone.

Only what Git stores is read (`ls-tree`, `cat-file`): no checkout, so no filter, hook or attribute has a say, and
nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from portalctl.errors import BadUsageError
from portalctl.manifest.names import is_manifest

LINK = "120000"  # the mode of a symbolic link (gitglossary, "tree object")
MOST_LINKS = 40  # on the way to one file, as Linux has it
SECONDS = 60
_PARTIAL = "a partial clone has not all of them: fetch the base in full"
QUIET = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}


class GitError(BadUsageError):
    """Git is not there, or does not have what was asked for."""


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file, or a link, as a commit has it."""

    id: str
    is_link: bool


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was read of a commit, in a folder of its own; `root` stands for the repository's top folder `top`.

    `blobs`: what else the commit has beside and below what was read, by its path below `top`.
    """

    root: Path
    top: Path
    blobs: Mapping[str, _Blob]

    def inside(self, path: Path) -> Path:
        """Where a path of the work tree is here, whether or not there is anything. Raises GitError beyond it."""
        absolute = Path(os.path.normpath(Path.cwd().resolve() / path))
        if not absolute.is_relative_to(self.top):
            raise GitError(f"{path} is outside the Git repository {self.top}", "give a folder instead: --base DIR")
        return self.root / absolute.relative_to(self.top)

    def shown(self, path: str) -> str:
        """The name for people of a file in here: that of its place in the work tree."""
        there = self.top / Path(path).relative_to(self.root)
        return Path(os.path.relpath(there, Path.cwd().resolve())).as_posix()

    def add(self, path: str) -> None:
        """Read one file more, by its path here: as the commit has it, with the links that lead to it.

        Does nothing where there is none. Raises GitError for what can't be read.
        """
        for _ in range(MOST_LINKS + 1):
            name = self._missing(path)
            if name is None:
                return
            _lay_out(self.root, {name: self.blobs[name]})

    def _missing(self, path: str) -> str | None:
        """The first thing on the way to a path that the commit has and that is not here yet."""
        try:
            end = Path(os.path.realpath(path)).relative_to(self.root)
        except (OSError, ValueError):  # outside, or no name that a file can have
            return None
        way = (each.as_posix() for each in (*reversed(end.parents), end))
        return next((name for name in way if name in self.blobs and not os.path.lexists(self.root / name)), None)


@contextmanager
def checkout(ref: str, paths: Sequence[Path]) -> Iterator[Checkout]:
    """The YAML files (and links) that a commit has at these paths, for as long as the context lasts.

    `ref` names the commit: a branch, tag, hash or anything else that `git rev-parse` knows. Raises GitError.
    """
    top = Path(git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
    commit = _commit(ref)
    with TemporaryDirectory(prefix="portalctl-") as folder:
        root = Path(folder).resolve()
        found = Checkout(root, top.resolve(), {})
        asked = [PurePosixPath(found.inside(path).relative_to(root).as_posix()) for path in paths]
        blobs = _listed(commit, asked)
        _lay_out(root, {name: blob for name, blob in blobs.items() if _is_asked(name, blob, asked)})
        yield replace(found, blobs=blobs)


def lead(ref: str) -> int:
    """How many commits `ref` has that what is checked out does not have. Raises GitError."""
    return int(git("rev-list", "--count", f"HEAD..{_commit(ref)}"))


def _is_asked(name: str, blob: _Blob, asked: Sequence[PurePosixPath]) -> bool:
    path = PurePosixPath(name)
    is_read = blob.is_link or is_manifest(name)
    return path in asked or (is_read and any(path.is_relative_to(folder) for folder in asked))


def _lay_out(root: Path, blobs: Mapping[str, _Blob]) -> None:
    """Write files, then links, so that no file is written through one. Raises GitError where a folder can't."""
    contents = _contents([blob.id for blob in blobs.values()])
    read = zip(blobs.items(), contents, strict=True)
    for (name, blob), content in sorted(read, key=lambda each: each[0][1].is_link):
        target = root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if blob.is_link:
                target.symlink_to(os.fsdecode(content))
            else:
                target.write_bytes(content)
        except (OSError, ValueError) as error:
            raise GitError(f"cannot lay out {name} of the base: {error}") from error


def _commit(ref: str) -> str:
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    except GitError as error:
        raise GitError(
            f"--base {ref}: no folder, and no commit that this repository has",
            "in CI the base may not be fetched: fetch it, such as with `fetch-depth: 0` or `git fetch origin main`",
            *error.advice,
        ) from None


def _listed(commit: str, asked: Sequence[PurePosixPath]) -> dict[str, _Blob]:
    """The files and links below what is asked for, and beside a file that is: lists that manifests name."""
    folders = [*asked, *(path.parent for path in asked if is_manifest(path.name))]
    below = () if PurePosixPath() in folders else map(str, folders)
    blobs: dict[str, _Blob] = {}
    for line in filter(None, git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *below).split(b"\0")):
        facts, _, raw = line.partition(b"\t")
        mode, kind, content = facts.decode().split()
        name = os.fsdecode(raw)
        path = PurePosixPath(name)
        if kind == "blob" and not path.is_absolute() and ".." not in path.parts:
            blobs[name] = _Blob(content, mode == LINK)
    return blobs


def _contents(ids: Sequence[str]) -> Iterator[bytes]:
    """The contents of these ids, in their order."""
    try:
        output = git("cat-file", "--batch", given="".join(f"{each}\n" for each in ids).encode())
    except GitError as error:
        raise GitError("files of the base can't be read", *error.advice, _PARTIAL) from error
    start = 0
    for _ in ids:
        end = output.index(b"\n", start)
        facts = output[start:end].split()  # id, "blob", size; or id, "missing"
        if len(facts) != 3:
            raise GitError("this clone lacks files of the base", _PARTIAL)
        start = end + 1 + int(facts[2]) + 1
        yield output[end + 1 : start - 1]


def git(*args: str, given: bytes = b"") -> bytes:
    """What Git prints. Its own configuration can start nothing here and fetch nothing."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", *args]
    try:
        done = subprocess.run(  # noqa: S603 (no shell)
            command, input=given, capture_output=True, env={**os.environ, **QUIET}, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise GitError("git is needed, and is not installed here") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {args[0]} took longer than {SECONDS} s") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(f"git {args[0]} failed", *told[:1])
    return done.stdout
