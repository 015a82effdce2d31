"""`portalctl init`: set up a repository with a manifest, workflows, CODEOWNERS and .gitignore."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import click
from pydantic import TypeAdapter, ValidationError

from portalctl.cli.code_owners import OWNER, is_owner, owner_option, read_owner
from portalctl.cli.examples import installed_source, source_of
from portalctl.cli.existing_manifest import ExistingManifest, check_addition, existing_manifest
from portalctl.cli.init_files import Answers, Ci, InstallSource
from portalctl.cli.options import Target, tls_options
from portalctl.cli.prompts import ask, choose, confirm
from portalctl.cli.provider_options import PROVIDERS, REGIONS, check_keys, has_key, provider_options
from portalctl.cli.repository_setup import (
    Setup,
    add_surroundings,
    invalid_answers,
    of_existing,
    of_import,
    of_new,
    show,
    write,
)
from portalctl.cli.servers import Destination, Tls, servers
from portalctl.errors import BadUsageError, InputError
from portalctl.manifest.value_formats import Handle, unfit
from portalctl.output_file import check_stdout
from portalctl.providers.registry import provider_named
from portalctl.words import quoted

CIS: tuple[Ci, ...] = get_args(Ci)
_SOURCE = re.compile(r"(?P<url>\S+)@(?P<commit>[^@]+)")


def _teams(ctx: click.Context, param: click.Parameter, values: Iterable[str]) -> dict[str, str]:  # noqa: ARG001
    return dict(map(_team, values))


def _team(value: str) -> tuple[str, str]:
    name, _, owner = value.rpartition("=")
    if not name or not is_owner(owner):
        raise click.BadParameter(f"{quoted(value)} is not a valid team; expected NAME=@OWNER")
    return name, owner


def _source(ctx: click.Context, param: click.Parameter, value: str | None) -> InstallSource | None:
    if value is None:
        return None
    found = _SOURCE.fullmatch(value)
    source = source_of(found["url"], found["commit"]) if found else None
    if source is None:
        raise click.BadParameter(
            "expected https://HOST/OWNER/REPOSITORY@COMMIT, with the 40 hexadecimal digits of the commit",
            ctx=ctx,
            param=param,
        )
    return source


@click.command()
@click.option("--portal", "name", metavar="NAME", help="The portal's short name in the manifest.")
@click.option("--portal-id", "portal_id", metavar="ID", help="The portal's id on its provider.")
@click.option("--title", help="Its name there, instead of the id, if unique.")
@provider_options(required=False)
@click.option("--ci", type=click.Choice(CIS), help="The CI system to write workflows for.")
@click.option(
    "--import/--no-import",
    "importing",
    default=None,
    help="Write the manifest from the portal, as `portalctl import` does.  [default: ask on a terminal]",
)
@click.option("--split", type=click.Choice(["teams"]), help="With --import: write a separate file for each team.")
@click.option(
    "--team",
    "teams",
    multiple=True,
    callback=_teams,
    metavar="NAME=@OWNER",
    help="A team with a separate file, and its owner, who reviews the file. Repeatable.",
)
@owner_option
@click.option(
    "--source",
    metavar="URL@COMMIT",
    callback=_source,
    help="The repository and commit that CI installs portalctl from.  [default: as installed here, if known]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder of the repository.  [default: the current folder]",
)
@tls_options
def init(
    *,
    name: str | None,
    provider: str | None,
    portal_id: str | None,
    title: str | None,
    region: str | None,
    settings: Mapping[str, str],
    ci: Ci | None,
    importing: bool | None,
    split: str | None,
    teams: Mapping[str, str],
    owner: str | None,
    source: InstallSource | None,
    out: Path,
    ca_file: Path | None,
    insecure: bool,
) -> None:
    """Set up a repository: manifest, workflows for GitHub or GitLab, CODEOWNERS and .gitignore.

    If there is a manifest in portals/ or portal.yaml, only the missing files around it are added. Otherwise a new one
    is written; with --import, from the portal as it is now, so that the first plan is empty. On a terminal, init asks
    for missing options. With --team, each team has a separate file that its owner reviews, and that can contain this
    team only; in CODEOWNERS all other files belong to --owner. No existing file is changed. At the end, init lists
    the secrets, environments and settings that are still to be created.

    \b
    Examples:
      portalctl init --portal partners --provider konnect --region eu --title partners --import --ci github
      portalctl init --ci github          (with a manifest in portals/, for example after portalctl import)
      portalctl init --portal fans --provider api7 --title Fans --ci gitlab --out fans-portal
    """
    check_stdout()
    keys = {**({} if region is None else {"region": region}), **settings}
    options = _ManifestOptions(name, provider, portal_id, title, keys, teams, importing=importing, split=bool(split))
    _check_options(options)
    existing = existing_manifest(out)
    is_new = existing is None or not (name is None or name in existing.portals)
    asking = sys.stdin.isatty() and (ci is None or (is_new and None in (name, provider, portal_id or title)))
    questions = _Questions(ci, owner, asking)
    if existing is not None and not is_new:
        _check_same(options, existing)
        ci, owner = questions.surroundings()
        setup = of_existing(out, existing)
    else:
        _check_place(existing)
        answers = _answers(options, asking=asking)
        target = Target((), answers.name, ca_file, insecure)
        if importing is None and not teams and asking:
            options = replace(options, importing=_asked_import(answers, target))
        ci, owner = questions.surroundings()
        setup = _new(out, answers, options, existing, target, asking=asking)
    add_surroundings(setup, ci, owner, source or installed_source())
    write(setup)
    show(setup)


@dataclass(frozen=True, slots=True)
class _ManifestOptions:
    """The options about the manifest."""

    name: str | None
    provider: str | None
    id: str | None
    title: str | None
    keys: Mapping[str, str]
    owners: Mapping[str, str]  # by team
    importing: bool | None
    split: bool


@dataclass(frozen=True, slots=True)
class _Questions:
    """The options about CI and owners, and whether to ask for missing ones."""

    ci: Ci | None
    owner: str | None
    asking: bool

    def surroundings(self) -> tuple[Ci, str]:
        """Return the CI system and the owner of the files; ask for missing ones."""
        ci = self.ci or choose("--ci", "Workflows for", CIS)
        if self.asking and self.owner is None:
            return ci, ask("--owner", "Owner of the files", read_owner, default=OWNER)
        return ci, self.owner or OWNER


def _check_options(options: _ManifestOptions) -> None:
    if options.id is not None and options.title is not None:
        raise BadUsageError("--portal-id and --title exclude each other; pass one of them")
    if options.owners and options.importing:
        raise BadUsageError("--team is for a new manifest", "For an imported manifest, pass --split teams.")
    if options.split and not options.importing:
        raise BadUsageError("--split requires --import", "For a new manifest, pass --team.")


def _check_same(options: _ManifestOptions, existing: ExistingManifest) -> None:
    """Check that the options do not contradict the existing manifest. Raises BadUsageError."""
    if options.importing or options.owners:
        option = "--import" if options.importing else "--team"
        raise BadUsageError(
            f"{option}: a manifest exists in {existing.place}; nothing was written",
            f"Leave out {option}, or pass another folder with --out.",
        )
    if options.name is None:
        return
    portal = existing.portals[options.name]
    pairs = {
        "--provider": (options.provider, portal.provider),
        "--portal-id": (options.id, portal.id),
        "--title": (options.title, portal.title),
        **{f"--set {key}": (value, portal.options.get(key)) for key, value in options.keys.items()},
    }
    for option, (new, old) in pairs.items():
        if new is not None and old is not None and new != old:
            raise BadUsageError(
                f"{option.replace('--set region', '--region')}: {quoted(new)} contradicts {portal.at}, which has "
                f"{quoted(old)}; nothing was written",
                "Leave out the option, or change the manifest.",
            )


def _check_place(existing: ExistingManifest | None) -> None:
    """Check that there is a folder for another portal. Raises BadUsageError."""
    if existing is not None and existing.place != "portals/":
        raise BadUsageError(
            f"{existing.path} declares {', '.join(existing.portals)}; another portal requires the folder portals/",
            f"Move {existing.path} to portals/, then run the command again.",
        )


def _new(
    out: Path,
    answers: Answers,
    options: _ManifestOptions,
    existing: ExistingManifest | None,
    target: Target,
    *,
    asking: bool,
) -> Setup:
    """Return the setup with a new manifest, from the answers or from the portal. Raises BadUsageError."""
    if options.importing:
        setup = of_import(out, answers, target, split_teams=options.split)
    else:
        owners = dict(options.owners)
        if asking and not owners and "teams" in provider_named(answers.provider).abilities:
            owners = dict(_asked_teams())
        setup = of_new(out, replace(answers, teams=tuple(owners)), owners)
    if existing is not None:
        setup.add_existing(existing)
    try:
        check_addition(existing, setup.files)
    except InputError as error:
        raise invalid_answers(error) from None
    return setup


def _answers(options: _ManifestOptions, *, asking: bool) -> Answers:
    """Return the portal of the new manifest; ask for missing options."""
    name = options.name or ask("--portal", "Name of the portal in files and variables, such as partners", _handle)
    provider = options.provider or choose("--provider", "Provider", PROVIDERS)
    title = options.title
    if options.id is None and title is None:
        title = ask("--portal-id or --title", "The portal's unique name on its provider", str.strip)
    keys = dict(options.keys)
    kind = provider_named(provider)
    if asking and "region" not in keys and has_key(kind, "region"):
        keys["region"] = choose("--region", "Region", REGIONS)
    check_keys(kind, options.id, keys.items())
    return Answers(name, provider, options.id, title, keys)


def _asked_import(answers: Answers, target: Target) -> bool:
    """Ask whether to import, if the environment has a server and a token for the portal."""
    region = answers.keys.get("region")
    destination = Destination(answers.name, answers.provider, region, "the command line", "Pass --region")
    try:
        servers([destination], os.environ, Tls(target.ca_file, verify=not target.insecure))
    except BadUsageError:
        return False
    return confirm("Import the portal as it is now, so that the first plan is empty?")


def _handle(text: str) -> str:
    try:
        return TypeAdapter(Handle).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(unfit(error)[1]) from None


def _asked_teams() -> Iterator[tuple[str, str]]:
    """Ask for teams with separate files; yield them until there are no more."""
    question = "Team with a separate file, and its owner: NAME=@OWNER (Enter: no more)"
    while team := ask("--team", question, lambda text: _team(text) if text else None, default=""):
        yield team
