"""`portalctl init`: everything a repository needs around its manifest, and a manifest if there is none."""

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
from portalctl.cli.init_files import Answers, Ci, Source
from portalctl.cli.options import Target, tls_options
from portalctl.cli.prompts import asked, chosen, confirmed
from portalctl.cli.provider_options import PROVIDERS, REGIONS, check_keys, has_key, provider_options
from portalctl.cli.repository_setup import (
    Setup,
    add_surroundings,
    no_manifest,
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
        raise click.BadParameter(f"{quoted(value)}: write NAME=@OWNER")
    return name, owner


def _source(ctx: click.Context, param: click.Parameter, value: str | None) -> Source | None:
    if value is None:
        return None
    found = _SOURCE.fullmatch(value)
    source = source_of(found["url"], found["commit"]) if found else None
    if source is None:
        raise click.BadParameter(
            "write https://HOST/OWNER/REPOSITORY@COMMIT, with the 40 hexadecimal digits of the commit",
            ctx=ctx,
            param=param,
        )
    return source


@click.command()
@click.option("--portal", "name", metavar="NAME", help="The portal's short name in the manifest.")
@click.option("--portal-id", "portal_id", metavar="ID", help="The portal's id on its provider.")
@click.option("--title", help="Or its name there, if no other portal has it.")
@provider_options(required=False)
@click.option("--ci", type=click.Choice(CIS), help="Which workflows to write.")
@click.option(
    "--import/--no-import",
    "importing",
    default=None,
    help="Begin with what the portal has now, as `portalctl import` does.  [default: ask on a terminal]",
)
@click.option("--split", type=click.Choice(["teams"]), help="With --import: give each team a file of its own.")
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
    "--source",
    metavar="URL@COMMIT",
    callback=_source,
    help="Where CI installs portalctl from.  [default: where this portalctl was installed from, if that is known]",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="The folder.  [default: this one]"
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
    source: Source | None,
    out: Path,
    ca_file: Path | None,
    insecure: bool,
) -> None:
    """Set up a repository: manifest, workflows for GitHub or GitLab, CODEOWNERS and .gitignore.

    A manifest that exists in portals/ or portal.yaml stays as it is, and only what is missing around it is added.
    Otherwise a new one is written: with --import from the portal as it is now, so that the first plan is empty. What
    no option says is asked on a terminal. With --team, each team has a file that its owners review, and that can
    contain this team alone; in CODEOWNERS everything else belongs to --owner. No existing file is changed. At the end
    the secrets, environments and settings that are still to be made are listed.

    \b
    Examples:
      portalctl init --portal partners --provider konnect --region eu --title partners --import --ci github
      portalctl init --ci github          with a manifest in portals/, as after portalctl import
      portalctl init --portal fans --provider api7 --title Fans --ci gitlab --out fans-portal
    """
    check_stdout()
    keys = {**({} if region is None else {"region": region}), **settings}
    given = _Given(name, provider, portal_id, title, keys, teams, importing=importing, split=bool(split))
    _check_options(given)
    existing = existing_manifest(out)
    is_new = existing is None or not (name is None or name in existing.portals)
    asking = sys.stdin.isatty() and (ci is None or (is_new and None in (name, provider, portal_id or title)))
    ask = _Questions(ci, owner, asking)
    if existing is not None and not is_new:
        _check_same(given, existing)
        ci, owner = ask.surroundings()
        setup = of_existing(out, existing)
    else:
        _check_place(existing)
        answers = _answers(given, asking=asking)
        target = Target((), answers.name, ca_file, insecure)
        if importing is None and not teams and asking:
            given = replace(given, importing=_offer(answers, target))
        ci, owner = ask.surroundings()
        setup = _new(out, answers, given, existing, target, asking=asking)
    add_surroundings(setup, ci, owner, source or installed_source())
    write(setup)
    show(setup)


@dataclass(frozen=True, slots=True)
class _Given:
    """What the command line says of the manifest."""

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
    """What is asked of CI and owners, unless options say it."""

    ci: Ci | None
    owner: str | None
    asking: bool

    def surroundings(self) -> tuple[Ci, str]:
        """Return the CI system and the owner of the files."""
        ci = self.ci or chosen("--ci", "Workflows for", CIS)
        if self.asking and self.owner is None:
            return ci, asked("--owner", "Who reviews the files", read_owner, default=OWNER)
        return ci, self.owner or OWNER


def _check_options(given: _Given) -> None:
    if given.id is not None and given.title is not None:
        raise BadUsageError("--portal-id and --title both say which portal it is; give one")
    if given.owners and given.importing:
        raise BadUsageError("--team is for a new manifest; for an imported one use --split teams")
    if given.split and not given.importing:
        raise BadUsageError("--split is for --import; for a new manifest use --team")


def _check_same(given: _Given, existing: ExistingManifest) -> None:
    """Make sure that the command line does not contradict the manifest, which stays. Raises BadUsageError."""
    if given.importing or given.owners:
        option = "--import" if given.importing else "--team"
        raise BadUsageError(
            f"{option}: there is a manifest in {existing.place} already; nothing was written",
            f"Leave out {option}, or give another folder with --out.",
        )
    if given.name is None:
        return
    portal = existing.portals[given.name]
    pairs = {
        "--provider": (given.provider, portal.provider),
        "--portal-id": (given.id, portal.id),
        "--title": (given.title, portal.title),
        **{f"--set {key}": (value, portal.options.get(key)) for key, value in given.keys.items()},
    }
    for option, (new, old) in pairs.items():
        if new is not None and old is not None and new != old:
            raise BadUsageError(
                f"{option.replace('--set region', '--region')}: {quoted(new)} contradicts {portal.at}, which has "
                f"{quoted(old)}; nothing was written",
                "Leave out the option, or change the manifest.",
            )


def _check_place(existing: ExistingManifest | None) -> None:
    """Make sure that a further portal has a place. Raises BadUsageError."""
    if existing is not None and existing.place != "portals/":
        raise BadUsageError(
            f"{existing.path} declares {', '.join(existing.portals)}; a further portal needs a folder",
            f"Move {existing.path} to portals/, then run the command again.",
        )


def _new(
    out: Path, answers: Answers, given: _Given, existing: ExistingManifest | None, target: Target, *, asking: bool
) -> Setup:
    """Return the setup with a new manifest, from the answers or from the portal. Raises BadUsageError."""
    if given.importing:
        setup = of_import(out, answers, target, split_teams=given.split)
    else:
        owners = dict(given.owners)
        if asking and not owners and "teams" in provider_named(answers.provider).abilities:
            owners = dict(_asked_teams())
        setup = of_new(out, replace(answers, teams=tuple(owners)), owners)
    if existing is not None:
        setup.add_existing(existing)
    try:
        check_addition(existing, setup.files)
    except InputError as error:
        raise no_manifest(error) from None
    return setup


def _answers(given: _Given, *, asking: bool) -> Answers:
    """Return what the new manifest says of its portal; what no option says is asked."""
    name = given.name or asked("--portal", "Name of the portal in files and variables, such as partners", _handle)
    provider = given.provider or chosen("--provider", "Provider", PROVIDERS)
    title = given.title
    if given.id is None and title is None:
        title = asked("--portal-id or --title", "The portal's unique name on its provider", str.strip)
    keys = dict(given.keys)
    kind = provider_named(provider)
    if asking and "region" not in keys and has_key(kind, "region"):
        keys["region"] = chosen("--region", "Region", REGIONS)
    check_keys(kind, given.id, keys.items())
    return Answers(name, provider, given.id, title, keys)


def _offer(answers: Answers, target: Target) -> bool:
    """Ask whether to import, where the environment leads to the portal."""
    region = answers.keys.get("region")
    destination = Destination(answers.name, answers.provider, region, "the command line", "Give --region")
    try:
        servers([destination], os.environ, Tls(target.ca_file, verify=not target.insecure))
    except BadUsageError:
        return False
    return confirmed("Import the portal as it is now, so that the first plan is empty?")


def _handle(text: str) -> str:
    try:
        return TypeAdapter(Handle).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(unfit(error)[1]) from None


def _asked_teams() -> Iterator[tuple[str, str]]:
    """Yield teams with files of their own, one after the other, until there are no more."""
    question = "A team with a file of its own, and who reviews that: NAME=@OWNER (none: Enter)"
    while team := asked("--team", question, lambda text: _team(text) if text else None, default=""):
        yield team
