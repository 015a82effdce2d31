"""An imported portal as manifest files in the canonical layout, with comments for their maintainers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from portalctl.insight.drift import DriftFinding
from portalctl.insight.import_portal import GroupProposal, Imported, ImportedTeam, Omission, Suggestion
from portalctl.manifest.acknowledgements_text import entry, new_text
from portalctl.manifest.files import File
from portalctl.manifest.fmt.format import format_files
from portalctl.manifest.fmt.layout import scalar_text
from portalctl.output.escaping import terminal, yaml, yaml_comment
from portalctl.portals.models import FormField
from portalctl.words import plural

SCHEMA_FILE = "manifest.v1.schema.json"  # beside the root file
LONGEST_FILE_NAME = 60  # characters
MOST_OPTIONS = 50  # options of a form's field in one comment
DELEGATE_COMMENT = "# What each team's file may contain. Only the owners of this file can change that."


@dataclass(frozen=True, slots=True)
class Source:
    """The source of an import. `day`: the date, YYYY-MM-DD in UTC. `keys`: `portal` keys that only this provider has.

    `suggest_from`: the number of approved developers from which a domain is suggested.
    """

    name: str
    provider: str
    keys: Mapping[str, str]
    portal_id: str
    day: str
    suggest_from: int


def modeline(name: str) -> str:
    """Return the comment with the schema's path for editors. `name` is relative to the folder of SCHEMA_FILE."""
    return f"# yaml-language-server: $schema={'../' * name.count('/')}{SCHEMA_FILE}"


def acknowledgements_file(portal: str) -> str:
    """Return the name of a portal's acknowledgements file; hidden, so that it is not read as a manifest file."""
    return f".{portal}.acknowledged.yaml"


def manifest_files(imported: Imported, source: Source, *, split_teams: bool, has_schema: bool) -> dict[str, str]:
    """Return the texts of the files by their path relative to the root file's folder; the root file is first.

    `split_teams`: each team is in a file under `teams/`, and the root file delegates to exactly these files. A team
    that the identity provider owns stays in the root file, because `membership: idp` is never delegated.
    `has_schema`: SCHEMA_FILE will be in that folder.
    """
    root = f"{source.name}.yaml"
    separate = [team for team in imported.teams if split_teams and team.members is not None]
    inside = [team for team in imported.teams if not split_teams or team.members is None]
    names = [f"teams/{name}.yaml" for name in file_names(team.name for team in separate)]
    first = [modeline(root)] if has_schema else []
    rules = [*_root(imported, source), *_teams(inside), *_overrides(imported, source)]
    rules += _delegate(dict(zip(names, separate, strict=True))) if split_teams else ()
    text = _text([*first, *rules, *_omissions(imported.omissions)])
    # `fmt` breaks delegation lines of teams with long names.
    files = {root: format_files([File(root, root, root, text.encode())])[0].text if separate else text}
    for team, file in zip(separate, names, strict=True):
        first = [modeline(file)] if has_schema else []
        files[file] = _text([*first, "version: 1", f"portal: {source.name}", *_teams([team])])
    return files


def baseline_file(findings: Iterable[DriftFinding], source: Source) -> str:
    """Return the acknowledgements of all findings, so that the first `drift` reports none."""
    listed = {finding.fingerprint: finding for finding in findings}.values()
    reason = f"imported on {source.day}: existed on the portal"
    return new_text(
        entry(
            finding=finding.fingerprint,
            kind=finding.kind,
            developer=finding.developer,
            team=finding.team,
            reason=reason,
        )
        for finding in listed
    )


def override_to_paste(developer: str, **keys: str | bool) -> str:
    """Return an override in one line for a terminal or a CI log, with a placeholder for its reason."""
    pairs = {"developer": developer, **keys}
    written = ", ".join(f"{key}: {_to_paste(value)}" for key, value in pairs.items())
    return f'- {{{written}, reason: "…"}}'


def _to_paste(value: str | bool) -> str:
    """Return a YAML scalar of exactly this value within braces, without effect on a terminal or in a CI log."""
    plain = scalar_text(value, between=True)
    return plain if terminal(plain) == plain else yaml(str(value))


def _root(imported: Imported, source: Source) -> Iterator[str]:
    yield f"# Imported from the portal on {source.day}. The first plan changes nothing."
    yield from ("version: 1", "portal:", f"  name: {source.name}", f"  provider: {source.provider}")
    yield from (f"  {key}: {scalar_text(value)}" for key, value in source.keys.items())
    yield f"  id: {scalar_text(source.portal_id)}"
    yield ""
    counts = f"{plural(imported.approved, 'approved developer')} and {plural(imported.pending, 'pending developer')}"
    yield "# Developers who match no rule keep their status. At the time of the import the portal had"
    yield f"# {counts}."
    yield from ("policy:", "  unmatched: {pending: keep, approved: keep}")
    yield from ("", f"acknowledgements: {acknowledgements_file(source.name)}")
    yield from _suggested(imported.suggestions, source.suggest_from)
    yield from _form(imported.form)


def _teams(teams: Iterable[ImportedTeam]) -> Iterator[str]:
    listed = list(teams)
    if listed:
        yield from ("", "teams:", *(line for team in listed for line in _team(team)))


def _team(team: ImportedTeam) -> Iterator[str]:
    yield f"  - name: {scalar_text(team.name)}"
    if team.description is not None:
        yield f"    description: {scalar_text(team.description)}"
    if team.members is None:
        yield "    membership: idp  # the portal maps groups of its identity provider to teams"
    elif not team.members:
        yield "    members: []"
    else:
        yield from _proposed(team.proposals, len(team.members))
        yield from ("    members:", *(f"      - {scalar_text(member)}" for member in team.members))


def _proposed(proposals: Iterable[GroupProposal], members: int) -> Iterator[str]:
    """Yield comments about the groups that have nearly all members of a team."""
    for one in proposals:
        counts = f"{one.covered:,} of {plural(members, 'member')}, and {plural(one.others, 'other developer')}"
        name = yaml_comment(f"{one.directory}/{one.group}")
        yield f"    # Group {name} has {counts}. To follow it, replace `members` by:"
        keys = f"directory: {one.directory}, group: {scalar_text(one.group, between=True)}"
        yield f"    # members_from: {{{keys}}}"


def _overrides(imported: Imported, source: Source) -> Iterator[str]:
    if imported.denials:
        yield from ("", "overrides:")
    for denial in imported.denials:
        yield f"  - developer: {scalar_text(denial.address)}"
        yield f"    status: {denial.status}"
        yield f"    reason: {scalar_text(f'imported on {source.day}: was {denial.status} on the portal')}"


def _delegate(teams: Mapping[str, ImportedTeam]) -> Iterator[str]:
    """Yield the delegation of the teams' files: each may contain only its own team."""
    yield from ("", DELEGATE_COMMENT)
    yield "delegate:" if teams else "delegate: {}"
    yield from (f"  {file}: {{teams: [{scalar_text(team.name, between=True)}]}}" for file, team in teams.items())


def _suggested(suggestions: tuple[Suggestion, ...], least: int) -> Iterator[str]:
    if suggestions:
        yield ""
        yield f"# Domains with {plural(least, 'approved developer')} or more, without freemail domains."
        yield "# Developers of a trusted domain are approved. To trust a domain, remove `# ` from the next line and"
        yield "# from the line of that domain."
        yield "# trusted_domains:"
        yield from (
            f"#   - {scalar_text(domain.domain)}  # {domain.approved:,} approved, {domain.pending:,} pending"
            for domain in suggestions
        )


def _form(fields: tuple[FormField, ...]) -> Iterator[str]:
    """Yield comments with the fields of the sign-up form."""
    if fields:
        yield from (
            "",
            "# The sign-up form asks for these fields. An entry of `trusted_domains` can add developers to",
        )
        yield "# teams by what they choose in a field with options (`teams_by`; `portalctl docs manifest`)."
    for field in fields:
        required = ", required" if field.required else ""
        shown = [yaml_comment(option) for option in field.options[:MOST_OPTIONS]]
        left = len(field.options) - len(shown)
        options = f": {', '.join([*shown, *([f'{left:,} more'] if left else [])])}" if shown else ""
        yield f"#   {yaml_comment(field.name)} ({yaml_comment(field.type)}{required}){options}"


def _omissions(omissions: tuple[Omission, ...]) -> Iterator[str]:
    if omissions:
        yield from ("", "# On the portal, but not in these files:")
        yield from (
            f"#   {yaml_comment(omission.name)} ({yaml_comment(omission.state)}): {omission.reason}"
            for omission in omissions
        )


def file_names(teams: Iterable[str]) -> Iterator[str]:
    """Yield a file name for each team, valid on every file system, with a number if two would be equal."""
    used: set[str] = set()
    for team in teams:
        words = re.findall("[a-z0-9]+", team.lower())
        stem = "-".join(words)[:LONGEST_FILE_NAME].strip("-") or "team"
        number = 1
        name = stem
        while name in used:
            number += 1
            name = f"{stem}-{number}"
        used.add(name)
        yield name


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
