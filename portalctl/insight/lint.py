"""What in a manifest is allowed and yet should be looked at: findings with stable codes.

`LINTS` is the one table of them; help, manual and `-W` are made from it. Pure: the day is given, and so is a snapshot
for what only the portal can tell. Messages name domains and teams, and no person: the place does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Literal

from portalctl.characters import in_typographic_quotes
from portalctl.errors import Finding, Position
from portalctl.identity import domain_of, enclosing, is_freemail
from portalctl.lookalike import Lookalikes, TeamNames, difference
from portalctl.manifest.model import DENIED_GRANT, NOT_READ, Manifest, Override, PortalManifest
from portalctl.portals.models import Developer, Snapshot
from portalctl.reason import Reason
from portalctl.rules.dates import SOON, ending, review_due
from portalctl.rules.resolve import Decision, resolve
from portalctl.rules.rulebook import DENIALS, Rulebook

Level = Literal["error", "warning", "off"]
LEVELS: tuple[Level, ...] = ("error", "warning", "off")
Said = Iterator[tuple[Reason, str]]


@dataclass(frozen=True)
class _Look:
    """One portal's rules on a day; `live` is a reading of the portal, where there is one."""

    portal: PortalManifest
    today: date
    live: Snapshot | None = None

    @cached_property
    def book(self) -> Rulebook:
        return Rulebook.of(self.portal, self.today)

    def grants(self) -> Iterator[tuple[str, Reason]]:
        """The addresses to which lists and overrides give something, with the rules."""
        for override in self.portal.overrides:
            if override.status not in DENIALS and "@" in override.developer:
                yield override.developer, override.why
        for team in self.portal.teams:
            yield from ((member.developer, member.why) for member in team.members or ())

    def approved(self) -> frozenset[str | None]:
        """The addresses of those who are approved on the portal, as far as that is known."""
        people = self.live.developers if self.live is not None else ()
        return frozenset(each.address for each in people if each.status == "approved")


def _look_alike(look: _Look) -> Said:
    """A denied look-alike is no finding: denying it is the remedy."""
    rules = {rule.domain: rule for rule in look.portal.trusted_domains}
    if not rules:
        return
    likeness = Lookalikes(rules)
    for domain, other in likeness.among():
        yield rules[domain].why, f"{domain} looks like trusted {other}; is it the one that is meant?"
    for address, why in look.grants():
        trusted = likeness.of(domain_of(address))
        if trusted is not None:
            yield why, f"{domain_of(address)} looks like trusted {trusted}; is it the one that is meant?"


def _freemail(look: _Look) -> Said:
    for rule in look.portal.trusted_domains:
        if is_freemail(rule.domain):
            yield rule.why, f"anyone can get an address at {rule.domain}, and whoever does is let in"


def _expired(look: _Look) -> Said:
    for expires, why in ending(look.portal):
        if expires < look.today:
            yield why, f"ended after {expires}, and counts as absent; take it out once it is withdrawn"


def _expires_soon(look: _Look) -> Said:
    for expires, why in ending(look.portal):
        if look.today <= expires <= look.today + SOON:
            yield why, f"ends after {expires}; what only it gives is then withdrawn"


def _review_due(look: _Look) -> Said:
    for review_by, rule in review_due(look.portal, look.today):
        yield rule.why, f"trust in {rule.domain} was to be reviewed by {review_by}"


def _outsider(look: _Look) -> Said:
    """Whoever has an override, or is invited, has been thought about; and whoever is in waits for nothing."""
    now = look.book.now
    considered = now.overrides.keys() | now.invitations.keys() | look.approved()
    for address, memberships in now.members.items():
        if now.trust_of(domain_of(address)) is None and address not in considered:
            for team, why in memberships:
                yield why, f"in no trusted domain, so no rule approves this person; {team} waits until someone does"


def _nobody(look: _Look) -> Said:
    """Denials are there for who may come, and invitations make their people themselves."""
    if look.live is None:
        return
    addresses = {person.address for person in look.live.developers} - {None}
    names = {person.id for person in look.live.developers} | addresses
    domains = {name for address in addresses if address is not None for name in enclosing(domain_of(address))}
    exact = {domain_of(address) for address in addresses if address is not None}
    for rule in look.portal.trusted_domains:
        if rule.domain not in (domains if rule.subdomains else exact):
            yield rule.why, f"nobody on the portal is from {rule.domain}"
    now = look.book.now
    awaited = {*now.invitations, *names}
    for override in now.overrides.values():
        if override.status not in DENIALS and not {override.developer, override.id} & awaited:
            yield override.why, "nobody on the portal has this name"
    for address in now.members.keys() - awaited:
        yield from ((why, "nobody on the portal has this address") for _, why in now.members[address])


def _repeats(look: _Look) -> Said:
    """Asked of the rules themselves: would they say the same without this override?"""
    overrides = [each for each in look.book.now.overrides.values() if _may_repeat(each)]
    people = [Developer(str(number), each.developer, "pending") for number, each in enumerate(overrides)]
    without = Rulebook.of(replace(look.portal, overrides=()), look.today)
    pairs = zip(overrides, resolve(look.book, people), resolve(without, people), strict=True)
    for override, (_, said), (_, otherwise) in pairs:
        if _same(said, otherwise) and _lasts(override, without):
            rule = otherwise.why[0]
            where = f" in {rule.file}:{rule.line}" if rule.file else ""
            yield override.why, f"repeats what the rule{where} says of this person"


def _may_repeat(override: Override) -> bool:
    """A list of teams is complete, which no other rule says."""
    special = (override.teams, override.id, override.on_revoke, override.invitation)
    return override.status == "approved" and "@" in override.developer and special == (None,) * 4


def _same(one: Decision, other: Decision) -> bool:
    return (one.verdict, one.teams.keys(), one.reinstate) == (other.verdict, other.teams.keys(), other.reinstate)


def _lasts(override: Override, without: Rulebook) -> bool:
    """Whether the domain's rule holds for as long as the override."""
    trust = without.now.trust_of(domain_of(override.developer))
    if trust is None or trust.expires is None:
        return trust is not None
    return override.expires is not None and override.expires <= trust.expires


def _unused_team(look: _Look) -> Said:
    portal = look.portal
    named = {team for domain in portal.trusted_domains for team in domain.teams}
    named |= {team for override in portal.overrides for team in override.teams or ()}
    named |= {team for rule in portal.access_requests for team in rule.teams}
    for team in portal.teams:
        empty = team.members is None and team.roles is None and team.membership != "idp"
        if empty and team.name not in named:
            yield team.why, f"no rule puts anyone into {team.name} or uses it"


def _not_written(look: _Look) -> Said:
    portal = look.portal
    owned = {team.name for team in portal.teams if team.membership == "idp"}
    named = [(rule.why, rule.teams) for rule in portal.trusted_domains]
    named += [(rule.why, rule.teams or ()) for rule in portal.overrides]
    for why, teams in named:
        for team in teams:
            if team in owned:
                yield why, f"the identity provider decides who is in {team}, so this rule puts nobody there"


def _twins(look: _Look) -> Said:
    """Teams that the manifest declares beside one that looks alike, in the manifest or on the portal."""
    declared = TeamNames()
    live = [team.name for team in look.live.teams] if look.live is not None else []
    on_portal = TeamNames(live)
    for team in sorted(look.portal.teams, key=lambda team: team.why.at or look.portal.at):
        other = declared.like(team.name)
        if other is not None:
            yield team.why, f"team {team.name} looks like {other} of this manifest: {difference(team.name, other)}"
        declared.add(team.name)
        if in_typographic_quotes(team.name):
            yield (
                team.why,
                f"the quotes of {team.name} are part of the name; type ' or \" if they are not meant to be",
            )
        twin = on_portal.like(team.name) if team.name not in live else None
        if twin is not None:
            yield team.why, f"team {team.name} looks like {twin} on the portal: {difference(team.name, twin)}"


def _found_while_loading(_: _Look) -> Said:
    return iter(())


@dataclass(frozen=True, slots=True)
class Lint:
    """One thing that is looked for: `about` is what it is, `why` what is bad about it, `remedy` what to do.

    `needs_snapshot`: only the portal can tell.
    """

    name: str
    about: str
    why: str
    remedy: str
    look: Callable[[_Look], Said]
    needs_snapshot: bool = False


LINTS: Mapping[str, Lint] = {
    "PC001": Lint(
        "look-alike",
        "a trusted domain, or that of someone named, looks like a trusted one",
        "impostors register such domains, and a slip of the pen lets strangers in",
        "correct the domain, or put the look-alike into `denied_domains`",
        _look_alike,
    ),
    "PC002": Lint(
        "freemail",
        "a trusted domain where anyone gets an address for free",
        "such an address says nothing about who somebody is",
        "name the people in `overrides` in place of the domain",
        _freemail,
    ),
    "PC003": Lint(
        "expired",
        "a rule whose `expires` has passed",
        "it counts as absent, and reads as if it held",
        "take it out once what it gave is withdrawn, or write a later day",
        _expired,
    ),
    "PC004": Lint(
        "expires-soon",
        f"a rule whose `expires` is within {SOON.days} days",
        "what only it gives is withdrawn on the day after",
        "ask whether it is still needed: write a later day, or let it end",
        _expires_soon,
    ),
    "PC005": Lint(
        "review-due",
        "a trusted domain whose `review_by` has passed",
        "nobody has said since then that its people should still get in",
        "ask whoever vouches for it; then write a later day, or take it out",
        _review_due,
    ),
    "PC006": Lint(
        "outsider",
        "a member outside any trusted domain, whom no rule approves",
        "a list of members approves nobody; with `--snapshot`, who is approved already is no finding",
        "trust the domain, or write an override with `status: approved`",
        _outsider,
    ),
    "PC007": Lint(
        "nobody",
        "a rule that gives something to nobody on the portal",
        "a slip in a name looks like this, and so does a rule for those who have left",
        "correct the name, or take the rule out",
        _nobody,
        needs_snapshot=True,
    ),
    "PC008": Lint(
        "repeats",
        "an override that says what another rule says already",
        "some day one of the two is changed, and the other still holds",
        "take the override out",
        _repeats,
    ),
    "PC009": Lint(
        "unused-team",
        "a declared team that no rule uses",
        "the team was forgotten, or the rule that was to name it",
        "give it `members`, name it in a rule, or take it out",
        _unused_team,
    ),
    DENIED_GRANT: Lint(
        "denied-grant",
        "a grant without effect, because a denial names the person",
        "whoever reads the grant takes the person to be in",
        "take out the grant, or the denial",
        _found_while_loading,
    ),
    "PC011": Lint(
        "not-written",
        "a rule that puts people into a team of the identity provider",
        "portalctl never writes such a team, and whoever reads the rule takes people to be in it",
        "take the team out of the rule, or `membership: idp` out of the team",
        _not_written,
    ),
    NOT_READ: Lint(
        "not-read",
        "a file that looks like a manifest and is not read, or a `delegate` entry without its file",
        "rules in a file that is not read have no effect: a denial is lost, an exclusive team loses its members",
        "correct the name, name the file with -f, or add `.disabled` to its name",
        _found_while_loading,
    ),
    "PC013": Lint(
        "look-alike-team",
        "a team whose name looks like another team's, in the manifest or on the portal",
        "the portal takes both names, so developers end up in a twin of the team that was meant",
        "write one name everywhere, as the portal has it",
        _twins,
    ),
}


def remedy(finding: Finding) -> str | None:
    """What to do about a finding; None where its message says it all."""
    return LINTS[finding.code].remedy if finding.code is not None else None


@dataclass(frozen=True, slots=True)
class Levels:
    """How serious each code is taken; those not `set` are warnings."""

    set: Mapping[str, Level] = field(default_factory=dict)

    def of(self, code: str) -> Level:
        return self.set.get(code, "warning")


def lint(
    manifest: Manifest, today: date, levels: Levels = Levels(), live: Mapping[str, Snapshot] | None = None
) -> tuple[Finding, ...]:
    """What is found in all portals of a manifest, each thing once, by place.

    `today` is the day in UTC; `live` has readings by portal name, for the codes that need one.
    """
    found: set[Finding] = set()
    for warning in manifest.warnings:
        found |= set(_found(warning.code or "", [(warning.at, warning.message)], levels))
    for portal in manifest.portals.values():
        look = _Look(portal, today, (live or {}).get(portal.name))
        for code, each in LINTS.items():
            if levels.of(code) != "off":
                found |= set(_found(code, ((why.at or portal.at, text) for why, text in each.look(look)), levels))
    return tuple(sorted(found))


def _found(code: str, said: Iterable[tuple[Position, str]], levels: Levels) -> Iterator[Finding]:
    level = levels.of(code)
    if level != "off":
        yield from (Finding(at, message, code, level) for at, message in said)
