"""Makes the files that `init` creates, from the examples. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from portalctl.manifest.files import File
from portalctl.manifest.fmt.format import format_files
from portalctl.output.escaping import yaml
from portalctl.output.manifest_files import DELEGATE_COMMENT, acknowledgements_file, file_names, modeline
from portalctl.providers.registry import bundled, provider_named

Ci = Literal["github", "gitlab", "none"]
WORKFLOWS = ("portal-plan.yml", "portal-apply.yml", "portal-onboard.yml", "portal-drift.yml", "portal-snapshot.yml")
IGNORED = "".join(
    f"{name}\n" for name in (".portalctl/", "plan.json", "snapshot.json", "access.csv", "access.html", "access.json")
)

EXAMPLE_TOKEN: Final = bundled()[0].service.any_token or ""  # the examples are for the first provider
_TOKEN_LINE: Final = re.compile(
    rf"^( +){EXAMPLE_TOKEN.lower().replace('_', '-')}: \$\{{\{{ secrets\.{EXAMPLE_TOKEN} \}}\}}\n"
    r"(\1environment: \|\n)?",
    re.MULTILINE,
)

# Placeholders in the examples for portalctl's repository and commit. No commit has this name.
NO_COMMIT: Final = "0" * 40
ACTION: Final = f"your-org/portalctl/.github/actions/portalctl@{NO_COMMIT}"
SOURCE_URL: Final = "https://github.com/your-org/portalctl.git"


@dataclass(frozen=True, slots=True)
class Answers:
    """The new portal. Exactly one of `id` and `title` is set; `teams` are those with separate files."""

    name: str
    provider: str
    id: str | None
    title: str | None
    keys: Mapping[str, str]
    teams: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class InstallSource:
    """The Git repository (https) and the commit that CI installs portalctl from."""

    url: str
    commit: str

    @property
    def action(self) -> str:
        """Return the action for `uses:` in a workflow: its path in the repository, at the commit."""
        path = self.url.removesuffix("/").removesuffix(".git").split("/", 3)[3]
        return f"{path}/.github/actions/portalctl@{self.commit}"


@dataclass(frozen=True, slots=True)
class Examples:
    """The texts that CI files are made from: GitHub's workflows by file name, and GitLab's pipeline."""

    workflows: Mapping[str, str]
    gitlab: str


@dataclass(frozen=True, slots=True)
class PortalPlace:
    """The provider of a portal, and its region, which determines the server."""

    provider: str
    region: str | None


@dataclass(frozen=True, slots=True)
class Variables:
    """The environment variables that the portals of a manifest need, each with the title of its service.

    `servers` are those of portals without a region.
    """

    servers: Mapping[str, str]
    tokens: Mapping[str, str]

    @classmethod
    def of(cls, portals: Mapping[str, PortalPlace]) -> Variables:
        """Return the variables of portals, which are given by name.

        A provider's server variable would override the regions of its portals. So if some portals have a region, the
        others use variables with their name.
        """
        servers: dict[str, str] = {}
        tokens: dict[str, str] = {}
        placed = {place.provider for place in portals.values() if place.region is not None}
        for name, place in portals.items():
            service = provider_named(place.provider).service
            prefix = f"PORTALCTL_{name.upper().replace('-', '_')}"
            own = place.region is None and place.provider in placed
            any_token, any_server = (None, None) if own else (service.any_token, service.any_server)
            tokens[any_token or f"{prefix}_{service.token}"] = service.title
            if place.region is None:
                servers[any_server or f"{prefix}_{service.server}"] = service.title
        return cls(servers, tokens)


def manifests(answers: Answers) -> dict[str, str]:
    """Return the root file and a file for each team, by path, in canonical form.

    Raises InputError for answers that no manifest can contain.
    """
    texts = {f"portals/{answers.name}.yaml": _root(answers)}
    texts |= {path: _team(answers.name, team, path) for team, path in team_files(answers).items()}
    files = [File(path, path, f"/{path}", text.encode(errors="surrogatepass")) for path, text in texts.items()]
    return {formatted.file.name: formatted.text for formatted in format_files(files)}


def team_files(answers: Answers) -> dict[str, str]:
    """Return the path of each team's file."""
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
    yield f"acknowledgements: {acknowledgements_file(answers.name)}"
    yield ""
    yield "# Developers of a trusted domain are approved. To trust one, remove `# ` from these lines:"
    yield "# trusted_domains:"
    yield "#   - domain: partner.example"
    yield "#     reason: Partner since 2026"
    yield "#     review_by: 2027-06-30"
    if answers.teams:
        yield ""
        yield DELEGATE_COMMENT
        yield "delegate:"
        for team, path in team_files(answers).items():
            yield f"  {path.removeprefix('portals/')}: {{teams: [{yaml(team)}]}}"


def _team(portal: str, team: str, path: str) -> str:
    lines = [
        modeline(path.removeprefix("portals/")),
        "version: 1",
        f"portal: {yaml(portal)}",
        "teams:",
        f"  - name: {yaml(team)}",
        "    # To add developers, replace [] with one line for each:",
        "    #   - ann@partner.example",
        "    members: []",
    ]
    return "\n".join([*lines, ""])


def ci_files(
    ci: Ci, variables: Variables, examples: Examples, source: InstallSource | None, manifest: str
) -> dict[str, str]:
    """Return the CI files by path. `manifest` is the folder or file that commands read."""
    match ci:
        case "github":
            texts = {
                f".github/workflows/{name}": _workflow(examples.workflows[name], variables, source)
                for name in WORKFLOWS
            }
        case "gitlab":
            texts = {".gitlab-ci.yml": _pipeline(examples.gitlab, variables, source)}
        case "none":
            return {}
    if manifest == "portals/":
        return texts
    return {path: re.sub(r"\bportals/(\*\*(/\*)?)?", manifest, text) for path, text in texts.items()}


def _workflow(text: str, variables: Variables, source: InstallSource | None) -> str:
    """Return a workflow with the secrets of the portals; servers are variables of the repository."""
    if source is not None:
        text = text.replace(ACTION, source.action)
    text = _TOKEN_LINE.sub(lambda found: _token_lines(found, variables), text)
    text = _named_tokens(text, variables)
    if not variables.servers:
        return text
    servers = "".join(f"  {name}: ${{{{ vars.{name} }}}}\n" for name in variables.servers)
    return text.replace("\npermissions: {}\n", f"\npermissions: {{}}\nenv:\n{servers}", 1)


def _token_lines(found: re.Match[str], variables: Variables) -> str:
    """Return the lines that pass the tokens in a workflow: as inputs of the action, others in `environment`."""
    indent, has_block = found[1], found[2] is not None
    shared = [name for name in variables.tokens if any(name == known.service.any_token for known in bundled())]
    own = [name for name in variables.tokens if name not in shared]
    lines = [f"{indent}{name.lower().replace('_', '-')}: ${{{{ secrets.{name} }}}}\n" for name in shared]
    lines += [f"{indent}environment: |\n"] if own or has_block else []
    lines += [f"{indent}  {name}=${{{{ secrets.{name} }}}}\n" for name in own]
    return "".join(lines)


def _named_tokens(text: str, variables: Variables) -> str:
    """Return a text with the names of the portals' tokens in its comments."""
    names = list(variables.tokens)
    if names == [EXAMPLE_TOKEN]:
        return text
    words = f"{'secret' if len(names) == 1 else 'secrets'} {' and '.join(names)}"
    pattern = re.compile(rf"secret {EXAMPLE_TOKEN}\b|\b{EXAMPLE_TOKEN}\b")
    # Only comments: the lines that pass the tokens were replaced before.
    return re.sub(
        r"#.*$",
        lambda comment: pattern.sub(
            lambda found: words if found[0].startswith("secret") else words.partition(" ")[2], comment[0]
        ),
        text,
        flags=re.MULTILINE,
    )


def _pipeline(text: str, variables: Variables, source: InstallSource | None) -> str:
    """Return GitLab's pipeline. Its jobs get all variables, so only the comments and the source differ."""
    if source is not None:
        text = text.replace(SOURCE_URL, source.url).replace(NO_COMMIT, source.commit, 1)
    servers = "".join(f"{name} ({title}), and " for name, title in variables.servers.items())
    return text.replace(f"# Set {EXAMPLE_TOKEN} as a", f"# Set {servers}{' and '.join(variables.tokens)} as a", 1)
