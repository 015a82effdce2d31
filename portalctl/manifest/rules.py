"""Entries → the rules of the model, each with its reason and place; and what a second look at one entry finds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from portalctl.errors import Finding, Position
from portalctl.identity import is_freemail, is_public_suffix, normal_address, normal_domain
from portalctl.manifest.entries import (
    AccessEntry,
    DeniedEntry,
    MemberEntry,
    OverrideEntry,
    RoleEntry,
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
    Reason,
    Role,
    RuleKind,
    TrustedDomain,
)
from portalctl.manifest.shape import Shaped
from portalctl.manifest.source import Branch, Mark, position

_SHORT_MEMBER: Final = MemberEntry.model_construct(developer="")  # what holds for an address alone

# API7's own pattern (POST /api/developers: `^[a-zA-Z0-9-_.]+$`, 1-256), less `.` and `..`, which mean folders.
_DEVELOPER_ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,256}")


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
    """The rules of one file, in its order. `named`: every team that a rule names, with its place."""

    file: str
    trusted: list[TrustedDomain] = field(default_factory=list)
    denied: list[DeniedDomain] = field(default_factory=list)
    teams: list[TeamPart] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    access: list[AccessRule] = field(default_factory=list)
    protected: list[Protected] = field(default_factory=list)
    named: list[tuple[str, Position]] = field(default_factory=list)


def rules_of(shaped: Shaped, *, developer_ids: bool) -> tuple[Rules, list[Finding]]:
    """The rules in one file, and what is wrong with them one by one.

    `developer_ids`: whether a person may be named by developer_id (API7).
    """
    making = _Making(shaped.source.file, developer_ids)
    entry, mark = shaped.entry, shaped.source.mark
    making.trusted(entry.trusted_domains, _inside(mark, "trusted_domains"))
    making.teams(entry.teams, _inside(mark, "teams"))
    making.overrides(entry.overrides, _inside(mark, "overrides"))
    making.denied(entry.denied_domains, _inside(mark, "denied_domains"))
    making.access(entry.access_requests, _inside(mark, "access_requests"))
    making.protected(entry.protected, _inside(mark, "protected"))
    return making.rules, making.findings


def part(mark: Mark, key: str) -> Mark:
    """The place of a key's value in a long entry; of a short entry, the entry's own."""
    return _child(mark, key) or mark


def _child(mark: Mark, key: str) -> Mark | None:
    return mark.inside.get(key) if isinstance(mark, Branch) and isinstance(mark.inside, dict) else None


def _inside(mark: Mark, key: str) -> list[Mark]:
    """The places of a list's entries; none where the list is not written."""
    child = _child(mark, key)
    return child.inside if isinstance(child, Branch) and isinstance(child.inside, list) else []


class _Making:
    def __init__(self, file: str, developer_ids: bool) -> None:
        self.rules = Rules(file)
        self.findings: list[Finding] = []
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
            members = roles = None
            if entry.members is not None:
                members = self._members(entry.members, _inside(mark, "members"))
            if entry.roles is not None:
                roles = self._roles(entry.roles, _inside(mark, "roles"))
            why = self._reason("teams", entry.name, mark, None)
            self.rules.teams.append(TeamPart(entry, why, members, roles, mark))

    def _members(self, entries: Iterable[str | MemberEntry], marks: list[Mark]) -> tuple[Member, ...]:
        members = []
        for each, mark in zip(entries, marks, strict=True):
            text, entry = (each, _SHORT_MEMBER) if isinstance(each, str) else (each.developer, each)
            address = normal_address(text)
            invitation = self._invitation(entry, mark)
            if address is None:
                self._find(part(mark, "developer"), _no_address(text))
            else:
                why = self._reason("members", address, mark, entry.reason)
                members.append(Member(address, why, entry.expires, invitation))
        return tuple(members)

    def _roles(self, entries: Iterable[RoleEntry], marks: list[Mark]) -> tuple[Role, ...]:
        roles: dict[tuple[str, str], Role] = {}
        for entry, mark in zip(entries, marks, strict=True):
            key = (entry.role, entry.api)
            if key in roles:
                self._find(mark, "this role is given twice in one list")
            roles[key] = Role(*key, self._reason("teams", f"{entry.role} on {entry.api}", mark, None))
        return tuple(roles.values())

    def _invitation(self, entry: MemberEntry | OverrideEntry, mark: Mark) -> Invitation | None:
        if entry.invite:
            return Invitation(entry.full_name, entry.send_invitation_email)
        if entry is not _SHORT_MEMBER:
            for key in [key for key in ("full_name", "send_invitation_email") if key in entry.model_fields_set]:
                self._find(part(mark, key), f"`{key}` has an effect only with `invite: true`")
        return None

    def overrides(self, entries: Iterable[OverrideEntry], marks: list[Any]) -> None:
        for entry, mark in zip(entries, marks, strict=True):
            if not {"status", "teams"} & mark.keys.keys():
                self._find(mark, "this override changes nothing; write `status`, `teams` or both")
            teams = None
            if entry.teams is not None:
                teams = self._teams_named(entry.teams, _inside(mark, "teams"))
            developer = self._person(entry.developer, part(mark, "developer"))
            invitation = self._invitation(entry, mark)
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
        if developer is None and self._developer_ids and _DEVELOPER_ID.fullmatch(text):
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
        return Reason(rule, value, position(self.rules.file, mark), text.strip() if text else None)

    def _find(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(position(self.rules.file, mark), message))


def no_domain(text: str) -> str:
    """What is wrong with text that is not a domain; never the text."""
    hint = ""
    if "@" in text:
        hint = "; leave out the `@` and what is before it"
    elif "*" in text or text.startswith("."):
        hint = "; for its subdomains write `subdomains: true`"
    return f"expected a domain, as in example.com{hint}"


def _no_address(text: str, alternative: str = "") -> str:
    hint = "; a whole domain goes in `trusted_domains`" if "@" not in text and "." in text else ""
    return f"expected an e-mail address{alternative}, as in ann@example.com{hint if not alternative else ''}"
