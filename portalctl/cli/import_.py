"""`portalctl import`: a portal as it is → manifests whose first plan is empty."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click
from pydantic import ValidationError

import portalctl
from portalctl import flow
from portalctl.cli.init import OTHER_OWNERS, owner_option
from portalctl.cli.init_files import OWNER, code_owners
from portalctl.cli.options import Target, tls_options
from portalctl.cli.provider_options import check_keys, provider_options
from portalctl.cli.servers import Destination
from portalctl.cli.session import run_on
from portalctl.directories.kinds import KINDS
from portalctl.errors import BadUsageError, PortalctlError, Position
from portalctl.insight.import_portal import Adopted, adopt
from portalctl.manifest.file_models import PortalEntry
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.manifest.names import is_manifest
from portalctl.manifest.schema import manifest_schema_text
from portalctl.manifest.value_formats import unfit
from portalctl.output.escaping import terminal
from portalctl.output.manifest_files import SCHEMA_FILE, Source, baseline_file, manifest_files
from portalctl.output_file import PRIVATE, check_stdout, create_files
from portalctl.providers.registry import provider_named
from portalctl.words import people, plural

STDOUT = (None, Path("-"), Path("/dev/stdout"))
NOWHERE = Position("the command line", 1, 1)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the files go: into a new or empty `folder`; all in one `file` there, which is new; or nowhere."""

    folder: Path
    file: str | None

    @classmethod
    def of(cls, out: Path) -> _Place:
        """Raises BadUsageError where something is there already."""
        if is_manifest(out.name) and not out.is_dir():
            if out.exists():
                raise _exists(out, "there is such a file already")
            return cls(out.parent, out.name)
        if out.exists() and not out.is_dir():
            raise _exists(out, "this is a file; a new one ends in .yaml")
        if out.is_dir() and any(out.iterdir()):
            raise _exists(out, "the folder is not empty")
        return cls(out, None)

    @property
    def schema(self) -> Path:
        return self.folder / SCHEMA_FILE

    @property
    def will_have_schema(self) -> bool:
        """A new folder gets one; beside a single file there may be one already."""
        return self.file is None or self.schema.is_file()

    def paths(self, files: Mapping[str, str]) -> dict[Path, str]:
        return {self.folder / (self.file or name): text for name, text in files.items()}


@click.command("import")
@click.option("--portal", "name", required=True, metavar="NAME", help="What the manifest calls the portal.")
@click.option("--portal-id", required=True, metavar="ID", help="The portal's id on its provider.")
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
    help="Give each team a file of its own, which can contain this team alone, and write CODEOWNERS.",
)
@owner_option
@click.option(
    "--suggest-domains",
    "suggest_from",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Suggest to trust domains with N or more approved people, in comments.",
)
@tls_options
def import_(
    *,
    name: str,
    provider: str,
    portal_id: str,
    region: str | None,
    settings: Mapping[str, str],
    out: Path | None,
    split: str | None,
    owner: str | None,
    suggest_from: int,
    ca_file: Path | None,
    insecure: bool,
) -> None:
    """Write manifests that say what a portal is like now: their first plan is empty. Cannot write to a portal.

    Everybody keeps what they have. Who is out gets an override that keeps them out; domains that could be trusted are
    suggested in comments, and what a manifest cannot say is listed there. Beside the manifest a hidden file
    acknowledges what `drift` would find on the first day. With --split, the root file delegates to exactly the files
    of teams, and a CODEOWNERS at the top of the repository gives everything to --owner, and each team's file to the
    team as well. Nothing is overwritten, and only you can read the files.

    \b
    Examples:
      portalctl import --portal partners --provider konnect --portal-id 3f51fa25-310a-421d-bd1a-007f859021a3 \\
        --region eu --out portals/ --split teams
      portalctl import --portal fans --provider api7 --portal-id portal-1 > portals/fans.yaml
    """
    check_stdout()
    keys = {**({} if region is None else {"region": region}), **settings}
    portal = _portal(name, provider, portal_id, keys)
    place = _Place.of(out) if out not in STDOUT else None
    if split and (place is None or place.file is not None):
        raise BadUsageError("--split teams makes several files: give --out a folder")
    if owner is not None and not split:
        raise BadUsageError("--owner is for CODEOWNERS, which is written with --split teams only")
    destination = Destination(name, provider, region, NOWHERE.file, "Give --region")
    run = run_on(destination, Target((), name, ca_file, insecure))
    has_schema = place is not None and place.will_have_schema
    made = _made(portal, run, suggest_from, split_teams=bool(split), has_schema=has_schema)
    if place is None:
        click.echo(made.files[f"{name}.yaml"], nl=False)
        return
    paths = place.paths(made.files)
    acknowledgements = place.folder / f".{name}.acknowledged.yaml"
    others = {place.schema: manifest_schema_text(KINDS)} if place.file is None else {}
    others[acknowledgements] = made.baseline
    reviewed = _Owners.of(place.folder) if split else None
    if reviewed is not None and reviewed.existing is None:
        others[reviewed.path] = reviewed.text(owner or OWNER, made.files)
    _write(paths | others)
    click.echo("".join(f"{terminal(str(path))}\n" for path in (*paths, *others)), nl=False)
    click.echo(_said(made.adopted, paths, acknowledgements), nl=False)
    if reviewed is not None:
        click.echo(f"       {reviewed.advice(owner or OWNER)}")


@dataclass(frozen=True, slots=True)
class _Owners:
    """The CODEOWNERS file for an imported `folder`: where it goes, and the one that `existing` names, if any.

    Hosts read it at the top of a repository only (or in a few folders there).
    """

    folder: Path
    top: Path
    existing: Path | None

    @classmethod
    def of(cls, folder: Path) -> _Owners:
        """Find the top of the repository: where Git has it, else the current folder, else the folder itself."""
        absolute = Path(os.path.abspath(folder))  # noqa: PTH100 (links stay)
        git = next((each for each in (absolute, *absolute.parents) if (each / ".git").exists()), None)
        top = git or (Path.cwd() if absolute.is_relative_to(Path.cwd()) else absolute)
        names = ("CODEOWNERS", *OTHER_OWNERS)
        existing = next((top / name for name in names if os.path.lexists(top / name)), None)
        return cls(absolute, top, existing)

    @property
    def path(self) -> Path:
        """Relative to the current folder, where it is below it."""
        path = self.top / "CODEOWNERS"
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

    def text(self, owner: str, files: Mapping[str, str]) -> str:
        """Name a team's owners after its file, beside `owner`: a host ignores owners that do not exist."""
        organisation = owner.rpartition("/")[0] or OWNER.rpartition("/")[0]
        below = self.folder.relative_to(self.top)
        teams = [name for name in files if "/" in name]
        return code_owners(
            owner, {_pattern(below / name): f"{owner} {organisation}/{Path(name).stem}" for name in teams}
        )

    def advice(self, owner: str) -> str:
        """Say what is left to do."""
        if self.existing is None:
            return f"put the owners of each team's file in {terminal(str(self.path))}"
        name = terminal(str(self.existing.relative_to(self.top)))
        return f"{name} exists and is unchanged: begin it with `* {owner}`, and add the owners of each team's file"


def _pattern(path: Path) -> str:
    """A path as CODEOWNERS has it: signs of patterns and blanks follow a backslash."""
    return re.sub(r"([\s\\#*?!\[\]])", r"\\\1", path.as_posix())


@dataclass(frozen=True, slots=True)
class _Made:
    """`files`: the manifest's, by name; `baseline`: the text of the acknowledgements."""

    adopted: Adopted
    files: Mapping[str, str]
    baseline: str


def _made(portal: PortalManifest, run: flow.Run, suggest_from: int, *, split_teams: bool, has_schema: bool) -> _Made:
    """Reads the portal, once and whole. Raises PortalError."""
    read = portalctl.snapshot(Manifest({portal.name: portal}, (), ""), run)
    adopted = adopt(read.portals[0].snapshot, suggest_from)
    source = Source(portal.name, portal.provider, portal.options, portal.id or "", read.created_at[:10], suggest_from)
    files = manifest_files(adopted, source, split_teams=split_teams, has_schema=has_schema)
    return _Made(adopted, files, _baseline(files, source, replace(run, snapshot=read)))


def _portal(name: str, provider: str, portal_id: str, keys: Mapping[str, str]) -> PortalManifest:
    """A portal that no rule speaks of. Raises BadUsageError for what a manifest would not take."""
    options = {"name": "--portal", "id": "--portal-id"}
    try:
        PortalEntry(name=name, provider=provider, id=portal_id)
    except ValidationError as error:
        key, form = unfit(error)
        raise BadUsageError(f"{options[key]}: {form}") from None
    check_keys(provider_named(provider), portal_id, keys.items())
    return PortalManifest(name, provider, NOWHERE, region=keys.get("region"), id=portal_id, options=dict(keys))


def _baseline(files: Mapping[str, str], source: Source, run: flow.Run) -> str:
    """The acknowledgements for the first drift run. Reads the files as every later run will, from memory.

    Raises PortalctlError where their first plan would not be empty, which is a mistake of ours.
    """
    manifest = assemble([File(name, name, f"/{name}", text.encode()) for name, text in files.items()])
    first = portalctl.plan(manifest, run)
    if first.changes or first.refused:
        count = plural(first.changes, "change")
        raise PortalctlError(
            f"the first plan of these files would not be empty ({count}); nothing was written",
            "this is a bug in portalctl; please report what is special about the portal",
        )
    return baseline_file((finding for portal in flow.drift(manifest, run) for finding in portal.findings), source)


def _write(texts: Mapping[Path, str]) -> None:
    try:
        create_files(texts, PRIVATE)
    except OSError as error:
        raise BadUsageError(f"--out: {error.filename}: {error.strerror}; nothing was written") from error


def _said(adopted: Adopted, paths: Mapping[Path, str], acknowledgements: Path) -> str:
    folder, ours = (terminal(str(path)) for path in (_asked(paths), acknowledgements))
    lines = [
        "",
        _counted(adopted),
        f"Next:  portalctl plan -f {folder}",
        f"       portalctl drift -f {folder} --acknowledge {ours}",
    ]
    return "\n".join(lines) + "\n"


def _counted(adopted: Adopted) -> str:
    """What the files say, and what they leave to people."""
    members = {member for team in adopted.teams for member in team.members or ()}
    counts = {
        f"{plural(len(adopted.teams), 'team')} with {people(len(members))}": len(adopted.teams),
        f"{plural(len(adopted.denials), 'override')} for people who are out": len(adopted.denials),
        f"{plural(len(adopted.suggestions), 'domain')} suggested in comments": len(adopted.suggestions),
        f"{len(adopted.unsaid):,} that no rule can name, listed in comments": len(adopted.unsaid),
    }
    said = "; ".join(text for text, count in counts.items() if count) or "no rules"
    kept = f"{adopted.approved:,} approved and {adopted.pending:,} waiting stay as they are"
    return f"{said}; {kept}."


def _asked(paths: Mapping[Path, str]) -> Path:
    """What names all of these files: their folder, or the only one."""
    first = next(iter(paths))
    return first if len(paths) == 1 else first.parent


def _exists(out: Path, because: str) -> BadUsageError:
    return BadUsageError(f"--out {out}: {because}; nothing was read or written", "nothing is ever overwritten")
