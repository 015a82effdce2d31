"""Files as a commit of the local Git repository has them. The work tree is left alone.

Only what Git stores is read (`ls-tree`, `cat-file`): no checkout, so no filter, hook or attribute has a say, and
nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from portalctl.errors import BadUsageError

SUFFIXES = (".yaml", ".yml")
LISTS = (".csv",)  # what manifest files may name, beside or below them
LINK = "120000"  # the mode of a symbolic link (gitglossary, "tree object")
SECONDS = 60
QUIET = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}


class GitError(BadUsageError):
    """Git is not there, or does not have what was asked for."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was read of a commit, in a folder of its own; `root` stands for the repository's top folder `top`."""

    root: Path
    top: Path

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


@contextmanager
def checkout(ref: str, paths: Sequence[Path]) -> Iterator[Checkout]:
    """The YAML files (and links) that a commit has at these paths, with the lists beside and below them, for as long
    as the context lasts.

    `ref` names the commit: a branch, tag, hash or anything else that `git rev-parse` knows. Raises GitError.
    """
    top = Path(git("rev-parse", "--show-toplevel").decode().rstrip("\n"))
    commit = _commit(ref)
    with TemporaryDirectory(prefix="portalctl-") as folder:
        found = Checkout(Path(folder).resolve(), top.resolve())
        wanted = [found.inside(path).relative_to(found.root).as_posix() for path in paths]
        files, links = _listed(commit, wanted)
        _lay_out(found.root, dict(zip(files, _contents(tuple(files.values())), strict=True)))
        _lay_out(found.root, dict(zip(links, _contents(tuple(links.values())), strict=True)), links=True)
        yield found


def _lay_out(root: Path, contents: Mapping[str, bytes], *, links: bool = False) -> None:
    """Write files, then links, so that no file is written through one. Raises GitError where a folder can't."""
    for name, content in contents.items():
        target = root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if links:
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


def _listed(commit: str, paths: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Files and links by name, each with the id of its content."""
    asked = [PurePosixPath(path) for path in paths]
    folders = [*asked, *(path.parent for path in asked if path.suffix in SUFFIXES)]
    below = () if PurePosixPath() in folders else map(str, folders)
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    for line in filter(None, git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *below).split(b"\0")):
        facts, _, raw = line.partition(b"\t")
        mode, kind, content = facts.decode().split()
        name = os.fsdecode(raw)
        path = PurePosixPath(name)
        if kind != "blob" or path.is_absolute() or ".." in path.parts:
            continue
        if mode == LINK:
            links[name] = content
        elif path in asked or path.suffix.lower() in LISTS or (path.suffix in SUFFIXES and _is_below(path, asked)):
            files[name] = content
    return files, links


def _is_below(path: PurePosixPath, folders: Sequence[PurePosixPath]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _contents(ids: Sequence[str]) -> Iterator[bytes]:
    """The contents of these ids, in their order."""
    output = git("cat-file", "--batch", given="".join(f"{each}\n" for each in ids).encode())
    start = 0
    for _ in ids:
        end = output.index(b"\n", start)
        facts = output[start:end].split()  # id, "blob", size; or id, "missing"
        if len(facts) != 3:
            raise GitError("this clone lacks files of the base", "it is a partial one: fetch the base in full")
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
