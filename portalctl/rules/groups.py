"""Group rules: whether each may grant and remove, which depends on what was read of its group. Pure.

A group that was not read, or that fails its checks in a lenient run, removes no access: its teams keep their members,
`authoritative_for` revokes no developer, and developers that it may match do not count as unmatched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from portalctl.directories.reading import GroupReading
from portalctl.identity import domain_of
from portalctl.manifest.group_rules import GroupRule, TrustedGroup, group_value
from portalctl.manifest.model import PortalManifest
from portalctl.reason import Reason
from portalctl.words import plural

# What a group has under an address: an enabled identity, two of them, a disabled one, or none.
Presence = Literal["member", "shared", "disabled", "absent"]


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups that were read, by directory and the group's name in the manifest.

    `unread`: the reason why a directory was left out, by its name. `lenient`: a group that fails its checks grants
    access to its certain members and removes no access, instead of refusing the portal.
    """

    readings: Mapping[tuple[str, str], GroupReading] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    lenient: bool = False

    def of(self, rule: GroupRule) -> GroupReading | None:
        """Return the group of a rule; None if it was not read."""
        return self.readings.get((rule.directory, rule.group))


NO_GROUPS = Groups()


@dataclass(frozen=True, slots=True)
class GroupFault:
    """A failed check of a rule's group. `code` is stable. `refuses`: the portal's plan is refused."""

    code: str
    message: str
    severity: Literal["info", "warning"] = "warning"
    refuses: bool = False


@dataclass(frozen=True, eq=False)
class GroupState:
    """A group rule with the group as it was read.

    `teams`: the teams that the rule adds identities to. `approves`: whether it approves them. `reading`: None if the
    group was not read. `grants`: whether the rule may grant access that a developer does not have yet. `removes`:
    whether access may be removed from a developer who is not in the group.
    """

    rule: GroupRule
    teams: tuple[str, ...]
    approves: bool
    reading: GroupReading | None
    faults: tuple[GroupFault, ...]
    grants: bool
    removes: bool

    @property
    def every_team(self) -> frozenset[str]:
        """The teams that the rule may add identities to, whatever they answered."""
        mapping = self.rule.teams_by if isinstance(self.rule, TrustedGroup) else None
        return frozenset((*self.teams, *(mapping.teams if mapping is not None else ())))

    @property
    def authoritative_for(self) -> tuple[str, ...]:
        """The domains for which only trusted groups and overrides approve developers."""
        return self.rule.authoritative_for if isinstance(self.rule, TrustedGroup) else ()

    def presence(self, address: str) -> Presence:
        """Return what the group has under an address in normal form."""
        reading = self.reading
        if reading is None or (self.rule.domains and domain_of(address) not in self.rule.domains):
            return "absent"
        member = reading.members.get(address)
        if member is None:
            return "absent"
        if address in reading.shared:
            return "shared"
        return "member" if member.active else "disabled"

    @cached_property
    def why(self) -> Reason:
        """The reason behind the rule's changes, without an identity."""
        why = replace(self.rule.why, directory=self.rule.directory)
        if self.reading is None:
            return why
        return replace(why, group=self.reading.id, group_name=self.reading.name, observed_at=self.reading.observed_at)

    def reason(self, address: str) -> Reason:
        """The reason behind a grant to the member of the group with this address."""
        member = self.reading.members.get(address) if self.reading is not None else None
        if member is None:
            return self.why
        why = self.why
        return Reason(  # built for each member, and `replace` takes five times as long
            why.rule,
            why.value,
            why.file,
            why.line,
            why.reason,
            why.column,
            directory=why.directory,
            group=why.group,
            group_name=why.group_name,
            identity=member.identity,
            via=member.via,
            observed_at=why.observed_at,
        )

    @cached_property
    def _not_in(self) -> Reason:
        return replace(self.why, reason=f"not in {self.rule.why.value}")

    @cached_property
    def _disabled_in(self) -> Reason:
        return replace(self.why, reason=f"disabled in {self.rule.why.value}")

    def absence(self, address: str | None) -> Reason:
        """The reason behind a removal from a developer who is not in the group, or is disabled there."""
        disabled = address is not None and self.presence(address) == "disabled"
        return self._disabled_in if disabled else self._not_in


def group_states(portal: PortalManifest, groups: Groups, rules: Iterable[GroupRule]) -> tuple[GroupState, ...]:
    """Return the state of each of `rules`, which are group rules of the portal."""
    teams = {id(rule): (team,) for team, rule in portal.member_groups}
    chosen = {id(rule) for rule in rules}
    return tuple(
        _state(portal, rule, rule.teams if isinstance(rule, TrustedGroup) else teams[id(rule)], groups)
        for rule in portal.group_rules
        if id(rule) in chosen
    )


def _state(portal: PortalManifest, rule: GroupRule, teams: tuple[str, ...], groups: Groups) -> GroupState:
    reading = groups.of(rule)
    directory = portal.directories.get(rule.directory)
    intended = directory is not None and directory.ignore_without_address
    faults = tuple(_unread(rule, groups) if reading is None else _faults(rule, reading, groups))
    codes = {fault.code for fault in faults}
    uncertain = codes & UNCERTAIN - ({"group_without_address"} if intended else set())
    return GroupState(
        rule,
        teams,
        isinstance(rule, TrustedGroup),
        reading,
        faults,
        grants=reading is not None and "group_over_maximum" not in codes,
        removes=reading is not None and not (groups.lenient and uncertain),
    )


#: In a lenient run, a group with one of these faults removes no access.
UNCERTAIN = frozenset({"group_small", "group_over_maximum", "group_without_address", "group_shared_address"})


def _unread(rule: GroupRule, groups: Groups) -> Iterator[GroupFault]:
    cause = groups.unread.get(rule.directory)
    if cause is not None:
        text = f"{group_value(rule)} was not read ({cause}): it grants and removes no access"
        yield GroupFault("group_unread", text)


def _faults(rule: GroupRule, reading: GroupReading, groups: Groups) -> Iterator[GroupFault]:
    counts, name = reading.counts, group_value(rule)
    size = sum(counts.domains.get(domain, 0) for domain in rule.domains) if rule.domains else counts.usable
    if (small := _too_small(rule, size)) is not None:
        yield GroupFault("group_small", small, refuses=not groups.lenient)
    if rule.maximum is not None and counts.active > rule.maximum:
        text = (
            f"{name} has {plural(counts.active, 'identity')}, above `maximum: {rule.maximum}`: it makes no new grants"
        )
        yield GroupFault("group_over_maximum", text)
    if reading.shared:
        one = len(reading.shared) == 1
        shared = "1 address belongs" if one else f"{len(reading.shared):,} addresses belong"
        text = f"{name}: {shared} to two identities{'' if one else ' each'}: no grants and no removals"
        yield GroupFault("group_shared_address", text)
    if counts.without_address:
        text = f"{name}: {plural(counts.without_address, 'identity')} without an address, ignored"
        yield GroupFault("group_without_address", text)
    if counts.missing:
        text = f"{name}: {plural(counts.missing, 'member')} could not be read, ignored (`missing_members: ignore`)"
        yield GroupFault("group_missing_members", text)
    if counts.malformed:
        text = f"{name}: {plural(counts.malformed, 'malformed e-mail address')} ignored"
        yield GroupFault("group_malformed_address", text)
    yield from _ignored(name, counts.ignored, counts.unverified)


def _ignored(name: str, ignored: int, unverified: int) -> Iterator[GroupFault]:
    if ignored:
        text = f"{name}: {plural(ignored, 'address')} at other domains ignored (`domains` of the directory)"
        yield GroupFault("group_other_domains", text, "info")
    if unverified:
        text = f"{name}: {plural(unverified, 'unverified address')} ignored (`unverified_email`)"
        yield GroupFault("group_unverified_address", text, "info")


def _too_small(rule: GroupRule, size: int) -> str | None:
    """Return the message if a group is too small: one emptied by mistake must not cost all members their access."""
    name = group_value(rule)
    if size == 0:
        if rule.allow_empty:
            return None
        return f"{name} is empty; if this is intended, write `allow_empty: true`"
    if rule.minimum is not None and size < rule.minimum:
        return f"{name} has {plural(size, 'identity')}, below `minimum: {rule.minimum}`"
    return None
