"""The file CODEOWNERS of a repository: where it is, its owners and its lines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from portalctl.errors import BadUsageError
from portalctl.words import quoted

# Hosts read only one CODEOWNERS file; if one of these exists, another one at the top may have no effect.
OTHER_PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")
OWNER = "@your-org/portal-admins"
_BLANKS = re.compile(r"(?<!\\)\s+")  # one in a path is escaped
_FORM = re.compile(r"@[\w.-]+(/[\w.-]+)*")  # a user, or a team below its organisations


def is_owner(value: str) -> bool:
    """Return whether a text names an owner."""
    return _FORM.fullmatch(value) is not None


def read_owner(value: str) -> str:
    """Return the text if it names an owner. Raises click.BadParameter."""
    if not is_owner(value):
        raise click.BadParameter(f"{quoted(value)} is not a valid owner; expected @NAME or @ORGANISATION/TEAM")
    return value


def _owner(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001 (click's)
    return None if value is None else read_owner(value)


owner_option = click.option(
    "--owner",
    callback=_owner,
    metavar="@OWNER",
    help=f"The owner of all files without another owner in CODEOWNERS.  [default: {OWNER}]",
)


@dataclass(frozen=True, slots=True)
class RepositoryFolder:
    """The top folder of a repository, and its existing CODEOWNERS file, if any.

    Hosts read CODEOWNERS only at the top of a repository, or in a few folders there.
    """

    top: Path
    existing: Path | None

    @classmethod
    def around(cls, folder: Path) -> RepositoryFolder:
        """Return the repository of a folder.

        Its top is the folder with `.git`, else the current folder if `folder` is below it, else `folder` itself.
        """
        absolute = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay)
        git = next((parent for parent in (absolute, *absolute.parents) if (parent / ".git").exists()), None)
        return cls.at(git or (Path.cwd() if absolute.is_relative_to(Path.cwd()) else absolute))

    @classmethod
    def at(cls, folder: Path) -> RepositoryFolder:
        """Return the repository with this folder as its top."""
        top = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay)
        places = (top / name for name in ("CODEOWNERS", *OTHER_PLACES))
        return cls(top, next((place for place in places if os.path.lexists(place)), None))

    @property
    def code_owners(self) -> Path:
        """The path of CODEOWNERS, existing or new; relative to the current folder if it is below it."""
        path = self.existing or self.top / "CODEOWNERS"
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

    def inside(self, path: Path) -> str:
        """Return a path relative to the top, with `/`."""
        return Path(os.path.abspath(path)).relative_to(self.top).as_posix()  # noqa: PTH100 (links stay)


def team_owner(owner: str, file: str) -> str:
    """Return the default owner of a team's file: the team on the host with the name of the file.

    Hosts ignore owners that do not exist. Characters that are not valid in a team name become `-`: the file name
    `city @stranger.yaml` would name another owner.
    """
    organisation = owner.rpartition("/")[0] or OWNER.rpartition("/")[0]
    team = re.sub(r"[^\w.-]+", "-", Path(file).stem).strip("-.")
    return f"{organisation}/{team}" if team else owner


def code_owners(owner: str, files: Mapping[str, str]) -> str:
    """Return the text of a CODEOWNERS file. `owner` owns all files except `files`, a mapping of paths to owners.

    The last line that matches a file counts (GitHub: "About code owners"; GitLab: "Code Owners syntax").
    """
    lines = [
        f"* {owner}",
        "# The line above covers every file, also those that do not exist yet; the last line that matches a file",
        "# counts. Require reviews by code owners for the main branch (GitHub: require review from Code Owners;",
        "# GitLab: require approval from code owners).",
        "",
        "# Each team reviews its file. `delegate` in the root file of the portal decides what the file may contain.",
        *(owner_line(path, owners) for path, owners in files.items()),
        *([] if files else ["#/portals/teams/city.yaml @your-org/city"]),
    ]
    return "\n".join(lines) + "\n"


def owner_line(path: str, owners: str) -> str:
    """Return the line for a file. `path` is relative to the top."""
    return f"{_pattern(path)} {owners}"


def _pattern(path: str) -> str:
    """Return the pattern for a path, with pattern characters and blanks escaped.

    Raises BadUsageError for a path that does not fit in one line.
    """
    if not path.isprintable():
        raise BadUsageError(
            f"{quoted(path)}: CODEOWNERS cannot name this file", "Rename it, without control characters."
        )
    return "/" + re.sub(r"([\s\\#*?!\[\]])", r"\\\1", path)


def missing_lines(text: str, owner: str, files: Mapping[str, str]) -> list[str]:
    """Return the missing lines of an existing CODEOWNERS file: the one for all files, and one for each of `files`."""
    rules = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    patterns = {_BLANKS.split(rule, maxsplit=1)[0] for rule in rules}
    lines = [] if "*" in patterns or "/**" in patterns else [f"* {owner}"]
    wanted = {path: _pattern(path) for path in files}
    return lines + [
        owner_line(path, files[path]) for path, pattern in wanted.items() if not {pattern, pattern[1:]} & patterns
    ]
