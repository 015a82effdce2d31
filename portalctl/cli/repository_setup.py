"""Creates the files of `init` in a repository, and lists the remaining steps."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from portalctl.cli.code_owners import OWNER, RepositoryFolder, code_owners, missing_lines, team_owner
from portalctl.cli.examples import examples, is_on_github
from portalctl.cli.existing_manifest import ExistingManifest
from portalctl.cli.import_files import COMMAND_LINE, portal_to_import, read_portal, summary
from portalctl.cli.init_files import (
    ACTION,
    IGNORED,
    NO_COMMIT,
    SOURCE_URL,
    WORKFLOWS,
    Answers,
    Ci,
    Examples,
    InstallSource,
    PortalPlace,
    Variables,
    ci_files,
    manifests,
    team_files,
)
from portalctl.cli.options import Target
from portalctl.cli.servers import Destination
from portalctl.cli.session import run_on
from portalctl.cli.setup_checklist import Step, github_steps, gitlab_steps, local_steps, numbered
from portalctl.directories.kinds import KINDS
from portalctl.errors import BadUsageError, InputError
from portalctl.input_file import MOST_BYTES, read_input
from portalctl.manifest.schema import manifest_schema_text
from portalctl.output.escaping import terminal
from portalctl.output.manifest_files import SCHEMA_FILE, acknowledgements_file
from portalctl.output_file import PRIVATE, PUBLIC, create_files
from portalctl.words import plural

IGNORE = ".gitignore"
SUGGEST_FROM = 3


@dataclass(slots=True)
class Setup:
    """The files to create and the remaining steps.

    Args:
        out: the repository's folder.
        manifest: the path of the manifest, relative to `out`.
        folder: the folder of the root files, which gets the schema.
        portals: all portals of the manifest, by name.
        private: the files with addresses, by path.
        public: the other files, by path.
        owners: the owners of the teams' files; None: not known.
        unchanged: existing files.
        about: the figures of an import.
    """

    out: Path
    manifest: str
    folder: Path
    portals: dict[str, PortalPlace] = field(default_factory=dict)
    private: dict[Path, str] = field(default_factory=dict)
    public: dict[Path, str] = field(default_factory=dict)
    owners: dict[Path, str | None] = field(default_factory=dict)
    unchanged: list[Path] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    about: str = ""

    @property
    def files(self) -> dict[Path, str]:
        """All files to create."""
        return {**self.private, **self.public}

    def add_existing(self, existing: ExistingManifest) -> None:
        """Add the portals and the teams' files of the existing manifest."""
        for portal in existing.portals.values():
            self.portals[portal.name] = PortalPlace(portal.provider, portal.region)
        self.owners |= dict.fromkeys(existing.team_files)

    def add(self, place: Path, text: str) -> bool:
        """Add a file unless it exists, also as a broken link. Return whether it was added."""
        is_new = not os.path.lexists(place)
        if is_new:
            self.public[place] = text
        else:
            self.unchanged.append(place)
        return is_new


def _with_portal(out: Path, answers: Answers) -> Setup:
    place = PortalPlace(answers.provider, answers.keys.get("region"))
    return Setup(out, "portals/", out / "portals", {answers.name: place})


def of_existing(out: Path, existing: ExistingManifest) -> Setup:
    """Return the setup around a manifest that stays as it is."""
    setup = Setup(out, existing.place, existing.folder)
    setup.add_existing(existing)
    for portal in existing.portals.values():
        if portal.acknowledgements is None:
            line = f"acknowledgements: {acknowledgements_file(portal.name)}"
            setup.steps.append((f"To let drift read accepted findings, add to {terminal(portal.at.file)}:", [line]))
    return setup


def of_new(out: Path, answers: Answers, owners: Mapping[str, str]) -> Setup:
    """Return the setup with a new manifest; `owners` are those of the teams. Raises BadUsageError."""
    setup = _with_portal(out, answers)
    try:
        setup.public = {out / path: text for path, text in manifests(answers).items()}
    except InputError as error:
        raise invalid_answers(error) from None
    setup.owners = {out / path: owners[team] for team, path in team_files(answers).items()}
    command = "portalctl acknowledge --all --reason TEXT"
    setup.steps.append((f"If access without a rule on the portal should stay, accept it: {command}", []))
    return setup


def of_import(out: Path, answers: Answers, target: Target, *, split_teams: bool) -> Setup:
    """Return the setup with a manifest of the portal as it is now. Raises BadUsageError and PortalError."""
    setup = _with_portal(out, answers)
    portal = portal_to_import(answers.name, answers.provider, answers.id, answers.title, answers.keys)
    destination = Destination(portal.name, portal.provider, portal.region, COMMAND_LINE.file, "Pass --region")
    run = run_on(destination, target)
    made = read_portal(portal, run, SUGGEST_FROM, split_teams=split_teams, has_schema=True)
    setup.private = {setup.folder / name: text for name, text in {**made.files, **made.acknowledgements}.items()}
    setup.owners = {setup.folder / name: None for name in made.files if "/" in name}
    setup.about = summary(made.contents)
    return setup


def invalid_answers(error: InputError) -> BadUsageError:
    """Return the error for options or answers that do not make a valid manifest."""
    return BadUsageError("the new manifest would not be valid; nothing was written", *map(str, error.findings))


def add_surroundings(setup: Setup, ci: Ci, owner: str, source: InstallSource | None) -> None:
    """Add the missing files around a manifest, and the remaining steps."""
    variables = Variables.of(setup.portals)
    if ci == "github" and source is not None and not is_on_github(source):
        source = None
    _add_owners(setup, owner)
    _add_ignored(setup)
    schema = setup.folder / SCHEMA_FILE
    text = manifest_schema_text(KINDS)
    if not setup.add(schema, text) and schema.is_file() and schema.read_bytes() != text.encode():
        command = f"portalctl schema manifest > {terminal(str(schema))}"
        setup.steps.append((f"Update the schema for editors: {command}", []))
    texts = ci_files(ci, variables, _examples(), source, setup.manifest)
    setup.steps += _source_steps([_text(setup.out / path) or content for path, content in texts.items()])
    for path, content in texts.items():
        setup.add(setup.out / path, content)
    match ci:
        case "github":
            setup.steps += github_steps(texts.values(), variables)
        case "gitlab":
            setup.steps += gitlab_steps("".join(texts.values()), variables)
        case "none":
            setup.steps += local_steps(variables)


def _add_owners(setup: Setup, owner: str) -> None:
    repository = RepositoryFolder.at(setup.out)
    owned = {
        repository.inside(path): f"{owner} {team_owner(owner, path.name)}" if owners is None else owners
        for path, owners in setup.owners.items()
    }
    place = setup.out / repository.inside(repository.code_owners)
    shown = terminal(str(place))
    if repository.existing is None:
        setup.public[place] = code_owners(owner, owned)
        lines = []
    else:
        setup.unchanged.append(place)
        text = _text(place)
        lines = missing_lines(text, owner, owned)
        if lines:
            setup.steps.append((f"Add to {shown}, the line with * first:", lines))
        owner = OWNER if OWNER in text else owner
    if owner == OWNER:
        setup.steps.append((f"Replace {OWNER} in {shown} with your owners.", []))
    if None in setup.owners.values():
        setup.steps.append((f"Check the owners of each team's file in {shown}.", []))


def _add_ignored(setup: Setup) -> None:
    place = setup.out / IGNORE
    if setup.add(place, IGNORED):
        return
    existing = _text(place).splitlines()
    lines = [line for line in IGNORED.splitlines() if line not in existing]
    if lines:
        setup.steps.append((f"Add to {terminal(str(place))}:", lines))


def _text(place: Path) -> str:
    """Return the text of a file; empty if it cannot be read."""
    try:
        return read_input(place, MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _source_steps(texts: Collection[str]) -> Iterator[Step]:
    """Yield the steps for files with a placeholder for the repository and commit of portalctl."""
    if any(ACTION in text for text in texts):
        sentence = f"In .github/workflows, replace {ACTION} with the repository and commit of portalctl that you use."
        yield sentence, []
    elif any(SOURCE_URL in text or NO_COMMIT in text for text in texts):
        sentence = "In .gitlab-ci.yml, set PORTALCTL_SOURCE and PORTALCTL_COMMIT to the repository and commit of"
        yield f"{sentence} portalctl that you use.", []


def _examples() -> Examples:
    folder = examples()
    return Examples(
        workflows={name: _read(folder / "github" / name) for name in WORKFLOWS},
        gitlab=_read(folder / "gitlab" / ".gitlab-ci.yml"),
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def write(setup: Setup) -> None:
    """Create all files or none. Raises BadUsageError."""
    try:
        create_files(setup.private, PRIVATE)
        create_files(setup.public, PUBLIC)
    except OSError as error:
        for path in setup.private:
            path.unlink(missing_ok=True)
        raise BadUsageError(f"--out: {error.filename}: {error.strerror}; nothing was written") from error


def show(setup: Setup) -> None:
    """Print the names of the new files, and on standard error the remaining steps."""
    click.echo("".join(f"{terminal(str(path))}\n" for path in setup.files), nl=False)
    if setup.about:
        click.echo(setup.about, err=True)
    if setup.unchanged:
        names = ", ".join(terminal(str(path)) for path in setup.unchanged)
        click.echo(f"{plural(len(setup.unchanged), 'file')} unchanged: {names}", err=True)
    click.echo(f"Next steps:\n{numbered(setup.steps)}", nl=False, err=True)
