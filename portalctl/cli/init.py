"""`portalctl init`: a repository to begin with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import click
from pydantic import TypeAdapter, ValidationError

from portalctl.cli.examples import examples, pinned_action
from portalctl.cli.init_files import ACTION, IGNORE, OWNER, WORKFLOWS, Answers, Ci, Examples, manifests, others
from portalctl.cli.prompts import asked, chosen
from portalctl.cli.provider_options import PROVIDERS, REGIONS, check_keys, has_key, provider_options
from portalctl.errors import BadUsageError, InputError
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble
from portalctl.manifest.value_formats import Handle, unfit
from portalctl.output.escaping import terminal
from portalctl.output_file import PUBLIC, check_stdout, create_files
from portalctl.providers.registry import provider_named
from portalctl.rules.unsupported import check

# Each of these would be read in place of ours, or before it.
OTHER_OWNERS = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")
_OWNER = re.compile(r"@[\w.-]+(/[\w.-]+)*")  # a person, or a team below its organisations
CIS: tuple[Ci, ...] = get_args(Ci)
NEXT: Mapping[Ci, str] = {
    "github": "make the environments and secrets that the comments in .github/workflows/ name, and commit",
    "gitlab": "set the variables that the comments in .gitlab-ci.yml name, and commit",
    "none": "portalctl validate, and commit",
}


def _teams(ctx: click.Context, param: click.Parameter, values: Iterable[str]) -> dict[str, str]:  # noqa: ARG001
    return dict(map(_team, values))


def _team(value: str) -> tuple[str, str]:
    name, _, owner = value.rpartition("=")
    if not name or not _OWNER.fullmatch(owner):
        raise click.BadParameter(f"{value!r}: write NAME=@OWNER")
    return name, owner


def _owner(value: str) -> str:
    if not _OWNER.fullmatch(value):
        raise click.BadParameter("write @NAME or @ORGANISATION/TEAM")
    return value


def _given_owner(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    return None if value is None else _owner(value)


owner_option = click.option(
    "--owner",
    callback=_given_owner,
    metavar="@OWNER",
    help=f"Who reviews everything else.  [default: {OWNER}]",
)


@click.command()
@click.option("--portal", "name", metavar="NAME", help="What the manifest calls the portal.")
@click.option("--portal-id", "portal_id", metavar="ID", help="The portal's id on its provider.")
@click.option("--title", help="Or its unique name there.")
@provider_options(required=False)
@click.option("--ci", type=click.Choice(CIS), help="Which workflows to write.")
@click.option(
    "--team",
    "teams",
    multiple=True,
    callback=_teams,
    metavar="NAME=@OWNER",
    help="A team and who reviews its file; repeats.",
)
@owner_option
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="The folder.  [default: this one]"
)
def init(
    *,
    name: str | None,
    provider: str | None,
    portal_id: str | None,
    title: str | None,
    region: str | None,
    settings: Mapping[str, str],
    ci: Ci | None,
    teams: Mapping[str, str],
    owner: str | None,
    out: Path,
) -> None:
    """Begin a repository: a manifest, workflows for GitHub or GitLab, CODEOWNERS and .gitignore.

    What no option says is asked on a terminal. With --team, each team has a file that its owners review, and that can
    contain this team alone; in CODEOWNERS everything else belongs to --owner. Nothing is overwritten: if anything is
    in the way, it is named, and nothing is written. Only a .gitignore may be there; the lines it lacks are printed.

    \b
    Examples:
      portalctl init --portal partners --provider konnect --region eu --title Partners --ci github
      portalctl init --portal fans --provider api7 --title Fans --ci gitlab --out fans-portal
    """
    if portal_id is not None and title is not None:
        raise BadUsageError("--portal-id and --title both say which portal it is; give one")
    asking = sys.stdin.isatty() and None in (name, provider, portal_id or title, ci)
    name = name or asked("--portal", "Name of the portal in files and variables, such as partners", _handle)
    provider = provider or chosen("--provider", "Provider", PROVIDERS)
    if portal_id is None and title is None:
        title = asked("--portal-id or --title", "The portal's unique name on its provider", str.strip)
    kind = provider_named(provider)
    if asking and region is None and has_key(kind, "region"):
        region = chosen("--region", "Region", REGIONS)
    keys = {**({} if region is None else {"region": region}), **settings}
    check_keys(kind, portal_id, keys.items())
    ci = ci or chosen("--ci", "Workflows for", CIS)
    if asking and owner is None:
        owner = asked("--owner", "Who reviews the files", _owner, default=OWNER)
    if asking and not teams and "teams" in kind.abilities:
        teams = dict(_asked_teams())
    texts = _texts(Answers(name, provider, portal_id, title, keys, ci, owner or OWNER, teams))
    ignoring = out / IGNORE
    told = _unignored(ignoring, texts.pop(IGNORE)) if ignoring.is_file() else []  # most repositories have one
    _write(out, texts)
    _say_what_is_next(ci, texts, told)


def _handle(text: str) -> str:
    try:
        return TypeAdapter(Handle).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(unfit(error)[1]) from None


def _asked_teams() -> Iterator[tuple[str, str]]:
    """Those with files of their own, one after the other, until there are no more."""
    question = "A team with a file of its own, and who reviews that: NAME=@OWNER (none: Enter)"
    while team := asked("--team", question, lambda text: _team(text) if text else None, default=""):
        yield team


def _texts(answers: Answers) -> dict[str, str]:
    """All files by path. Raises BadUsageError for answers that make no manifest that `validate` would take."""
    try:
        files = manifests(answers)
        check(assemble([File(path, path, f"/{path}", text.encode()) for path, text in files.items()]))
    except InputError as error:
        raise BadUsageError(
            "no valid manifest can be made of this; nothing was written", *map(str, error.findings)
        ) from None
    return files | others(answers, _examples())


def _examples() -> Examples:
    folder = examples()
    return Examples(
        workflows={name: _read(folder / "github" / name) for name in WORKFLOWS},
        action=pinned_action(),
        gitlab=_read(folder / "gitlab" / ".gitlab-ci.yml"),
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(out: Path, texts: Mapping[str, str]) -> None:
    """All of the files or none, and then their names."""
    check_stdout()
    paths = {out / path: text for path, text in texts.items()}
    _check_free([*paths, *(out / path for path in OTHER_OWNERS)])
    try:
        create_files(paths, PUBLIC)
    except OSError as error:
        raise BadUsageError(f"--out: {error.filename}: {error.strerror}; nothing was written") from error
    click.echo("".join(f"{terminal(str(path))}\n" for path in paths), nl=False)


def _check_free(paths: Iterable[Path]) -> None:
    """Raises BadUsageError with everything that is in the way; also a link that leads nowhere is."""
    there = [str(path) for path in paths if os.path.lexists(path)]
    if there:
        raise BadUsageError(
            f"in the way: {', '.join(there)}; nothing was written",
            "nothing is ever overwritten: give another folder with --out, and take over from there what you need",
        )


def _unignored(path: Path, wanted: str) -> list[str]:
    """Those of the wanted lines that an ignore file does not have."""
    there = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [line for line in wanted.splitlines() if line not in there]


def _say_what_is_next(ci: Ci, texts: Mapping[str, str], unignored: Sequence[str]) -> None:
    """`unignored`: what an ignore file of somebody else's should have."""
    places = {
        OWNER: f"put your own owners in the place of {OWNER} in CODEOWNERS",
        ACTION: f"put where portalctl is, and a commit of it, in the place of {ACTION} in .github/workflows/",
    }
    steps = [f"add to {IGNORE}, which was there: {' '.join(unignored)}"] if unignored else []
    steps += [step for place, step in places.items() if any(place in text for text in texts.values())]
    click.echo("".join(f"Next: {step}\n" for step in [*steps, NEXT[ci]]), err=True, nl=False)
