"""Finds rules of a valid manifest that its author probably did not intend, each kind with a stable code. Pure.

`LINTS` is the table of all kinds; help, manual, guide and `-W` are made from it. The day and, for the kinds that need
one, a snapshot are arguments. Messages name domains and teams, but no developers: the file and line identify those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Literal

from portalctl.characters import in_typographic_quotes
from portalctl.directories.kinds import BY_ID, KINDS
from portalctl.errors import Finding, Position
from portalctl.identity import domain_of, enclosing, is_freemail
from portalctl.ids import is_uuid
from portalctl.lookalike import Lookalikes, TeamNames, difference
from portalctl.manifest.model import DENIED_GRANT, NOT_READ, Manifest, Override, PortalManifest
from portalctl.portals.models import Developer, Snapshot
from portalctl.reason import Reason
from portalctl.rules.answers import every_team
from portalctl.rules.dates import SOON, ending, owned, review_due
from portalctl.rules.resolve import Decision, resolve
from portalctl.rules.rulebook import DENIALS, Rulebook

Level = Literal["error", "warning", "off"]
LEVELS: tuple[Level, ...] = ("error", "warning", "off")
Found = Iterator[tuple[Reason, str]]  # the rule, and what is wrong with it


@dataclass(frozen=True)
class _LintCase:
    """The rules of one portal on a day, and a snapshot of the portal where there is one."""

    portal: PortalManifest
    today: date
    live: Snapshot | None = None

    @cached_property
    def book(self) -> Rulebook:
        return Rulebook.of(self.portal, self.today)

    def grants(self) -> Iterator[tuple[str, Reason]]:
        """Yield the addresses that lists and overrides grant something, with their rules."""
        for override in self.portal.overrides:
            if override.status not in DENIALS and "@" in override.developer:
                yield override.developer, override.why
        for team in self.portal.teams:
            yield from ((member.developer, member.why) for member in team.members or ())

    def approved(self) -> frozenset[str | None]:
        """Return the addresses of developers who are approved in the snapshot; none without a snapshot."""
        developers = self.live.developers if self.live is not None else ()
        return frozenset(developer.address for developer in developers if developer.status == "approved")


def _look_alike(case: _LintCase) -> Found:
    """Find look-alikes of trusted domains. A denied look-alike is not a finding: denying it is the remedy."""
    rules = {rule.domain: rule for rule in case.portal.trusted_domains}
    if not rules:
        return
    likeness = Lookalikes(rules)
    for domain, other in likeness.among():
        yield rules[domain].why, f"domain {domain} looks like the trusted domain {other}"
    named: dict[str, list[Reason]] = {}
    for address, why in case.grants():
        named.setdefault(domain_of(address), []).append(why)
    for domain, places in named.items():
        trusted = likeness.of(domain)
        if trusted is not None:
            others = f"; {len(places):,} developers of it are named" if len(places) > 1 else ""
            yield places[0], f"domain {domain} looks like the trusted domain {trusted}{others}"


def _freemail(case: _LintCase) -> Found:
    for rule in case.portal.trusted_domains:
        if is_freemail(rule.domain):
            yield rule.why, f"any user can get an address at {rule.domain} and would be approved"


def _expired(case: _LintCase) -> Found:
    for expires, why, owner in ending(case.portal):
        if expires < case.today:
            yield why, f"expired after {expires}; the rule counts as absent{owned(owner)}"


def _expires_soon(case: _LintCase) -> Found:
    for expires, why, owner in ending(case.portal):
        if case.today <= expires <= case.today + SOON:
            yield why, f"expires after {expires}; access that only this rule grants is then removed{owned(owner)}"


def _review_due(case: _LintCase) -> Found:
    for review_by, rule in review_due(case.portal, case.today):
        yield rule.why, f"the review of trusted domain {rule.domain} was due on {review_by}{owned(rule.owner)}"


def _outsider(case: _LintCase) -> Found:
    """Find members that no rule approves, without those with an override or invitation and those already approved.

    Without a snapshot the approved developers are unknown. If `policy.unmatched` keeps developers approved on the
    portal, all members are then assumed to be approved, and none is found.
    """
    policy = case.portal.policy
    if case.live is None and policy.unmatched_approved == "keep" and policy.unmatched_why.at is not None:
        return
    now = case.book.now
    considered = now.overrides.keys() | now.invitations.keys() | case.approved()
    for address, memberships in now.members.items():
        if now.trust_of(domain_of(address)) is None and address not in considered:
            for team, why in memberships:
                yield why, f"no rule approves this developer; they join {team} only after an approval on the portal"


def _no_developer(case: _LintCase) -> Found:
    """Find grants that match no developer. Denials are for future sign-ups, and invitations create accounts."""
    if case.live is None:
        return
    addresses = {developer.address for developer in case.live.developers} - {None}
    names = {developer.id for developer in case.live.developers} | addresses
    domains = {name for address in addresses if address is not None for name in enclosing(domain_of(address))}
    exact = {domain_of(address) for address in addresses if address is not None}
    for rule in case.portal.trusted_domains:
        if rule.domain not in (domains if rule.subdomains else exact):
            yield rule.why, f"no developer on the portal has an address at {rule.domain}"
    now = case.book.now
    awaited = {*now.invitations, *names}
    for override in now.overrides.values():
        if override.status not in DENIALS and not {override.developer, override.id} & awaited:
            yield override.why, "no developer on the portal has this address or id"
    for address in now.members.keys() - awaited:
        yield from ((why, "no developer on the portal has this address") for _, why in now.members[address])


def _repeats(case: _LintCase) -> Found:
    """Find overrides without which the other rules yield the same, by resolving with and without them."""
    overrides = [override for override in case.book.now.overrides.values() if _may_repeat(override)]
    developers = [Developer(str(number), override.developer, "pending") for number, override in enumerate(overrides)]
    without = Rulebook.of(replace(case.portal, overrides=()), case.today)
    decisions = zip(overrides, resolve(case.book, developers), resolve(without, developers), strict=True)
    for override, (_, decision), (_, otherwise) in decisions:
        if _same(decision, otherwise) and _lasts(override, without):
            rule = otherwise.why[0]
            where = f" in {rule.file}:{rule.line}" if rule.file else ""
            yield override.why, f"has the same effect as the rule{where}"


def _may_repeat(override: Override) -> bool:
    """Return whether other rules could have the same effect: no other rule has that of `teams`, `id` and so on."""
    special = (override.teams, override.id, override.on_revoke, override.invitation)
    return override.status == "approved" and "@" in override.developer and special == (None,) * 4


def _same(one: Decision, other: Decision) -> bool:
    return (one.verdict, one.teams.keys(), one.reinstate) == (other.verdict, other.teams.keys(), other.reinstate)


def _lasts(override: Override, without: Rulebook) -> bool:
    """Return whether the trusted domain does not expire before the override."""
    trust = without.now.trust_of(domain_of(override.developer))
    if trust is None or trust.expires is None:
        return trust is not None
    return override.expires is not None and override.expires <= trust.expires


def _unused_team(case: _LintCase) -> Found:
    portal = case.portal
    named = {team for domain in portal.trusted_domains for team in every_team(domain)}
    named |= {team for rule in portal.trusted_groups for team in every_team(rule)}
    named |= {team for override in portal.overrides for team in override.teams or ()}
    named |= {team for rule in portal.access_requests for team in rule.teams}
    for team in portal.teams:
        empty = team.members is None and team.roles is None and team.membership != "idp"
        if empty and team.name not in named:
            yield team.why, f"no rule uses team {team.name}"


def _claimable(case: _LintCase) -> Found:
    for rule in case.portal.group_rules:
        directory = case.portal.directories.get(rule.directory)
        kind = KINDS.get(directory.kind) if directory is not None else None
        if kind is not None and kind.claimable_names and not rule.group.startswith(BY_ID) and not is_uuid(rule.group):
            yield (
                rule.why,
                f"group {rule.group} is named by its display name; users of {kind.title} may claim that name",
            )


def _not_written(case: _LintCase) -> Found:
    portal = case.portal
    owned = {team.name for team in portal.teams if team.membership == "idp"}
    named = [(rule.why, every_team(rule)) for rule in portal.trusted_domains]
    named += [(rule.why, every_team(rule)) for rule in portal.trusted_groups]
    named += [(rule.why, rule.teams or ()) for rule in portal.overrides]
    for why, teams in named:
        for team in teams:
            if team in owned:
                yield why, f"team {team} is managed by the identity provider, so this rule adds no developers to it"


def _twins(case: _LintCase) -> Found:
    """Find declared teams with a name that looks like another team's, in the manifest or on the portal."""
    declared = TeamNames()
    live = [team.name for team in case.live.teams] if case.live is not None else []
    on_portal = TeamNames(live)
    for team in sorted(case.portal.teams, key=lambda team: team.why.at or case.portal.at):
        other = declared.like(team.name)
        if other is not None:
            yield team.why, f"team {team.name} looks like {other} of this manifest: {difference(team.name, other)}"
        declared.add(team.name)
        if in_typographic_quotes(team.name):
            yield (
                team.why,
                f"the quotes are part of the name {team.name}; to quote a name, type ' or \"",
            )
        twin = on_portal.like(team.name) if team.name not in live else None
        if twin is not None:
            yield team.why, f"team {team.name} looks like {twin} on the portal: {difference(team.name, twin)}"


def _found_while_loading(_: _LintCase) -> Found:
    """Find nothing: the warnings of these kinds are made while the manifest is loaded."""
    return iter(())


@dataclass(frozen=True, slots=True)
class Lint:
    """One kind of finding: what it finds, why that matters, and what to do. `needs_snapshot`: only with one."""

    name: str
    about: str
    why: str
    remedy: str
    find: Callable[[_LintCase], Found]
    needs_snapshot: bool = False


LINTS: Mapping[str, Lint] = {
    "PC001": Lint(
        "look-alike",
        "a trusted domain, or the domain of a named developer, looks like a trusted domain",
        "impostors register such domains, and a rule with a typing error approves the wrong developers",
        "correct the domain, or add the look-alike to `denied_domains`",
        _look_alike,
    ),
    "PC002": Lint(
        "freemail",
        "a trusted domain at which any user can get an address",
        "such an address does not show the organisation of a developer",
        "name the developers in `overrides` instead of the domain",
        _freemail,
    ),
    "PC003": Lint(
        "expired",
        "a rule with an `expires` day that has passed",
        "the rule counts as absent, which its text does not show",
        "delete the rule after its access is removed, or set a later day",
        _expired,
    ),
    "PC004": Lint(
        "expires-soon",
        f"a rule with an `expires` day within the next {SOON.days} days",
        "access that only this rule grants is removed on the day after",
        "set a later day if the access is still needed",
        _expires_soon,
    ),
    "PC005": Lint(
        "review-due",
        "a trusted domain with a `review_by` day that has passed",
        "the access of this domain's developers has not been confirmed since then",
        "ask the owner of the rule, then set a later day or delete the rule",
        _review_due,
    ),
    "PC006": Lint(
        "outsider",
        "a team member that no rule approves",
        "a list of members grants membership, not approval. With `--snapshot`, approved developers are not reported. "
        "Without it, no member is reported if `policy.unmatched` keeps approved developers",
        "trust the domain, or add an override with `status: approved`",
        _outsider,
    ),
    "PC007": Lint(
        "nobody",
        "a rule that grants something and matches no developer on the portal",
        "the name may be misspelled, or the developers may have left",
        "correct the name, or delete the rule",
        _no_developer,
        needs_snapshot=True,
    ),
    "PC008": Lint(
        "repeats",
        "an override with the same effect as another rule",
        "when one of the two is changed, the other still applies",
        "delete the override",
        _repeats,
    ),
    "PC009": Lint(
        "unused-team",
        "a declared team that no rule uses",
        "the team may be obsolete, or a rule that should name it is missing",
        "add `members`, name the team in a rule, or delete it",
        _unused_team,
    ),
    DENIED_GRANT: Lint(
        "denied-grant",
        "a grant without effect, because a rule denies the same developer",
        "the grant suggests that the developer has access",
        "delete the grant or the denial",
        _found_while_loading,
    ),
    "PC011": Lint(
        "not-written",
        "a rule that adds developers to a team with `membership: idp`",
        "portalctl never changes the members of such a team, so the rule adds no developers to it",
        "remove the team from the rule, or `membership: idp` from the team",
        _not_written,
    ),
    NOT_READ: Lint(
        "not-read",
        "a file that looks like a manifest but is not read, or a `delegate` entry for a file that does not exist",
        "rules in such a file have no effect: a denial does not apply, and an exclusive team loses its members",
        "correct the name, pass the file with `-f`, or add `.disabled` to its name",
        _found_while_loading,
    ),
    "PC013": Lint(
        "look-alike-team",
        "a team with a name that looks like another team's, in the manifest or on the portal",
        "the portal accepts both names, so developers may join the wrong team",
        "use the portal's spelling everywhere",
        _twins,
    ),
    "PC014": Lint(
        "claimable-group",
        "a group named by its display name, in a directory where users may create groups with any name",
        "after the group is renamed or deleted, a user who creates a group with this name decides who has access",
        "name the group by its id: `group: id:VALUE`",
        _claimable,
    ),
}


def remedy(finding: Finding) -> str | None:
    """Return what to do about a finding; None for a finding without a code."""
    return LINTS[finding.code].remedy if finding.code is not None else None


@dataclass(frozen=True, slots=True)
class Levels:
    """The level of each code; a code that is not in `set` is a warning."""

    set: Mapping[str, Level] = field(default_factory=dict)

    def of(self, code: str) -> Level:
        return self.set.get(code, "warning")


def lint(
    manifest: Manifest, today: date, levels: Levels = Levels(), live: Mapping[str, Snapshot] | None = None
) -> tuple[Finding, ...]:
    """Return the findings of all portals of a manifest, without duplicates, by file and line.

    Args:
        today: the day in UTC.
        live: snapshots by portal name, for the kinds that need one.
    """
    found: set[Finding] = set()
    for warning in manifest.warnings:
        found |= set(_found(warning.code or "", [(warning.at, warning.message)], levels))
    for portal in manifest.portals.values():
        case = _LintCase(portal, today, (live or {}).get(portal.name))
        for code, kind in LINTS.items():
            if levels.of(code) != "off":
                found |= set(_found(code, ((why.at or portal.at, text) for why, text in kind.find(case)), levels))
    return tuple(sorted(found))


def _found(code: str, places: Iterable[tuple[Position, str]], levels: Levels) -> Iterator[Finding]:
    level = levels.of(code)
    if level != "off":
        yield from (Finding(at, message, code, level) for at, message in places)
