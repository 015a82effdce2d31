"""A portal as it is, as manifest files: in the canonical layout, with comments for whoever takes them over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from portalctl.insight.drift import DriftFinding
from portalctl.insight.import_portal import Adopted, AdoptedTeam, Suggestion, Unsaid
from portalctl.manifest.files import File
from portalctl.manifest.fmt.format import format_files
from portalctl.manifest.fmt.layout import scalar_text
from portalctl.output.escaping import terminal, yaml, yaml_comment

SCHEMA_FILE = "manifest.v1.schema.json"  # beside the portal's own file
LONGEST_FILE_NAME = 60  # characters


@dataclass(frozen=True, slots=True)
class Source:
    """What was imported. `day` is when, YYYY-MM-DD in UTC; `suggest_from`: approved people of a suggested domain."""

    name: str
    provider: str
    keys: Mapping[str, str]
    portal_id: str
    day: str
    suggest_from: int


def modeline(name: str) -> str:
    """How editors find the schema; `name` is the file's, relative to the folder that has SCHEMA_FILE."""
    return f"# yaml-language-server: $schema={'../' * name.count('/')}{SCHEMA_FILE}"


def manifest_files(adopted: Adopted, source: Source, *, split_teams: bool, has_schema: bool) -> dict[str, str]:
    """Return the texts of the files by name, relative to the root file's folder; the root file is first.

    `split_teams`: teams have files of their own, and the root file delegates to exactly these. A team that the
    identity provider owns stays in the root file, as `membership: idp` is never delegated. `has_schema`: SCHEMA_FILE
    will be in that folder.
    """
    root = f"{source.name}.yaml"
    own = [team for team in adopted.teams if split_teams and team.members is not None]
    inside = [team for team in adopted.teams if not split_teams or team.members is None]
    names = [f"teams/{name}.yaml" for name in file_names(team.name for team in own)]
    first = [modeline(root)] if has_schema else []
    rules = [*_root(adopted, source), *_teams(inside), *_overrides(adopted, source)]
    rules += _delegate(dict(zip(names, own, strict=True))) if split_teams else ()
    text = _text([*first, *rules, *_unsaid(adopted.unsaid)])
    # Grants of teams with long names need several lines, as `fmt` has them.
    files = {root: format_files([File(root, root, root, text.encode())])[0].text if own else text}
    for team, file in zip(own, names, strict=True):
        first = [modeline(file)] if has_schema else []
        files[file] = _text([*first, "version: 1", f"portal: {source.name}", *_teams([team])])
    return files


def baseline_file(findings: Iterable[DriftFinding], source: Source) -> str:
    """The acknowledgements under which the first `drift` finds nothing. Each names what it is about in a comment."""
    listed = {each.fingerprint: each for each in findings}.values()
    lines = [
        f"# What `portalctl drift` would have found on {source.day}, when portal {source.name} was imported.",
        "# Read by `portalctl drift --acknowledge`; take out what somebody should look at.",
        "version: 1",
        "acknowledgements:" if listed else "acknowledgements: []",
    ]
    for each in listed:
        about = " ".join(filter(None, [each.kind, each.developer, f"team {each.team}" if each.team else None]))
        lines += [
            f"  # {yaml_comment(about)}: {yaml_comment(each.live)}",
            f"  - finding: {each.fingerprint}",
            f"    reason: {scalar_text(f'imported, {source.day}: was so on the portal')}",
        ]
    return _text(lines)


def override_to_paste(developer: str, **keys: str | bool) -> str:
    """An override in one line, for a terminal or a CI log, whose reason is for whoever pastes it."""
    said = {"developer": developer, **keys}
    written = ", ".join(f"{key}: {_to_paste(value)}" for key, value in said.items())
    return f'- {{{written}, reason: "…"}}'


def _to_paste(value: str | bool) -> str:
    """A scalar that means exactly this between braces, and does nothing where it is shown."""
    plain = scalar_text(value, between=True)
    return plain if terminal(plain) == plain else yaml(str(value))


def _root(adopted: Adopted, source: Source) -> Iterator[str]:
    yield f"# Imported from the portal on {source.day}. The first plan changes nothing."
    yield from ("version: 1", "portal:", f"  name: {source.name}", f"  provider: {source.provider}")
    yield from (f"  {key}: {scalar_text(value)}" for key, value in source.keys.items())
    yield f"  id: {scalar_text(source.portal_id)}"
    yield ""
    yield "# People no rule speaks of stay as they are."
    yield f"# On the portal were {adopted.approved:,} approved and {adopted.pending:,} waiting."
    yield from ("policy:", "  unmatched: {pending: keep, approved: keep}")
    yield from _suggested(adopted.suggestions, source.suggest_from)


def _teams(teams: Iterable[AdoptedTeam]) -> Iterator[str]:
    listed = list(teams)
    if listed:
        yield from ("", "teams:", *(line for team in listed for line in _team(team)))


def _team(team: AdoptedTeam) -> Iterator[str]:
    yield f"  - name: {scalar_text(team.name)}"
    if team.description is not None:
        yield f"    description: {scalar_text(team.description)}"
    if team.members is None:
        yield "    membership: idp  # the portal maps groups of its identity provider to teams"
    elif not team.members:
        yield "    members: []"
    else:
        yield from ("    members:", *(f"      - {scalar_text(member)}" for member in team.members))


def _overrides(adopted: Adopted, source: Source) -> Iterator[str]:
    if adopted.denials:
        yield from ("", "overrides:")
    for denial in adopted.denials:
        yield f"  - developer: {scalar_text(denial.address)}"
        yield f"    status: {denial.status}"
        yield f"    reason: {scalar_text(f'imported, {source.day}: was {denial.status} on the portal')}"


def _delegate(teams: Mapping[str, AdoptedTeam]) -> Iterator[str]:
    """Yield the grants of the teams' files: each may contain its own team alone."""
    yield from ("", "# What each team's file may contain. Only the owners of this file can change that.")
    yield "delegate:" if teams else "delegate: {}"
    yield from (f"  {file}: {{teams: [{scalar_text(team.name, between=True)}]}}" for file, team in teams.items())


def _suggested(suggestions: tuple[Suggestion, ...], least: int) -> Iterator[str]:
    if suggestions:
        yield ""
        yield f"# Domains with {least:,} or more approved people, without those where anyone gets an address."
        yield "# Whoever signs up from a trusted domain is approved. To trust one, take away the `# `."
        yield "# trusted_domains:"
        yield from (
            f"#   - {scalar_text(each.domain)}  # {each.approved:,} approved, {each.pending:,} waiting"
            for each in suggestions
        )


def _unsaid(unsaid: tuple[Unsaid, ...]) -> Iterator[str]:
    if unsaid:
        yield from ("", "# On the portal, and not in these files:")
        yield from (f"#   {yaml_comment(each.who)} ({yaml_comment(each.state)}): {each.because}" for each in unsaid)


def file_names(teams: Iterable[str]) -> Iterator[str]:
    """A name that every file system takes for each team; a number behind it where two would be the same."""
    taken: set[str] = set()
    for team in teams:
        words = re.findall("[a-z0-9]+", team.lower())
        stem = "-".join(words)[:LONGEST_FILE_NAME].strip("-") or "team"
        number = 1
        name = stem
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        yield name


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
