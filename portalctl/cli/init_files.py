"""The files that `init` begins a repository with. Pure: the examples they are made of are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from portalctl.directories.kinds import KINDS
from portalctl.manifest.files import File
from portalctl.manifest.fmt.format import format_files
from portalctl.manifest.schema import manifest_schema_text
from portalctl.output.escaping import yaml
from portalctl.output.manifest_files import SCHEMA_FILE, file_names, modeline
from portalctl.providers.registry import bundled, provider_named

Ci = Literal["github", "gitlab", "none"]
WORKFLOWS = ("portal-plan.yml", "portal-apply.yml", "portal-onboard.yml", "portal-drift.yml", "portal-snapshot.yml")
IGNORE = ".gitignore"
IGNORED = "".join(
    f"{name}\n" for name in (".portalctl/", "plan.json", "snapshot.json", "access.csv", "access.html", "access.json")
)
OWNER = "@your-org/portal-admins"

# Stands in the examples for our action at some commit. Nobody can make a commit of this name.
EXAMPLE_TOKEN = bundled()[0].service.any_token or ""  # the examples are for the first provider
ACTION = f"your-org/portalctl/.github/actions/portalctl@{'0' * 40}"


@dataclass(frozen=True, slots=True)
class Answers:
    """What is asked. Exactly one of `id` and `title` is set; `teams` maps names to who owns the team's file."""

    name: str
    provider: str
    id: str | None
    title: str | None
    keys: Mapping[str, str]
    ci: Ci
    owner: str
    teams: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Examples:
    """What CI files are made of: the texts of GitHub's workflows by file name and of GitLab's pipeline.

    `action`: what workflows use in the place of ACTION; None where that is not known.
    """

    workflows: Mapping[str, str]
    action: str | None
    gitlab: str


def manifests(answers: Answers) -> dict[str, str]:
    """The portal's own file and one for each team, by path, in canonical form.

    Raises InputError for answers that no manifest would take.
    """
    texts = {f"portals/{answers.name}.yaml": _root(answers)}
    texts |= {path: _team(answers.name, team, path) for team, path in team_files(answers).items()}
    files = [File(path, path, f"/{path}", text.encode()) for path, text in texts.items()]
    return {each.file.name: each.text for each in format_files(files)}


def others(answers: Answers, examples: Examples) -> dict[str, str]:
    """What stands around the manifests: CI, who reviews what, what is never committed, and what editors read."""
    schema = {f"portals/{SCHEMA_FILE}": manifest_schema_text(KINDS)}
    return {**schema, **_ci(answers, examples), "CODEOWNERS": _owners(answers), IGNORE: IGNORED}


def team_files(answers: Answers) -> dict[str, str]:
    """The path of each team's file."""
    return dict(zip(answers.teams, (f"portals/teams/{name}.yaml" for name in file_names(answers.teams)), strict=True))


def _root(answers: Answers) -> str:
    return "\n".join([modeline(f"{answers.name}.yaml"), "version: 1", *_portal(answers), "", *_rules(answers), ""])


def _portal(answers: Answers) -> Iterator[str]:
    yield "portal:"
    yield f"  name: {yaml(answers.name)}"
    yield f"  provider: {answers.provider}"
    for key, value in {**answers.keys, "id": answers.id, "title": answers.title}.items():
        if value is not None:
            yield f"  {key}: {yaml(value)}"


def _rules(answers: Answers) -> Iterator[str]:
    if answers.teams:
        yield "# What each team's file may contain. Only the owners of this file can change that."
        yield "delegate:"
        for team, path in team_files(answers).items():
            yield f"  {path.removeprefix('portals/')}: {{teams: [{yaml(team)}]}}"
        yield ""
    yield "# Who signs up with an address of these domains is approved. For example:"
    yield "#   - domain: partner.example"
    yield '#     reason: "Partner since 2026"'
    yield "#     review_by: 2027-06-30"
    yield "trusted_domains: []"


def _team(portal: str, team: str, path: str) -> str:
    lines = [
        modeline(path.removeprefix("portals/")),
        "version: 1",
        f"portal: {yaml(portal)}",
        "teams:",
        f"  - name: {yaml(team)}",
        "    # Addresses, such as ann@partner.example",
        "    members: []",
    ]
    return "\n".join([*lines, ""])


def _ci(answers: Answers, examples: Examples) -> dict[str, str]:
    match answers.ci:
        case "github":
            return {f".github/workflows/{name}": _workflow(answers, examples, name) for name in WORKFLOWS}
        case "gitlab":
            return {".gitlab-ci.yml": _pipeline(answers, examples)}
        case "none":
            return {}


def _workflow(answers: Answers, examples: Examples, name: str) -> str:
    """Return a workflow with the provider's own secret; a server without regions is a variable of the repository."""
    text = examples.workflows[name].replace(ACTION, examples.action or ACTION)
    server, token = _variables(answers)
    if token != EXAMPLE_TOKEN:
        text = text.replace(f"{_input(EXAMPLE_TOKEN)}: ${{{{ secrets.{EXAMPLE_TOKEN} }}}}", _given(token))
        text = text.replace(EXAMPLE_TOKEN, token)
    if server is None:
        return text
    variable = f"env:\n  {server}: ${{{{ vars.{server} }}}}\n"
    return text.replace("\npermissions: {}\n", f"\npermissions: {{}}\n{variable}", 1)


def _variables(answers: Answers) -> tuple[str | None, str]:
    """Return the names of the variables for server and token of the portal; no server where a region gives it."""
    service = provider_named(answers.provider).service
    prefix = f"PORTALCTL_{answers.name.upper().replace('-', '_')}"
    server = service.any_server or f"{prefix}_{service.server}"
    return None if service.regions else server, service.any_token or f"{prefix}_{service.token}"


def _input(token: str) -> str:
    """Return the action's input for a token that all portals of a provider share."""
    return token.lower().replace("_", "-")


def _given(token: str) -> str:
    """Return the line by which a workflow gives the token to the action: by an input of its own where it has one."""
    secret = f"${{{{ secrets.{token} }}}}"
    shared = any(token == known.service.any_token for known in bundled())
    return f"{_input(token)}: {secret}" if shared else f"environment: {token}={secret}"


def _pipeline(answers: Answers, examples: Examples) -> str:
    """GitLab's: its jobs see every variable, so only what is to be set differs."""
    server, token = _variables(answers)
    address = f"{server} ({provider_named(answers.provider).service.title}), and " if server is not None else ""
    return examples.gitlab.replace(
        f"# Set {EXAMPLE_TOKEN} as a masked variable,", f"# Set {address}{token} as a masked variable,", 1
    )


def _owners(answers: Answers) -> str:
    return code_owners(answers.owner, {path: answers.teams[team] for team, path in team_files(answers).items()})


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
        *(f"/{path} {owners}" for path, owners in files.items()),
        *([] if files else ["#/portals/teams/city.yaml @your-org/city"]),
    ]
    return "\n".join(lines) + "\n"
