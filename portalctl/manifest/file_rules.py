"""The rules of one file: their places, their values in normal form, and the errors of single rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, cast

from portalctl.characters import odd
from portalctl.errors import Finding, Position
from portalctl.identity import is_freemail, is_public_suffix, normal_address, normal_domain
from portalctl.ids import is_id
from portalctl.manifest.address_slips import address_slip
from portalctl.manifest.csv_list import MemberList
from portalctl.manifest.file_models import RootFile
from portalctl.manifest.group_rules import MemberGroup, TrustedGroup, group_value
from portalctl.manifest.invitation import Invitable
from portalctl.manifest.model import (
    AccessRule,
    DeniedDomain,
    Member,
    MemberFile,
    Override,
    Protected,
    Role,
    RuleKind,
    TeamRule,
    TrustedDomain,
)
from portalctl.manifest.rule_model import placed
from portalctl.manifest.validation import Shaped
from portalctl.manifest.value_display import shown_value
from portalctl.manifest.yaml_source import Branch, Mark, position
from portalctl.reason import Reason

G = TypeVar("G", TrustedGroup, MemberGroup)


class TeamDeclaration(NamedTuple):
    """A team as one file declares it, and its place. Several files may add up to one team."""

    team: TeamRule
    mark: Branch


@dataclass(frozen=True, slots=True)
class FileRules:
    """The rules of one file, in its order.

    `named`: every team that a rule names, with its place; `chosen`: those of them that an answer leads to. `lists`:
    the CSV files with members. `member_groups`: the groups that supply members of a team, with the team's name."""

    file: str
    lists: tuple[str, ...] = ()
    trusted: list[TrustedDomain] = field(default_factory=list)
    groups: list[TrustedGroup] = field(default_factory=list)
    member_groups: list[tuple[str, MemberGroup]] = field(default_factory=list)
    denied: list[DeniedDomain] = field(default_factory=list)
    teams: list[TeamDeclaration] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    access: list[AccessRule] = field(default_factory=list)
    protected: list[Protected] = field(default_factory=list)
    named: list[tuple[str, Position]] = field(default_factory=list)
    chosen: list[tuple[str, Position]] = field(default_factory=list)


def rules_of(
    shaped: Shaped, lists: Mapping[MemberFile, MemberList], *, developer_ids: bool
) -> tuple[FileRules, list[Finding]]:
    """Return the rules in one file, and the errors of each.

    `lists`: the member lists that its teams name, without unreadable ones. `developer_ids`: whether a developer may
    be named by developer_id (API7).
    """
    checks = _Checks(shaped.source.file, lists, developer_ids)
    entry, mark = shaped.entry, shaped.source.mark
    checks.trusted(entry.trusted_domains, _inside(mark, "trusted_domains"))
    checks.groups(entry.trusted_groups, _inside(mark, "trusted_groups"))
    checks.teams(entry.teams, _inside(mark, "teams"))
    checks.overrides(entry.overrides, _inside(mark, "overrides"))
    checks.denied(entry.denied_domains, _inside(mark, "denied_domains"))
    checks.access(entry.access_requests, _inside(mark, "access_requests"))
    if isinstance(entry, RootFile):
        checks.protected(entry.protected, _inside(mark, "protected"))
    return checks.rules, checks.findings


def part(mark: Mark, key: str) -> Mark:
    """Return the place of a key's value in a mapping; of an entry without keys, its own place."""
    return _child(mark, key) or mark


def _child(mark: Mark, key: str) -> Mark | None:
    return mark.inside.get(key) if isinstance(mark, Branch) and isinstance(mark.inside, dict) else None


def _inside(mark: Mark, key: str) -> list[Mark]:
    """Return the places of a list's entries; none where the list is not written."""
    child = _child(mark, key)
    return child.inside if isinstance(child, Branch) and isinstance(child.inside, list) else []


class _Checks:
    def __init__(self, file: str, lists: Mapping[MemberFile, MemberList], developer_ids: bool) -> None:
        self.rules = FileRules(file, tuple(one.file for one in lists.values()))
        self.findings: list[Finding] = []
        self._lists = lists
        self._developer_ids = developer_ids

    def trusted(self, rules: Iterable[TrustedDomain], marks: list[Mark]) -> None:
        for rule, mark in zip(rules, marks, strict=True):
            self._name_teams(rule.teams, _inside(mark, "teams"))
            self._teams_by(rule, mark)
            domain = self._domain(rule.domain, part(mark, "domain"))
            if domain is not None:
                self._check_trust(domain, rule, part(mark, "domain"))
                why = self._reason("trusted_domains", domain, mark, rule.reason)
                self.rules.trusted.append(placed(rule, why, domain=domain))

    def _check_trust(self, domain: str, rule: TrustedDomain, mark: Mark) -> None:
        if is_public_suffix(domain):
            message = "is a public suffix: strangers can register a domain below it; trust a partner's own domain"
            self._find(mark, f"{shown_value(domain)} {message}")
        elif is_freemail(domain) and not (rule.reason or "").strip():
            message = "addresses at this domain are free for all; give a `reason` to trust it anyway"
            self._find(mark, f"{shown_value(domain)}: {message}")

    def groups(self, rules: Iterable[TrustedGroup], marks: list[Mark]) -> None:
        for rule, mark in zip(rules, marks, strict=True):
            self._name_teams(rule.teams, _inside(mark, "teams"))
            self._teams_by(rule, mark)
            authority = self._domains(rule.authoritative_for, mark, "authoritative_for")
            why = self._reason("trusted_groups", group_value(rule), mark, rule.reason)
            self.rules.groups.append(self._group(rule, mark, why, authoritative_for=authority))

    def _group(self, rule: G, mark: Mark, why: Reason, **normal: object) -> G:
        """Return a rule that rests on a group, with its place and its domains in normal form."""
        if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
            self._find(part(mark, "minimum"), f"`minimum: {rule.minimum}` is above `maximum: {rule.maximum}`")
        return placed(rule, why, domains=self._domains(rule.domains, mark, "domains"), **normal)

    def _domains(self, texts: tuple[str, ...], mark: Mark, key: str) -> tuple[str, ...]:
        pairs = zip(texts, _inside(mark, key), strict=True)
        return tuple(domain for text, at in pairs if (domain := self._domain(text, at)) is not None)

    def denied(self, rules: Iterable[DeniedDomain], marks: list[Mark]) -> None:
        for rule, mark in zip(rules, marks, strict=True):
            domain = self._domain(rule.domain, part(mark, "domain"))
            if domain is not None:
                why = self._reason("denied_domains", domain, mark, rule.reason)
                self.rules.denied.append(placed(rule, why, domain=domain))

    def teams(self, teams: Iterable[TeamRule], marks: list[Mark]) -> None:
        for team, mark in zip(teams, marks, strict=True):
            members = self._all_members(team, mark)
            if team.roles is not None:
                self._place_roles(team.roles, _inside(mark, "roles"))
            why = self._reason("teams", team.name, mark)
            self.rules.teams.append(TeamDeclaration(placed(team, why, members=members), cast(Branch, mark)))

    def _all_members(self, team: TeamRule, mark: Mark) -> tuple[Member, ...] | None:
        """Return the members written here and those in the list. None: neither is written."""
        members: list[Member] = []
        if team.members is not None:
            members += self._members(self.rules.file, team.members, _inside(mark, "members"))
        source = team.members_from
        if isinstance(source, MemberGroup):
            at = part(mark, "members_from")
            why = self._reason("members", group_value(source), at)
            self.rules.member_groups.append((team.name, self._group(source, at, why)))
        elif source is not None and (listed := self._lists.get(source)) is not None:
            members += self._members(listed.file, listed.members, listed.marks)
        return None if team.members is None and team.members_from is None else tuple(members)

    def _members(self, file: str, members: Sequence[Member], marks: Sequence[Mark]) -> list[Member]:
        found: list[Member] = []
        for member, mark in zip(members, marks, strict=True):
            if isinstance(mark, Branch) or member.send_invitation_email:
                self._check_invitation(file, member, mark)
            address = normal_address(member.developer)
            if address is None:
                at = position(file, part(mark, "developer"))
                self.findings.append(Finding(at, no_address(member.developer)))
            else:
                text = member.reason.strip() if member.reason else None
                why = Reason("members", address, file, mark.line + 1, text, mark.column + 1)
                found.append(placed(member, why, developer=address))
        return found

    def _place_roles(self, roles: Iterable[Role], marks: list[Mark]) -> None:
        seen: set[Role] = set()
        for role, mark in zip(roles, marks, strict=True):
            if role in seen:
                self._find(mark, f"{shown_value(role.role)}: this role is listed twice; delete one")
            seen.add(role)
        for role, mark in zip(roles, marks, strict=True):
            placed(role, self._reason("teams", f"{role.role} on {role.api}", mark))

    def _check_invitation(self, file: str, rule: Invitable, mark: Mark) -> None:
        if rule.invite:
            return
        for key in ("full_name", "send_invitation_email"):
            if getattr(rule, key) or _child(mark, key) is not None:
                at = position(file, part(mark, key))
                self.findings.append(Finding(at, f"`{key}` has an effect only with `invite: true`"))

    def overrides(self, rules: Iterable[Override], marks: list[Mark]) -> None:
        for rule, mark in zip(rules, marks, strict=True):
            if not {"status", "teams"} & cast(Branch, mark).keys.keys():
                self._find(mark, "this override changes nothing; write `status`, `teams` or both")
            if rule.teams is not None:
                self._name_teams(rule.teams, _inside(mark, "teams"))
            developer = self._developer(rule.developer, part(mark, "developer"))
            self._check_invitation(self.rules.file, rule, mark)
            if rule.invite and rule.status in {"rejected", "revoked", "absent"}:
                self._find(part(mark, "invite"), f"`invite` has no effect with `status: {rule.status}`; remove one")
            if developer is not None:
                why = self._reason("overrides", developer, mark, rule.reason)
                self.rules.overrides.append(placed(rule, why, developer=developer))

    def access(self, rules: Iterable[AccessRule], marks: list[Mark]) -> None:
        for rule, mark in zip(rules, marks, strict=True):
            if bool(rule.domains) == bool(rule.teams):
                self._find(mark, "write `domains` or `teams`: the developers with approved requests")
            domains = self._domains(rule.domains, mark, "domains")
            self._name_teams(rule.teams, _inside(mark, "teams"))
            why = self._reason("access_requests", ", ".join(rule.products), mark, rule.reason)
            self.rules.access.append(placed(rule, why, domains=domains))

    def protected(self, names: Iterable[str], marks: list[Mark]) -> None:
        for name, mark in zip(names, marks, strict=True):
            developer = self._developer(name, mark)
            if developer is not None:
                self.rules.protected.append(Protected(developer, self._reason("policy", "protected", mark)))

    def _name_teams(self, names: tuple[str, ...], marks: list[Mark]) -> None:
        seen: set[str] = set()
        for name, mark in zip(names, marks, strict=True):
            if name in seen:
                self._find(mark, f"{shown_value(name)}: this team is listed twice; delete one")
            else:
                self.rules.named.append((name, position(self.rules.file, mark)))
            seen.add(name)

    def _teams_by(self, rule: TrustedDomain | TrustedGroup, mark: Mark) -> None:
        """Place the part of a rule that maps answers, and name the teams that they lead to."""
        mapping = rule.teams_by
        if mapping is None:
            return
        written, file, before = part(mark, "teams_by"), self.rules.file, len(self.rules.named)
        options = cast(Branch, part(written, "map"))
        for option, teams in mapping.map.items():
            self._name_teams(teams, _inside(options, option))
        self._name_teams(mapping.otherwise, _inside(written, "otherwise"))
        self.rules.chosen.extend(self.rules.named[before:])
        places = {option: position(file, options.keys[option]) for option in mapping.map}
        why = Reason.of("teams_by", mapping.field, position(file, part(written, "field")))
        placed(mapping, why, places=places)

    def _developer(self, text: str, mark: Mark) -> str | None:
        developer = normal_address(text)
        if developer is None and self._developer_ids and is_id(text):
            return text
        if developer is None:
            self._find(mark, no_address(text, " or a developer_id" if self._developer_ids else ""))
        return developer

    def _domain(self, text: str, mark: Mark) -> str | None:
        domain = normal_domain(text)
        if domain is None:
            self._find(mark, no_domain(text))
        return domain

    def _reason(self, rule: RuleKind, value: str, mark: Mark, text: str | None = None) -> Reason:
        return Reason.of(rule, value, position(self.rules.file, mark), text.strip() if text else None)

    def _find(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(position(self.rules.file, mark), message))


def no_domain(text: str) -> str:
    """Return the message for text that is not a valid domain."""
    hint = ""
    if "@" in text:
        hint = "; leave out the `@` and what is before it"
    elif "*" in text or text.startswith("."):
        hint = "; for its subdomains write `subdomains: true`"
    return f"{shown_value(text)}: expected a domain, as in example.com{hint}{_odd(text)}"


def no_address(text: str, alternative: str = "") -> str:
    slip = (odd(text) or "") if alternative and "@" not in text else address_slip(text)
    return (
        f"{shown_value(text)}: expected an e-mail address{alternative}, as in ann@example.com{slip and f'; {slip}'}"
    )


def _odd(text: str) -> str:
    found = odd(text)
    return f"; {found}" if found is not None else ""
