"""CODEOWNERS: who reviews which file of a repository."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from portalctl.errors import BadUsageError
from portalctl.words import quoted

# A host reads one of these, and CODEOWNERS at the top would not count beside it.
OTHER_PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")
OWNER = "@your-org/portal-admins"
_BLANKS = re.compile(r"(?<!\\)\s+")  # one in a path is escaped
_FORM = re.compile(r"@[\w.-]+(/[\w.-]+)*")  # a person, or a team below its organisations


def is_owner(value: str) -> bool:
    """Return whether a text names an owner."""
    return _FORM.fullmatch(value) is not None


def read_owner(value: str) -> str:
    """Return an owner as given. Raises click.BadParameter."""
    if not is_owner(value):
        raise click.BadParameter("write @NAME or @ORGANISATION/TEAM")
    return value


def _given(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001 (click's)
    return None if value is None else read_owner(value)


owner_option = click.option(
    "--owner",
    callback=_given,
    metavar="@OWNER",
    help=f"Who reviews every file without owners of its own.  [default: {OWNER}]",
)


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository around a folder: its top, and the CODEOWNERS file that exists there, if any.

    Hosts read CODEOWNERS at the top of a repository only, or in a few folders there.
    """

    top: Path
    existing: Path | None

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Find the top: where Git has it, else the current folder if `folder` is below it, else `folder` itself."""
        absolute = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay)
        git = next((parent for parent in (absolute, *absolute.parents) if (parent / ".git").exists()), None)
        return cls.at(git or (Path.cwd() if absolute.is_relative_to(Path.cwd()) else absolute))

    @classmethod
    def at(cls, folder: Path) -> Repository:
        """Return the repository with this folder as its top."""
        top = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay)
        places = (top / name for name in ("CODEOWNERS", *OTHER_PLACES))
        return cls(top, next((place for place in places if os.path.lexists(place)), None))

    @property
    def code_owners(self) -> Path:
        """Where CODEOWNERS is or goes, relative to the current folder if it is below it."""
        path = self.existing or self.top / "CODEOWNERS"
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

    def inside(self, path: Path) -> str:
        """Return a path relative to the top, with `/`."""
        return Path(os.path.abspath(path)).relative_to(self.top).as_posix()  # noqa: PTH100 (links stay)


def team_owner(owner: str, file: str) -> str:
    """Return the default owner of a team's file: a team of the file's name.

    A host ignores owners that do not exist. What no name of a team has becomes `-`: `city @stranger.yaml` would name
    another owner.
    """
    organisation = owner.rpartition("/")[0] or OWNER.rpartition("/")[0]
    team = re.sub(r"[^\w.-]+", "-", Path(file).stem).strip("-.")
    return f"{organisation}/{team}" if team else owner


def code_owners(owner: str, files: Mapping[str, str]) -> str:
    """Return the text of a CODEOWNERS file: `owner` owns everything but `files`, which map paths to their owners.

    In it the last line that matches a file counts (GitHub: "About code owners"; GitLab: "Code Owners syntax").
    """
    lines = [
        f"* {owner}",
        "# The line above covers every file, also those that do not exist yet; the last line that matches a file",
        "# counts. Require reviews by code owners for the main branch (GitHub: require review from Code Owners;",
        "# GitLab: require approval from code owners).",
        "",
        "# A team reviews its own file. `delegate` in the portal's root file decides what that file may contain.",
        *(owner_line(path, owners) for path, owners in files.items()),
        *([] if files else ["#/portals/teams/city.yaml @your-org/city"]),
    ]
    return "\n".join(lines) + "\n"


def owner_line(path: str, owners: str) -> str:
    """Return the line of a file by its path relative to the top."""
    return f"{_pattern(path)} {owners}"


def _pattern(path: str) -> str:
    """Return the pattern for a path, with pattern characters and blanks escaped. Raises BadUsageError for a path that
    does not fit in one line."""
    if not path.isprintable():
        raise BadUsageError(
            f"{quoted(path)}: CODEOWNERS cannot name this file", "Rename it, without control characters."
        )
    return "/" + re.sub(r"([\s\\#*?!\[\]])", r"\\\1", path)


def missing_lines(text: str, owner: str, files: Mapping[str, str]) -> list[str]:
    """Return the lines that an existing CODEOWNERS file lacks: one for every file, and one for each of `files`."""
    rules = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    patterns = {_BLANKS.split(rule, maxsplit=1)[0] for rule in rules}
    lines = [] if "*" in patterns or "/**" in patterns else [f"* {owner}"]
    wanted = {path: _pattern(path) for path in files}
    return lines + [
        owner_line(path, files[path]) for path, wanting in wanted.items() if not {wanting, wanting[1:]} & patterns
    ]
