"""Finds the one repository that the working folder belongs to, and reads its objects without its configuration.

Git is never asked to search: it would accept a folder with the files of a bare repository, which a commit can
contain. The search is for `.git` alone, which git refuses to check out, from the working folder upwards.

Files and history are read through a folder of ours with an empty configuration, an empty work tree and the objects of
the repository. So no filter, textconv, external diff, hook, monitor, pager, alias, attribute, mailmap, replace ref,
graft, remote or helper of the repository exists there. Only names such as `main` are looked up in the repository.

Git's own safe.directory is not needed, since it checks only what git itself finds. Instead, the repository must
belong to the owner of the folder around it, to this user, or to root: a checkout that a CI service mounts passes, a
`.git` that another user put into /tmp does not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from portalctl.git.program import MOST_BYTES, SECONDS, Git, GitError, GitFailedError, find_program

_LINK: Final = "120000"  # the mode of a symbolic link (gitglossary, "tree object")
_FILE_TREES: Final = 500  # paths in one command line
_PARTIAL: Final = "A partial clone does not have all of them: fetch the commit in full."
_POINTER: Final = b"gitdir: "
_POINTER_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Blob:
    """A file, or a symbolic link, in a commit. `id` is that of its content."""

    id: str
    is_link: bool


@dataclass(frozen=True, slots=True)
class Repository:
    """`top` is the top folder of the work tree; `git_dir` has HEAD, `common_dir` objects and branches: real paths."""

    top: Path
    git_dir: Path
    common_dir: Path
    git: Git

    @property
    def is_shallow(self) -> bool:
        """Whether history is cut off (gitrepository-layout, "shallow")."""
        return bool(_content(self.common_dir / "shallow"))

    def commit(self, ref: str) -> str | None:
        """Return the id of the commit that a branch, tag, hash or other revision names, None where there is none.

        Raises GitFailedError where git gives a reason, such as a broken configuration.
        """
        if not ref or ref.startswith("-") or "\0" in ref:  # an option is not a revision
            return None
        words = ("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        env = {"GIT_DIR": str(self.git_dir)}
        try:
            return self.git.run(*words, env=env, folder=self.git_dir).decode().strip()
        except GitFailedError as error:
            if error.reason:
                raise
            return None

    @contextmanager
    def objects(self, head: str) -> Iterator[Objects]:
        """Open the repository's objects. `head` is the commit that counts as checked out."""
        with TemporaryDirectory(prefix="portalctl-git-") as name:
            folder = Path(os.path.realpath(name))
            work = folder / "work"
            for empty in (folder / "refs", work):
                empty.mkdir()
            (folder / "HEAD").write_text(f"{head}\n")
            (folder / "config").write_text(_config(head))
            if shallow := _content(self.common_dir / "shallow"):
                (folder / "shallow").write_bytes(shallow)
            yield Objects(self.git, folder, work, self.common_dir / "objects")


@dataclass(frozen=True, slots=True)
class Objects:
    """Commits and files. Each method raises GitError for what is not there or cannot be read."""

    git: Git
    folder: Path
    work: Path
    store: Path

    def run(self, *words: str, stdin: bytes = b"", seconds: float = SECONDS) -> bytes:
        """Return what a git command prints."""
        env = {
            "GIT_DIR": str(self.folder),
            "GIT_WORK_TREE": str(self.work),
            "GIT_OBJECT_DIRECTORY": str(self.store),
        }
        return self.git.run(*words, env=env, folder=self.work, stdin=stdin, seconds=seconds)

    def count(self, start: str, end: str) -> int:
        """Return the number of commits that `end` has and `start` does not."""
        return int(self.run("rev-list", "--count", f"{start}..{end}"))

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Blob]:
        """Return the files and links at and below paths of a commit, by path; all of them where no path is given."""
        blobs: dict[str, Blob] = {}
        for below in _batches(list(paths)):
            listed = self.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", *below)
            for line in filter(None, listed.split(b"\0")):
                facts, _, raw = line.partition(b"\t")
                mode, kind, content = facts.decode().split()
                name = os.fsdecode(raw)
                if kind == "blob" and not name.startswith("/") and ".." not in name.split("/"):
                    blobs[name] = Blob(content, mode == _LINK)
        return blobs

    def contents(self, ids: Sequence[str]) -> Iterator[bytes]:
        """Yield the contents of blobs, in the order of their ids."""
        try:
            output = self.run("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in ids).encode())
        except GitError as error:
            raise GitError(f"cannot read files of the commit: {error.message}", *error.advice, _PARTIAL) from error
        start = 0
        for _ in ids:
            end = output.index(b"\n", start)
            facts = output[start:end].split()  # id, "blob", size; or id, "missing"
            if len(facts) != 3:
                raise GitError("this clone lacks files of the commit", _PARTIAL)
            start = end + 1 + int(facts[2]) + 1
            yield output[end + 1 : start - 1]


def find_repository() -> Repository | None:
    """Return the repository of the working folder, None where it is in none.

    Raises GitError for a repository that cannot be trusted, or where git is not installed.
    """
    try:
        start = Path(os.path.realpath(Path.cwd()))
        device = start.stat().st_dev
        for folder in (start, *start.parents):
            if folder.stat().st_dev != device:  # as git does, the search stops at a mount point
                return None
            git_dir = _git_dir(folder / ".git")
            if git_dir is not None:
                return _repository(folder, git_dir)
    except OSError as error:
        raise GitError(f"cannot look for the Git repository of the working folder: {error}") from error
    return None


def _repository(top: Path, git_dir: Path) -> Repository:
    """Raises GitError for a repository that cannot be trusted."""
    common_dir = _common_dir(git_dir)
    allowed = {top.stat().st_uid, getattr(os, "geteuid", int)(), 0}
    for part in {git_dir, common_dir}:
        if part.is_relative_to(top) and not part.is_relative_to(top / ".git"):
            raise GitError(
                f"the Git repository of {top} is in its own work tree, at {part}",
                "Move it out of there: a commit could forge its history.",
            )
        if (owner := part.stat().st_uid) not in allowed:
            raise GitError(
                f"the repository {part} belongs to user {owner}, and the folder {top} does not",
                "Use your own clone, or change the owner.",
            )
    return Repository(top, git_dir, common_dir, find_program(top))


def _git_dir(entry: Path) -> Path | None:
    """Return the folder that a `.git` is or names (gitrepository-layout). Raises GitError where it names none."""
    if os.path.isdir(entry):  # noqa: PTH112 (never raises)
        git_dir = Path(os.path.realpath(entry))
        return git_dir if _is_git_dir(git_dir) else None
    content = _content(entry, _POINTER_BYTES)
    if content is None:
        return None
    named = os.fsdecode(content.removeprefix(_POINTER).rstrip(b"\r\n"))
    if content.startswith(_POINTER) and named and "\0" not in named:
        git_dir = Path(os.path.realpath(entry.parent / named))
        if _is_git_dir(git_dir):
            return git_dir
    raise GitError(f"{entry} does not lead to a Git repository", "Run portalctl in a working clone.")


def _is_git_dir(folder: Path) -> bool:
    common = _common_dir(folder)
    return os.path.lexists(folder / "HEAD") and (common / "objects").is_dir() and (common / "refs").is_dir()


def _common_dir(git_dir: Path) -> Path:
    """The folder that linked work trees share (git-worktree, "commondir")."""
    named = os.fsdecode(_content(git_dir / "commondir", _POINTER_BYTES) or b"").rstrip("\r\n")
    return Path(os.path.realpath(git_dir / named)) if named and "\0" not in named else git_dir


def _content(path: Path, most: int = MOST_BYTES) -> bytes | None:
    """Return the content of a small regular file, None where there is none. A pipe or device is not opened."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(most)
    return None


def _config(commit: str) -> str:
    """The configuration of our own. An id of 64 digits is one of SHA-256 (git's hash-function-transition)."""
    sha256 = len(commit) == 64
    extension = "[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""
    return f"[core]\n\trepositoryFormatVersion = {int(sha256)}\n\tbare = false\n{extension}"


def _batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    yield paths[:_FILE_TREES]
    for start in range(_FILE_TREES, len(paths), _FILE_TREES):
        yield paths[start : start + _FILE_TREES]
