"""Finds the commit and author of each line of some files, in the repository of the working folder.

Blame works on the committed file and is given the content of the work tree, so that git reads nothing there itself.
The author is the one in the commit: no mailmap applies.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from portalctl.git.program import MOST_BYTES, SECONDS, GitError
from portalctl.git.repository import Objects, Repository, find_repository
from portalctl.insight.access_review import Origin, Origins

# The first line of an entry in git-blame's porcelain format: commit, line in that commit, line in the file.
_ENTRY: Final = re.compile(r"([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?")
# The trailers that GitLab's merge commits, Gerrit and `git commit --trailer` have, of each commit in one line.
_APPROVAL: Final = "%H %(trailers:key=Approved-by,key=Reviewed-by,valueonly,unfold,separator=%x2C%x20)"
MOST: Final = 200  # characters of an author, or of all approvers
_UNCOMMITTED: Final = re.compile("0+")


@dataclass(frozen=True, slots=True)
class Known:
    """The origins of lines. `cut`: a shallow clone lacks some of them. `problem`: why some are missing."""

    lines: Origins
    cut: bool = False
    problem: str | None = None


def origins(files: Iterable[str]) -> Known:
    """Return the last author of each line of these files, by file and line.

    Lines that are not committed have no origin, nor have files outside the repository of the working folder. In a
    shallow clone the oldest commit would be named for everything older, so those lines have none either.
    """
    lines: dict[tuple[str, int], Origin] = {}
    cut, problem = False, None
    try:
        for file, line, origin in _all(files):
            if origin is None:
                cut = True
            else:
                lines[file, line] = origin
    except GitError as error:
        problem = "; ".join([error.message, *error.advice])
    return Known(lines, cut, problem)


def _all(files: Iterable[str]) -> Iterator[tuple[str, int, Origin | None]]:
    """Yield each committed line; its origin is None where the clone is cut. Takes at most SECONDS in total."""
    repository = find_repository()
    head = repository.commit("HEAD") if repository else None
    if repository is None or head is None:
        return
    until = time.monotonic() + SECONDS
    paths = _paths(repository, files)
    with repository.objects(head) as objects:
        for path, committed in _committed(objects, head, set(paths.values())).items():
            content = _content(repository.top / path, committed)
            seconds = until - time.monotonic()
            if seconds <= 0:
                raise GitError(f"git blame took longer than {SECONDS:.0f} s for all files")
            output = _blame(objects, path, content if content != committed else None, seconds)
            known = list(_parsed(output.decode(errors="replace"), shallow=repository.is_shallow))
            approvers = _approvers(objects, {origin.commit for _, origin in known if origin is not None})
            known = [
                (line, origin and replace(origin, approver=approvers.get(origin.commit))) for line, origin in known
            ]
            for file in (file for file, named in paths.items() if named == path):
                yield from ((file, line, origin) for line, origin in known)


def _paths(repository: Repository, files: Iterable[str]) -> dict[str, str]:
    """Return each file's path below the top folder, links resolved. Files outside are left out."""
    real = {file: Path(os.path.realpath(file)) for file in files}
    return {
        file: path.relative_to(repository.top).as_posix()
        for file, path in real.items()
        if path.is_relative_to(repository.top)
    }


def _committed(objects: Objects, head: str, paths: Iterable[str]) -> Mapping[str, bytes]:
    """Return the content of each path in a commit that has it as a file."""
    wanted = sorted(paths)
    blobs = objects.files(head, wanted) if wanted else {}
    found = {path: blobs[path].id for path in wanted if path in blobs and not blobs[path].is_link}
    return dict(zip(found, objects.contents(list(found.values())), strict=True))


def _content(file: Path, committed: bytes) -> bytes:
    """Return the file from the work tree, with the line ends that are committed."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES)
    except OSError:
        return b""  # deleted since the manifest was read
    return content if b"\r\n" in committed else content.replace(b"\r\n", b"\n")


def _blame(objects: Objects, path: str, content: bytes | None, seconds: float) -> bytes:
    """Return git's output about a file with this content; None: as it is committed."""
    if content is None:
        return objects.run("blame", "--porcelain", "HEAD", "--", path, seconds=seconds)
    # Without a revision: before 2.41 git does not take one together with --contents.
    return objects.run("blame", "--porcelain", "--contents", "-", "--", path, stdin=content, seconds=seconds)


def _parsed(output: str, *, shallow: bool) -> Iterator[tuple[int, Origin | None]]:
    """Parse the origin of each committed line. The details of a commit follow its first line only."""
    facts: dict[str, dict[str, str]] = {}
    commit, line = "", 0
    for text in output.split("\n"):
        entry = _ENTRY.fullmatch(text)
        if entry is not None:
            commit, line = entry[1], int(entry[2])
            facts.setdefault(commit, {})
        elif text.startswith("\t"):
            if not _UNCOMMITTED.fullmatch(commit):
                cut = shallow and "boundary" in facts[commit]
                yield line, None if cut else Origin(commit, _author(facts[commit]))
        else:
            key, _, value = text.partition(" ")
            facts.get(commit, {})[key] = value


def _approvers(objects: Objects, commits: Collection[str]) -> Mapping[str, str]:
    """Return who approved commits, by the trailers of their messages; commits without such a trailer are left out."""
    if not commits:
        return {}
    names = "\n".join(sorted(commits)).encode()
    output = objects.run(
        "log", "--no-walk=unsorted", "--no-show-signature", f"--format={_APPROVAL}", "--stdin", stdin=names
    )
    lines = (line.partition(" ") for line in output.decode(errors="replace").split("\n"))
    return {commit: _cut(approver) for commit, _, approver in lines if approver}


def _author(facts: Mapping[str, str]) -> str:
    return _cut(f"{facts.get('author', '')} {facts.get('author-mail', '')}".strip())


def _cut(text: str) -> str:
    """Return at most MOST characters of what a commit names, without the word in which it is cut: half an address
    could not be masked."""
    return text if len(text) <= MOST else f"{text[: MOST - 1].rpartition(' ')[0]}…"
