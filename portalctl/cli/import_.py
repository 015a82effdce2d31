"""`portalctl import`: write a live portal as manifest files. Their first plan is empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from portalctl.cli.code_owners import OWNER, RepositoryFolder, code_owners, owner_option, team_owner
from portalctl.cli.import_files import COMMAND_LINE, ImportedFiles, portal_to_import, read_portal, summary
from portalctl.cli.options import Target, tls_options
from portalctl.cli.provider_options import provider_options
from portalctl.cli.servers import Destination
from portalctl.cli.session import read_snapshot, run_on
from portalctl.directories.kinds import KINDS
from portalctl.errors import BadUsageError
from portalctl.manifest.names import is_manifest
from portalctl.manifest.schema import manifest_schema_text
from portalctl.output.escaping import terminal
from portalctl.output.manifest_files import SCHEMA_FILE
from portalctl.output_file import PRIVATE, check_stdout, create_files

STDOUT = (None, Path("-"), Path("/dev/stdout"))


@dataclass(frozen=True, slots=True)
class _Place:
    """The place for the files: a new or empty `folder`, or one new `file` in it for all of them."""

    folder: Path
    file: str | None

    @classmethod
    def of(cls, out: Path) -> _Place:
        """Return the place that --out names. Raises BadUsageError if it is a file or a folder with files."""
        if is_manifest(out.name) and not out.is_dir():
            if out.exists():
                raise _exists(out, "this file exists already")
            return cls(out.parent, out.name)
        if out.exists() and not out.is_dir():
            raise _exists(out, "this is a file; a new manifest file ends in .yaml")
        if out.is_dir() and any(out.iterdir()):
            raise _exists(out, "this folder is not empty")
        return cls(out, None)

    @property
    def schema(self) -> Path:
        return self.folder / SCHEMA_FILE

    @property
    def will_have_schema(self) -> bool:
        """Return whether the folder will contain the schema: a new one gets it, another one may have it."""
        return self.file is None or self.schema.is_file()

    def paths(self, files: Mapping[str, str]) -> dict[Path, str]:
        return {self.folder / (self.file or name): text for name, text in files.items()}

    def shown(self, files: Mapping[str, str]) -> Path:
        """Return the path of the whole manifest: the folder, or the only file."""
        return self.folder if self.file is None else next(iter(self.paths(files)))


@click.command("import")
@click.option("--portal", "name", required=True, metavar="NAME", help="The portal's short name in the manifest.")
@click.option("--portal-id", metavar="ID", help="The portal's id on its provider.")
@click.option(
    "--title",
    help="Its name there, instead of the id, if unique. `portalctl list portals --live` lists both.",
)
@provider_options(required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="A new file (.yaml), or a new or empty folder.  [default: stdout]",
)
@click.option(
    "--split",
    type=click.Choice(["teams"]),
    help="Write a separate file for each team, which can contain this team only, and CODEOWNERS.",
)
@owner_option
@click.option(
    "--suggest-domains",
    "suggest_from",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Suggest to trust domains with at least N approved developers, in comments.",
)
@click.option(
    "--groups-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="SNAPSHOT",
    help="Propose, in comments, groups in this file that have at least 95 % of a team's members. "
    "`portalctl snapshot --group DIRECTORY/GROUP --out SNAPSHOT` writes it.",
)
@tls_options
def import_(
    *,
    name: str,
    provider: str,
    portal_id: str | None,
    title: str | None,
    region: str | None,
    settings: Mapping[str, str],
    out: Path | None,
    split: str | None,
    owner: str | None,
    suggest_from: int,
    groups_from: Path | None,
    ca_file: Path | None,
    insecure: bool,
) -> None:
    """Write a live portal as manifest files, so that their first plan is empty. Cannot write to a portal.

    All developers keep their access. Revoked and rejected developers get an override. Comments suggest domains to
    trust, and list everything that a manifest cannot contain. A hidden file, named in the root file, acknowledges the
    findings of the first `drift`. With --split, the root file delegates each team to its file, and a CODEOWNERS file
    at the top of the repository makes --owner the owner of all files, and the team an owner of its file, too. No file
    is overwritten, and only you can read the new files. `portalctl init` then adds workflows and other files.

    \b
    Examples:
      portalctl import --portal partners --provider konnect --portal-id 3f51fa25-310a-421d-bd1a-007f859021a3 \\
        --region eu --out portals/ --split teams
      portalctl import --portal fans --provider api7 --title Fans > portals/fans.yaml
    """
    check_stdout()
    if (portal_id is None) == (title is None):
        raise BadUsageError(
            "expected either --portal-id or --title", "List the portals: portalctl list portals --live."
        )
    keys = {**({} if region is None else {"region": region}), **settings}
    portal = portal_to_import(name, provider, portal_id, title, keys)
    place = _Place.of(out) if out not in STDOUT else None
    if split and (place is None or place.file is not None):
        raise BadUsageError("--split teams writes several files", "Pass a folder with --out.")
    if owner is not None and not split:
        raise BadUsageError("--owner requires --split teams, which writes CODEOWNERS")
    destination = Destination(name, provider, region, COMMAND_LINE.file, "Pass --region")
    run = run_on(destination, Target((), name, ca_file, insecure))
    has_schema = place is not None and place.will_have_schema
    groups = read_snapshot(groups_from).groups if groups_from is not None else ()
    made = read_portal(portal, run, suggest_from, split_teams=bool(split), has_schema=has_schema, groups=groups)
    if place is None:
        click.echo(next(iter(made.files.values())), nl=False)
        click.echo(f'Next, save it and run: portalctl acknowledge --portal {name} --all --reason "…"', err=True)
        return
    others = _others(made, place)
    owners = _owners(made, place, owner or OWNER, others) if split else ""
    paths = place.paths(made.files)
    _write(paths | others)
    click.echo("".join(f"{terminal(str(path))}\n" for path in (*paths, *others)), nl=False)
    click.echo(f"\n{summary(made.contents)}\n{_next_steps(place.shown(made.files))}{owners}", nl=False)


def _others(made: ImportedFiles, place: _Place) -> dict[Path, str]:
    """Return the files to write in addition to the manifest files."""
    schema = {place.schema: manifest_schema_text(KINDS)} if place.file is None else {}
    return schema | {place.folder / name: text for name, text in made.acknowledgements.items()}


def _owners(made: ImportedFiles, place: _Place, owner: str, others: dict[Path, str]) -> str:
    """Add CODEOWNERS to `others` unless there is one; return the step about it."""
    repository = RepositoryFolder.around(place.folder)
    path = terminal(str(repository.code_owners))
    if repository.existing is not None:
        first = f"add the line `* {owner}` at its beginning, and the owners of each team's file"
        return f"       {path} exists and is unchanged: {first}.\n"
    teams = {name: repository.inside(place.folder / name) for name in made.files if "/" in name}
    owned = {path: f"{owner} {team_owner(owner, name)}" for name, path in teams.items()}
    others[repository.code_owners] = code_owners(owner, owned)
    return f"       Check the owners of each team's file in {path}.\n"


def _write(texts: Mapping[Path, str]) -> None:
    try:
        create_files(texts, PRIVATE)
    except OSError as error:
        raise BadUsageError(f"--out: {error.filename}: {error.strerror}; nothing was written") from error


def _next_steps(place: Path) -> str:
    shown = terminal(str(place))
    return (
        f"Next:  portalctl plan {shown}\n"
        f"       portalctl drift {shown}\n"
        "       portalctl init     adds workflows, CODEOWNERS and .gitignore\n"
    )


def _exists(out: Path, because: str) -> BadUsageError:
    return BadUsageError(f"--out {out}: {because}; nothing was read or written", "Name another file or folder.")
