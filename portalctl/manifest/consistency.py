"""The rules of all files of one portal together, and where they contradict each other.

Rules of the same portal add up, whatever file they are in. A team may be declared in several files: its member lists
add up, and where two files write another key of it they must write the same. One file declares a team once. Two other
rules for the same domain or developer are an error, even if equal: later edits to one would leave the other in force.
The exception: an override that denies a developer beats every grant, with a warning at both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from operator import attrgetter
from typing import Final, TypeVar

from portalctl.characters import odd
from portalctl.errors import Finding, Position
from portalctl.identity import untagged
from portalctl.manifest.file_rules import FileRules, TeamDeclaration
from portalctl.manifest.model import (
    DENIED_GRANT,
    AccessRule,
    DeniedDomain,
    Member,
    Override,
    Protected,
    TeamRule,
    TrustedDomain,
)
from portalctl.manifest.yaml_source import position
from portalctl.reason import Reason
from portalctl.words import close, quoted

_DENIALS: Final = ("revoked", "rejected", "absent")
_MERGED: Final = (
    "description",
    "membership",
    "synced",
    "self_service",
    "roles",
)  # keys of a team; its members add up
_MOST_GUESSES: Final = 50  # suggestions are searched among all teams: too slow for thousands of names

Rule = TypeVar("Rule", TrustedDomain, DeniedDomain, Override, Protected, Member)


@dataclass(slots=True)
class Together:
    """The rules of all files of one portal, sorted by their subjects."""

    trusted: list[TrustedDomain] = field(default_factory=list)
    denied: list[DeniedDomain] = field(default_factory=list)
    teams: list[TeamRule] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    access: list[AccessRule] = field(default_factory=list)
    protected: list[Protected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def together(files: Sequence[FileRules], *, all_teams_known: bool) -> Together:
    """The rules of one portal from all of its files.

    `all_teams_known`: False when an error hides team names, so that one not found may be there after all.
    """
    whole = Together()
    whole.trusted = _unique(whole, (rule for file in files for rule in file.trusted), "domain")
    whole.denied = _unique(whole, (rule for file in files for rule in file.denied), "domain")
    whole.access = [rule for file in files for rule in file.access]
    whole.protected = _unique(whole, (rule for file in files for rule in file.protected))
    whole.teams = _teams(whole, [declaration for file in files for declaration in file.teams])
    whole.overrides = _overrides(whole, [rule for file in files for rule in file.overrides])
    _check_trust_and_denial(whole)
    _warn_of_the_denied(whole)
    if all_teams_known:
        _check_named(whole, files)
        _check_self_service(whole, files)
    return whole


def place(other: Position, seen_from: Position) -> str:
    """A place for a message about another one: `line 12`, or with the file when it is another."""
    return f"line {other.line}" if other.file == seen_from.file else f"{other.file}:{other.line}"


def at(why: Reason) -> Position:
    """Return the place of a rule that came from a file."""
    if why.at is None:
        raise ValueError("only built-in rules have no place")
    return why.at


def _unique(whole: Together, rules: Iterable[Rule], subject: str = "developer") -> list[Rule]:
    """Return the rules sorted by their subjects, one for each; report repeated and contradicting ones.

    `subject`: the field that names the rule's developer or domain.
    """
    first: dict[str, Rule] = {}
    about = attrgetter(subject)
    for rule in rules:
        other = first.setdefault(about(rule), rule)
        if other is rule:
            continue
        if replace(rule, why=other.why) == other:
            whole.findings.append(Finding(at(rule.why), f"this repeats {place(at(other.why), at(rule.why))}"))
        else:
            noun = "person" if subject == "developer" else subject
            _contradict(whole, at(rule.why), at(other.why), f"about the same {noun}")
    return [first[key] for key in sorted(first)]


def _contradict(whole: Together, declaration: Position, other: Position, how: str) -> None:
    whole.findings.append(Finding(declaration, f"this contradicts {place(other, declaration)} {how}"))
    whole.findings.append(Finding(other, f"this contradicts {place(declaration, other)} {how}"))


def _overrides(whole: Together, overrides: Iterable[Override]) -> list[Override]:
    """Return one override for each developer: the denial, where there is one."""
    denials = [override for override in overrides if override.status in _DENIALS]
    grants = [override for override in overrides if override.status not in _DENIALS]
    kept = {item.developer: item for item in _unique(whole, grants)}
    for denial in _unique(whole, denials):
        if (grant := kept.get(denial.developer)) is not None:
            _warn(whole, denial, grant.why)
        kept[denial.developer] = denial
    return [kept[key] for key in sorted(kept)]


def _warn(whole: Together, denial: Override, grant: Reason) -> None:
    here, there = at(grant), at(denial.why)
    texts = {
        here: f"no effect: {place(there, here)} denies this developer",
        there: f"{place(here, there)} grants something to the developer denied here; the denial holds",
    }
    whole.warnings += [Finding(where, text, DENIED_GRANT, "warning") for where, text in texts.items()]


def _warn_of_the_denied(whole: Together) -> None:
    """A denial covers the tagged forms of its address too, whether a list or another override names them."""
    denials = {override.developer: override for override in whole.overrides if override.status in _DENIALS}
    if not denials:
        return
    granted: list[Override | Member] = [override for override in whole.overrides if override.status not in _DENIALS]
    granted += [member for team in whole.teams for member in team.members or ()]
    for rule in granted:
        denial = denials.get(rule.developer) or denials.get(untagged(rule.developer))
        if denial is not None:
            _warn(whole, denial, rule.why)


def _check_trust_and_denial(whole: Together) -> None:
    trusted = {item.domain: item.why for item in whole.trusted}
    for denied in whole.denied:
        if denied.domain in trusted:
            _contradict(whole, at(denied.why), at(trusted[denied.domain]), "about the same domain")


def _teams(whole: Together, declarations: list[TeamDeclaration]) -> list[TeamRule]:
    by_name = sorted(declarations, key=attrgetter("team.name"))  # stable: in a team the order of the files stays
    return [_team(whole, list(same)) for _, same in groupby(by_name, key=attrgetter("team.name"))]


def _team(whole: Together, declarations: list[TeamDeclaration]) -> TeamRule:
    """Return the team that its declarations add up to."""
    declared: dict[str, Position] = {}
    for declaration in declarations:
        here = at(declaration.team.why)
        first = declared.setdefault(here.file, here)
        if first != here:
            whole.findings.append(Finding(here, f"this file already declares the team in {place(first, here)}"))
    for key in ("description", "membership"):  # the other keys are allowed in the root file only
        _check_agreement(whole, key, declarations)
    _check_idp(whole, declarations)
    listed = [declaration.team.members for declaration in declarations if declaration.team.members is not None]
    members = _unique(whole, chain.from_iterable(listed))
    # A key counts from the first declaration that writes it.
    written = {
        key: getattr(declaration.team, key)
        for declaration in reversed(declarations)
        for key in _MERGED
        if _writes(declaration, key)
    }
    return replace(declarations[0].team, **written, members=tuple(members) if listed else None, members_from=None)


def _writes(declaration: TeamDeclaration, key: str) -> bool:
    """Return whether a declaration has a key, and no error in its value."""
    return key in declaration.mark.inside


def _check_agreement(whole: Together, key: str, declarations: list[TeamDeclaration]) -> None:
    """Check that all files that write a key of a team write the same."""
    written = [declaration for declaration in declarations if _writes(declaration, key)]
    for declaration in written[1:]:
        if getattr(declaration.team, key) != getattr(written[0].team, key):
            _contradict(whole, _at_key(declaration, key), _at_key(written[0], key), f"about the same team's `{key}`")


def _check_idp(whole: Together, declarations: list[TeamDeclaration]) -> None:
    idp = next((declaration for declaration in declarations if declaration.team.membership == "idp"), None)
    if idp is None:
        return
    owner = _at_key(idp, "membership")
    for declaration in declarations:
        for key in [key for key in ("members", "members_from", "roles") if key in declaration.mark.keys]:
            here = _at_key(declaration, key)
            message = f"the identity provider owns this team ({place(owner, here)}); leave `{key}` out"
            whole.findings.append(Finding(here, message))


def _at_key(declaration: TeamDeclaration, key: str) -> Position:
    return position(at(declaration.team.why).file, declaration.mark.keys[key])


def _check_named(whole: Together, files: Iterable[FileRules]) -> None:
    declared = {team.name: at(team.why) for team in whole.teams}
    meant: dict[str, str | None] = {}
    for name, here in (item for file in files for item in file.named):
        if name in declared:
            continue
        if name not in meant and len(meant) < _MOST_GUESSES:
            meant[name] = close(name, declared)
        near = meant.get(name)
        hint = f"; did you mean {quoted(near)} ({place(declared[near], here)})?" if near else ""
        strange = odd(name)
        more = f"; {strange}" if strange is not None else ""
        whole.findings.append(Finding(here, f"no file of this portal declares this team{hint}{more}"))


def _check_self_service(whole: Together, files: Iterable[FileRules]) -> None:
    """Check that developers can choose such teams only as the root file lets them choose."""
    declared = {team.name: team for team in whole.teams}
    for name, here in (item for file in files for item in file.chosen):
        team = declared.get(name)
        if team is not None and not team.self_service:
            text = "developers choose their answer themselves, so `teams_by` needs a team with `self_service: true`"
            fix = f"write it at the team in the root file ({place(at(team.why), here)}), or name the team in `teams`"
            whole.findings.append(Finding(here, f"{quoted(name)}: {text}; {fix}"))
