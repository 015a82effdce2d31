"""A portal's rules on one day, indexed for look-up by address and domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

from portalctl.identity import enclosing, normal_address, suspects
from portalctl.ids import is_uuid
from portalctl.manifest.invitation import Invitation
from portalctl.manifest.model import (
    AccessRule,
    DeniedDomain,
    Member,
    Override,
    PortalManifest,
    TrustedDomain,
)
from portalctl.portals.models import Scope
from portalctl.reason import Reason
from portalctl.rules.answers import every_team
from portalctl.rules.groups import NO_GROUPS, Groups, GroupState, group_states

DENIALS = frozenset({"revoked", "rejected", "absent"})


class _DomainRule(Protocol):
    @property
    def domain(self) -> str: ...
    @property
    def subdomains(self) -> bool: ...


class _Expiring(Protocol):
    @property
    def expires(self) -> date | None: ...


D = TypeVar("D", bound=_DomainRule)
E = TypeVar("E", bound=_Expiring)


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Rules that are all in force, or all lapsed. `members` maps an address to (team, reason) pairs.

    `invitations` are the accounts to create where there are none: by address, on API7 by developer_id. `groups` are
    the rules that rest on groups, and `grouped` those of them that have something under an address.
    """

    overrides: dict[str, Override] = field(default_factory=dict)
    members: dict[str, list[tuple[str, Reason]]] = field(default_factory=dict)
    trusted: dict[str, TrustedDomain] = field(default_factory=dict)
    denied: dict[str, DeniedDomain] = field(default_factory=dict)
    invitations: dict[str, tuple[Invitation, Reason]] = field(default_factory=dict)
    access: tuple[AccessRule, ...] = ()
    groups: tuple[GroupState, ...] = ()
    grouped: dict[str, tuple[GroupState, ...]] = field(default_factory=dict)

    def denial_of_developer(self, names: Iterable[str], developer_id: str | None = None) -> Override | None:
        """Return the override that denies a developer.

        Args:
            names: the developer's names, in normal form.
            developer_id: the account, which a denial with an `id` has to name; None finds a denial of any account.
        """
        found = (self.overrides.get(name) for name in names)
        denials = (rule for rule in found if rule is not None and rule.status in DENIALS)
        return next((rule for rule in denials if developer_id is None or is_for(rule, developer_id)), None)

    def overrides_of(self, developer_id: str, name: str) -> list[Override]:
        """Return every override that names an account, or denies its developer; denials first.

        Args:
            developer_id: the account's id, or the name again where there is no account.
            name: the live address, or the id where there is none. Denials also match its wider forms.
        """
        exact = {developer_id, normal_address(name)}
        names = dict.fromkeys((developer_id, *suspects(name), *sorted(filter(None, exact))))
        found = [rule for item in names if (rule := self.overrides.get(item)) is not None]
        denials = [rule for rule in found if rule.status in DENIALS]
        return denials + [rule for rule in found if rule.status not in DENIALS and rule.developer in exact]

    def denial_of_domain(self, domain: str) -> DeniedDomain | None:
        return most_specific(self.denied, domain)

    def trust_of(self, domain: str) -> TrustedDomain | None:
        return most_specific(self.trusted, domain)

    def named_teams(self) -> frozenset[str]:
        """Return the teams that a domain, a group or an override names."""
        by_domain = {team for rule in self.trusted.values() for team in every_team(rule)}
        by_group = {team for state in self.groups for team in state.every_team}
        return frozenset(
            by_domain | by_group | {team for override in self.overrides.values() for team in override.teams or ()}
        )


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of one portal: `now` in force, `lapsed` expired. `named` holds each address a rule spells out.

    `uncertain` are the states of groups that may not remove members: a developer may be in one of them. `kept_teams`
    are the teams that these groups feed, and `authority` the domains for which trusted groups decide alone.
    """

    portal: PortalManifest
    now: RuleIndex
    lapsed: RuleIndex
    named: frozenset[str]
    uncertain: tuple[GroupState, ...] = ()
    kept_teams: frozenset[str] = frozenset()
    authority: frozenset[str] = frozenset()

    @classmethod
    def of(cls, portal: PortalManifest, today: date, groups: Groups = NO_GROUPS) -> Rulebook:
        """Return the rules as they stand on a day.

        Args:
            portal: the manifest's rules.
            today: the day in UTC; an entry holds through its `expires` day.
            groups: what was read of directories. A missing group was not read, and removes no developer.
        """
        now, lapsed = (_rules(portal, today, groups, lapsed=lapsed) for lapsed in (False, True))
        named = now.overrides.keys() | now.members.keys() | lapsed.overrides.keys() | lapsed.members.keys()
        uncertain = tuple(state for state in now.groups if not state.removes)
        return cls(
            portal,
            now,
            lapsed,
            frozenset(named),
            uncertain,
            frozenset(team for state in uncertain for team in state.every_team),
            frozenset() if _may_approve(uncertain) else _authority(now.groups),
        )

    @property
    def may_match_anybody(self) -> GroupState | None:
        """A trusted group that was read too incompletely to prove who is not in it."""
        return _may_approve(self.uncertain)

    def has_group(self, address: str) -> bool:
        """Return whether any group that rules rest on has something under an address."""
        return address in self.now.grouped or address in self.lapsed.grouped

    def feeding(self, team: str) -> list[GroupState]:
        """Return the rules in force that add a group's identities to a team."""
        return [state for state in self.now.groups if team in state.teams]

    @property
    def scope(self) -> Scope:
        """Return the parts of a portal that have to be read for these rules."""
        roles = {team.name: team.roles for team in self.portal.teams if team.roles is not None}
        named = {role.api for item in roles.values() for role in item if not is_uuid(role.api)}
        asks = bool(self.portal.mappings)
        return Scope(
            self.touched_teams(), frozenset(roles), frozenset(named), requests=bool(self.now.access), form=asks
        )

    def touched_teams(self) -> frozenset[str]:
        """Return the teams that a rule can add developers to or remove them from: their members have to be read."""
        declared = {team.name for team in self.portal.teams if team.membership != "idp"}
        complete = any(override.teams is not None for override in self.portal.overrides)
        return frozenset(declared if complete else declared & (self.ruled_teams() | self.lapsed.named_teams()))

    def ruled_teams(self) -> frozenset[str]:
        """Return the teams with members decided by rules:

        they have `members`, or a domain or an override names them.
        """
        return self.now.named_teams() | {team.name for team in self.portal.teams if team.members is not None}


def is_for(override: Override, developer_id: str) -> bool:
    """Return whether an override is for this account: the one that its `id` names, or any of its developer's."""
    return override.id is None or override.id.lower() == developer_id.lower()


def covering(rules: dict[str, D], domain: str) -> Iterator[D]:
    """Yield the rules that cover a domain: its own, then those of its parents, the most specific first."""
    for name in enclosing(domain):
        rule = rules.get(name)
        if rule is not None and (name == domain or rule.subdomains):
            yield rule


def most_specific(rules: dict[str, D], domain: str) -> D | None:
    """Return the rule that decides about a domain."""
    return next(covering(rules, domain), None)


def _may_approve(states: Iterable[GroupState]) -> GroupState | None:
    return next((state for state in states if state.approves), None)


def _authority(states: Iterable[GroupState]) -> frozenset[str]:
    return frozenset(domain for state in states for domain in state.authoritative_for)


def _grouped(states: Iterable[GroupState]) -> dict[str, tuple[GroupState, ...]]:
    """Return the rules that have something under an address, by address; those in the same groups share a tuple."""
    found: dict[str, tuple[GroupState, ...]] = {}
    for state in states:
        longer: dict[tuple[GroupState, ...], tuple[GroupState, ...]] = {}
        for address in state.reading.members if state.reading is not None else ():
            before = found.get(address, ())
            found[address] = longer.setdefault(before, (*before, state))
    return found


def _rules(portal: PortalManifest, today: date, groups: Groups, *, lapsed: bool) -> RuleIndex:
    def chosen(entries: Iterable[E]) -> Iterator[E]:
        return (entry for entry in entries if (entry.expires is not None and entry.expires < today) == lapsed)

    members: dict[str, list[tuple[str, Reason]]] = {}
    for team in portal.teams:
        for member in chosen(team.members or ()):
            members.setdefault(member.developer, []).append((team.name, member.why))
    overrides = {override.developer: override for override in chosen(portal.overrides)}
    listed = [member for team in portal.teams for member in chosen(team.members or ())]
    listed_groups = [rule for _, rule in portal.member_groups if not lapsed]
    states = group_states(portal, groups, [*chosen(portal.trusted_groups), *listed_groups])
    developers: list[Member | Override] = [*listed, *overrides.values()]  # an override's invitation before a list's
    return RuleIndex(
        overrides=overrides,
        members=members,
        trusted={rule.domain: rule for rule in chosen(portal.trusted_domains)},
        denied={rule.domain: rule for rule in chosen(portal.denied_domains)},
        access=tuple(chosen(portal.access_requests)),
        groups=states,
        grouped=_grouped(states),
        invitations=({} if lapsed else _reported(portal))
        | {
            rule.developer: (invitation, rule.why)
            for rule in developers
            if (invitation := _invitation(rule)) is not None
        },
    )


def _reported(portal: PortalManifest) -> dict[str, tuple[Invitation, Reason]]:
    """Return the accounts of sign-ups that another portal reports."""
    why = Reason("policy", "registration")
    return {one.developer: (Invitation(one.full_name), why) for one in portal.sign_ups}


def _invitation(rule: Member | Override) -> Invitation | None:
    """The portal's owner assigns developer_ids, so approving one creates the account."""
    by_id = isinstance(rule, Override) and rule.status == "approved" and "@" not in rule.developer
    return rule.invitation or (Invitation() if by_id else None)
