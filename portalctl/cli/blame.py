"""Who last changed each line of some files, as far as the local Git repository tells. Nothing here is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from portalctl.cli.gitref import GitError, git
from portalctl.plan.access_review import Origin, Origins

# A line's head in git-blame's porcelain format: commit, line in that commit, line in the file now.
_HEAD = re.compile(r"([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?")
_UNCOMMITTED = re.compile("0+")


@dataclass(frozen=True, slots=True)
class Known:
    """The origins of `lines`. `cut`: of others a shallow clone does not tell."""

    lines: Origins
    cut: bool


def origins(files: Iterable[str]) -> Known:
    """By file and line. Lines that are not committed have none, nor has what is no part of a repository.

    In a shallow clone the oldest commit that is there would be named for everything older; that tells nothing either.
    """
    told = [(file, *each) for file in files for each in _of_file(Path(file))]
    lines = {(file, line): origin for file, line, origin in told if origin is not None}
    return Known(lines, cut=len(lines) < len(told))


def _of_file(file: Path) -> Iterator[tuple[int, Origin | None]]:
    """Each committed line; None where the clone is cut."""
    try:
        shallow = _is_shallow(file.parent)
        output = git("-C", str(file.parent), "blame", "--porcelain", "--", file.name)
    except GitError:
        return
    yield from _parsed(output.decode(errors="replace"), shallow=shallow)


@cache
def _is_shallow(folder: Path) -> bool:
    return git("-C", str(folder), "rev-parse", "--is-shallow-repository").strip() == b"true"


def _parsed(output: str, *, shallow: bool) -> Iterator[tuple[int, Origin | None]]:
    """A commit's facts stand behind its first line only."""
    facts: dict[str, dict[str, str]] = {}
    commit, line = "", 0
    for text in output.split("\n"):
        head = _HEAD.fullmatch(text)
        if head is not None:
            commit, line = head[1], int(head[2])
            facts.setdefault(commit, {})
        elif text.startswith("\t"):
            if not _UNCOMMITTED.fullmatch(commit):
                cut = shallow and "boundary" in facts[commit]
                yield line, None if cut else Origin(commit, _author(facts[commit]))
        else:
            key, _, value = text.partition(" ")
            facts.get(commit, {})[key] = value


def _author(facts: dict[str, str]) -> str:
    return f"{facts.get('author', '')} {facts.get('author-mail', '')}".strip()
