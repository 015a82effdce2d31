"""Entries → the rules of the model, each with its reason and place; and what a second look at one entry finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from portalctl.characters import odd
from portalctl.errors import Finding, Position
from portalctl.identity import is_freemail, is_id, is_public_suffix, normal_address, normal_domain
from portalctl.manifest.csv_list import MemberList
from portalctl.manifest.file_models import (
    AccessEntry,
    DeniedEntry,
    ListEntry,
    MemberEntry,
    OverrideEntry,
    RoleEntry,
    RootFile,
    TeamEntry,
    TrustedEntry,
)
from portalctl.manifest.model import (
    AccessRule,
    DeniedDomain,
    Invitation,
    Member,
    Override,
    Protected,
    Role,
    RuleKind,
    TrustedDomain,
)
from portalctl.manifest.validation import Shaped
from portalctl.manifest.value_display import shown_value
from portalctl.manifest.yaml_source import Branch, Mark, position
from portalctl.reason import Reason

_SHORT_MEMBER: Final = MemberEntry.model_construct(developer="")  # what holds for an address alone


@dataclass(frozen=True, slots=True)
class TeamPart:
    """What one file says of a team. Several files may add up to one team."""

    entry: TeamEntry
    why: Reason
    members: tuple[Member, ...] | None
    roles: tuple[Role, ...] | None
    branch: Branch


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one file, in its order. `named`: every team that a rule names, with its place; `lists`: the
    files of its lists.
    """

    file: str
    lists: tuple[str, ...] = ()
    trusted: list[TrustedDomain] = field(default_factory=list)
    denied: list[DeniedDomain] = field(default_factory=list)
    teams: list[TeamPart] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    access: list[AccessRule] = field(default_factory=list)
    protected: list[Protected] = field(default_factory=list)
    named: list[tuple[str, Position]] = field(default_factory=list)


def rules_of(
    shaped: Shaped, lists: Mapping[ListEntry, MemberList], *, developer_ids: bool
) -> tuple[Rules, list[Finding]]:
    """The rules in one file, and what is wrong with them one by one.

    `lists`: those that its teams name, without the ones that can't be read. `developer_ids`: whether a person may be
    named by developer_id (API7).
    """
    making = _Making(shaped.source.file, lists, developer_ids)
    entry, mark = shaped.entry, shaped.source.mark
    making.trusted(entry.trusted_domains, _inside(mark, "trusted_domains"))
    making.teams(entry.teams, _inside(mark, "teams"))
    making.overrides(entry.overrides, _inside(mark, "overrides"))
    making.denied(entry.denied_domains, _inside(mark, "denied_domains"))
    making.access(entry.access_requests, _inside(mark, "access_requests"))
    if isinstance(entry, RootFile):
        making.protected(entry.protected, _inside(mark, "protected"))
    return making.rules, making.findings


def part(mark: Mark, key: str) -> Mark:
    """The place of a key's value in a long entry; of a short entry, the entry's own."""
    return _child(mark, key) or mark


def _at(file: str, mark: Mark, key: str) -> Position:
    return position(file, part(mark, key))


def _child(mark: Mark, key: str) -> Mark | None:
    return mark.inside.get(key) if isinstance(mark, Branch) and isinstance(mark.inside, dict) else None


def _inside(mark: Mark, key: str) -> list[Mark]:
    """The places of a list's entries; none where the list is not written."""
    child = _child(mark, key)
    return child.inside if isinstance(child, Branch) and isinstance(child.inside, list) else []


class _Listed(Protocol):
    """Members in a list, each with its place; `at` tells that of what an entry, by its index, says by a key."""

    @property
    def entries(self) -> Sequence[str | MemberEntry]: ...
    @property
    def places(self) -> Sequence[tuple[str, int, int]]: ...
    def at(self, index: int, key: str) -> Position: ...


@dataclass(frozen=True, slots=True)
class _Written:
    """A list in a YAML file."""

    file: str
    entries: Sequence[str | MemberEntry]
    marks: Sequence[Mark]

    @property
    def places(self) -> Sequence[tuple[str, int, int]]:
        """The parts of a Position, without the cost of one for each of 100,000 members."""
        return [(self.file, mark.line + 1, mark.column + 1) for mark in self.marks]

    def at(self, index: int, key: str) -> Position:
        return _at(self.file, self.marks[index], key)


class _Making:
    def __init__(self, file: str, lists: Mapping[ListEntry, MemberList], developer_ids: bool) -> None:
        self.rules = Rules(file, tuple(each.file for each in lists.values()))
        self.findings: list[Finding] = []
        self._lists = lists
        self._developer_ids = developer_ids

    def trusted(self, entries: Iterable[str | TrustedEntry], marks: list[Mark]) -> None:
        for each, mark in zip(entries, marks, strict=True):
            entry = TrustedEntry(domain=each) if isinstance(each, str) else each
            teams = self._teams_named(entry.teams, _inside(mark, "teams"))
            domain = self._domain(entry.domain, part(mark, "domain"))
            if domain is None:
                continue
            self._check_trust(domain, entry, part(mark, "domain"))
            self.rules.trusted.append(
                TrustedDomain(
                    domain=domain,
                    why=self._reason("trusted_domains", domain, mark, entry.reason),
                    subdomains=entry.subdomains,
                    teams=teams,
                    review_by=entry.review_by,
                    expires=entry.expires,
                )
            )

    def _check_trust(self, domain: str, entry: TrustedEntry, mark: Mark) -> None:
        if is_public_suffix(domain):
            self._find(mark, "this is a public suffix: anyone can register a domain below it, so it can't be trusted")
        elif is_freemail(domain) and not (entry.reason or "").strip():
            self._find(
                mark, "anyone can get an address at this domain; say in `reason` why it is trusted all the same"
            )

    def denied(self, entries: Iterable[str | DeniedEntry], marks: list[Mark]) -> None:
        for each, mark in zip(entries, marks, strict=True):
            entry = DeniedEntry(domain=each) if isinstance(each, str) else each
            domain = self._domain(entry.domain, part(mark, "domain"))
            if domain is not None:
                why = self._reason("denied_domains", domain, mark, entry.reason)
                self.rules.denied.append(DeniedDomain(domain, why, entry.subdomains, entry.expires))

    def teams(self, entries: Iterable[TeamEntry], marks: list[Any]) -> None:
        for entry, mark in zip(entries, marks, strict=True):
            roles = None
            members = self._all_members(entry, mark)
            if entry.roles is not None:
                roles = self._roles(entry.roles, _inside(mark, "roles"))
            why = self._reason("teams", entry.name, mark, None)
            self.rules.teams.append(TeamPart(entry, why, members, roles, mark))

    def _all_members(self, entry: TeamEntry, mark: Mark) -> tuple[Member, ...] | None:
        """Those written here and those in the list. None: neither is written."""
        members: list[Member] = []
        if entry.members is not None:
            members += self._members(_Written(self.rules.file, entry.members, _inside(mark, "members")))
        if entry.list_entry is not None:
            members += self._members(self._lists.get(entry.list_entry, MemberList(self.rules.file)))
        return None if entry.members is None and entry.members_from is None else tuple(members)

    def _members(self, listed: _Listed) -> Iterator[Member]:
        for index, (each, (file, line, column)) in enumerate(zip(listed.entries, listed.places, strict=True)):
            if isinstance(each, str):
                text, entry, invitation = each, _SHORT_MEMBER, None
            else:
                text, entry, invitation = each.developer, each, self._invitation(each, partial(listed.at, index))
            address = normal_address(text)
            if address is None:
                self.findings.append(Finding(listed.at(index, "developer"), _no_address(text)))
            else:
                reason = entry.reason.strip() if entry.reason else None
                why = Reason("members", address, file, line, reason, column)
                yield Member(address, why, entry.expires, invitation)

    def _roles(self, entries: Iterable[RoleEntry], marks: list[Mark]) -> tuple[Role, ...]:
        roles: dict[tuple[str, str], Role] = {}
        for entry, mark in zip(entries, marks, strict=True):
            key = (entry.role, entry.api)
            if key in roles:
                self._find(mark, "this role is given twice in one list")
            roles[key] = Role(*key, self._reason("teams", f"{entry.role} on {entry.api}", mark, None))
        return tuple(roles.values())

    def _invitation(self, entry: MemberEntry | OverrideEntry, at: Callable[[str], Position]) -> Invitation | None:
        if entry.invite:
            return Invitation(entry.full_name, entry.send_invitation_email)
        for key in [key for key in ("full_name", "send_invitation_email") if key in entry.model_fields_set]:
            self.findings.append(Finding(at(key), f"`{key}` has an effect only with `invite: true`"))
        return None

    def overrides(self, entries: Iterable[OverrideEntry], marks: list[Any]) -> None:
        for entry, mark in zip(entries, marks, strict=True):
            if not {"status", "teams"} & mark.keys.keys():
                self._find(mark, "this override changes nothing; write `status`, `teams` or both")
            teams = None
            if entry.teams is not None:
                teams = self._teams_named(entry.teams, _inside(mark, "teams"))
            developer = self._person(entry.developer, part(mark, "developer"))
            invitation = self._invitation(entry, partial(_at, self.rules.file, mark))
            if invitation is not None and entry.status in {"rejected", "revoked", "absent"}:
                self._find(part(mark, "invite"), f"nobody is invited to be {entry.status}")
            if developer is None:
                continue
            self.rules.overrides.append(
                Override(
                    developer=developer,
                    why=self._reason("overrides", developer, mark, entry.reason),
                    status=entry.status,
                    teams=teams,
                    expires=entry.expires,
                    pin=entry.id,
                    reinstate=entry.reinstate,
                    on_revoke=entry.on_revoke,
                    invitation=invitation,
                )
            )

    def access(self, entries: Iterable[AccessEntry], marks: list[Mark]) -> None:
        for entry, mark in zip(entries, marks, strict=True):
            if bool(entry.domains) == bool(entry.teams):
                self._find(mark, "say whose requests: write `domains` or `teams`")
            pairs = zip(entry.domains, _inside(mark, "domains"), strict=True)
            domains = [domain for text, at in pairs if (domain := self._domain(text, at)) is not None]
            teams = self._teams_named(entry.teams, _inside(mark, "teams"))
            why = self._reason("access_requests", ", ".join(entry.products), mark, entry.reason)
            self.rules.access.append(AccessRule(entry.products, why, tuple(domains), teams, entry.expires))

    def protected(self, entries: Iterable[str], marks: list[Mark]) -> None:
        for entry, mark in zip(entries, marks, strict=True):
            developer = self._person(entry, mark)
            if developer is not None:
                self.rules.protected.append(Protected(developer, self._reason("policy", "protected", mark, None)))

    def _teams_named(self, names: tuple[str, ...], marks: list[Mark]) -> tuple[str, ...]:
        seen: set[str] = set()
        for name, mark in zip(names, marks, strict=True):
            if name in seen:
                self._find(mark, "this team is named twice in one list")
            else:
                self.rules.named.append((name, position(self.rules.file, mark)))
            seen.add(name)
        return names

    def _person(self, text: str, mark: Mark) -> str | None:
        developer = normal_address(text)
        if developer is None and self._developer_ids and is_id(text):
            return text
        if developer is None:
            self._find(mark, _no_address(text, " or a developer_id" if self._developer_ids else ""))
        return developer

    def _domain(self, text: str, mark: Mark) -> str | None:
        domain = normal_domain(text)
        if domain is None:
            self._find(mark, no_domain(text))
        return domain

    def _reason(self, rule: RuleKind, value: str, mark: Mark, text: str | None) -> Reason:
        return Reason.of(rule, value, position(self.rules.file, mark), text.strip() if text else None)

    def _find(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(position(self.rules.file, mark), message))


def no_domain(text: str) -> str:
    """What is wrong with text that is not a domain."""
    hint = ""
    if "@" in text:
        hint = "; leave out the `@` and what is before it"
    elif "*" in text or text.startswith("."):
        hint = "; for its subdomains write `subdomains: true`"
    return f"{shown_value(text)}: expected a domain, as in example.com{hint}{_odd(text)}"


def _no_address(text: str, alternative: str = "") -> str:
    hint = "; a whole domain goes in `trusted_domains`" if "@" not in text and "." in text and not alternative else ""
    return f"{shown_value(text)}: expected an e-mail address{alternative}, as in ann@example.com{hint}{_odd(text)}"


def _odd(text: str) -> str:
    found = odd(text)
    return f"; {found}" if found is not None else ""
