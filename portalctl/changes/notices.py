"""What a reader should know beside the changes."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from portalctl.changes.observations import Difference, Held
from portalctl.changes.operations import Change, CreateTeam, DeleteDeveloper
from portalctl.changes.plan import Notice, Refusal
from portalctl.changes.registrations import residual_notices
from portalctl.identity import domain_of, normal_address
from portalctl.lookalike import Lookalikes, TeamNames, difference
from portalctl.manifest.fmt.layout import scalar_text
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Developer, Settings, Snapshot
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.blocks import BLOCKED, SHARING
from portalctl.rules.dates import SOON, ending, review_due
from portalctl.rules.shared_addresses import by_address, others_words
from portalctl.words import people

MOST_NAMED = 5  # accounts of one address that a notice names


def notices(portal: PortalManifest, snapshot: Snapshot, found: Difference, today: date) -> tuple[Notice, ...]:
    """Sorted by weight, code, person, text and place."""
    every = [
        *settings_notices(portal, snapshot.settings),
        *(_warn(remark.code, remark.message, remark.developer) for remark in snapshot.remarks),
        *_people(found, snapshot),
        *residual_notices(found),
        *_deletions(portal.provider, found.changes),
        *_lookalikes(portal, found),
        *_teams(found),
        *_similar_teams(snapshot, found),
        *_dates(portal, today),
    ]
    return tuple(sorted(every, key=_weight))


def _weight(notice: Notice) -> tuple[bool, str, str, str, str, int]:
    return (
        notice.severity != "warning",
        notice.code,
        notice.developer or "",
        notice.message,
        notice.file or "",
        notice.line or 0,
    )


def ambiguous(found: Difference) -> Iterator[Refusal]:
    """Names of teams and APIs that several carry, or none: nobody can say which one is meant."""
    for team in found.ambiguous_teams:
        yield Refusal("ambiguous_team", f"the portal has more than one team named {team.name}", team=team.name)
    for team, role, count in found.unclear_apis:
        code, there = ("ambiguous_api", "more than one API is") if count else ("unknown_api", "no API is")
        text = f"{there} named {role.api} ({role.why.at}); write its id"
        yield Refusal(code, text, team=team.name)


def settings_notices(portal: PortalManifest, settings: Settings) -> Iterator[Notice]:
    """What the portal does by itself that goes against the rules, or makes them pointless."""
    if settings.auto_approve_developers:
        yield _warn("auto_approve_developers", "the portal approves every sign-up by itself, whatever the rules say")
    if settings.single_sign_on:
        yield _warn("single_sign_on", "single sign-on is on: whoever logs in through it is approved by the portal")
    if settings.rbac_enabled is False and portal.teams:
        yield _warn("rbac_off", "role-based access is off on the portal: teams grant nothing there")
    if settings.team_mapping is None and portal.teams:
        yield _warn("team_mapping_unknown", "the portal does not tell whether its identity provider owns the teams")


def _people(found: Difference, snapshot: Snapshot) -> Iterator[Notice]:
    shared = _shared_addresses([*found.blocked, *found.withheld], snapshot)
    for held in found.withheld:
        yield _withheld(held, shared)
    for held in found.blocked:
        yield _blocked(held, shared)
    for held in found.beyond:
        yield _beyond(held)
    for developer in found.unknown:
        text = f"status {developer.status!r} is unknown to portalctl; left alone"
        yield _warn("unknown_status", text, developer=developer.email or developer.id)


def _shared_addresses(held: Iterable[Held], snapshot: Snapshot) -> Mapping[str, Sequence[Developer]]:
    """Return the accounts of each address that several have; nothing where no developer is held because of one."""
    if not any(each.decision.blocked in SHARING for each in held):
        return {}
    return by_address((person, normal_address(person.email or "")) for person in snapshot.developers)


def _blocked(held: Held, shared: Mapping[str, Sequence[Developer]]) -> Notice:
    block = held.decision.blocked
    assert block is not None  # noqa: S101 (that is why it is held)
    code, text = BLOCKED[block]
    who = held.developer.email or held.developer.id
    return _with_pin(held, shared) if block in SHARING else _warn(code, text, developer=who)


def _with_pin(held: Held, shared: Mapping[str, Sequence[Developer]]) -> Notice:
    """Return the notice with the other accounts of the address, and with the line that decides for this one.

    Of many accounts neither: anyone can sign up with ever more spellings of one address.
    """
    code, because = BLOCKED[held.decision.blocked or "ambiguous"]
    who = held.developer.email or held.developer.id
    address = normal_address(held.developer.email or "") or ""
    accounts = shared.get(address, ())
    if len(accounts) > MOST_NAMED:
        listed = f"list all {len(accounts):,}: portalctl explain {shlex.quote(address)}"
        text = f"{because}, so no rule grants it anything; {listed}"
        return _warn(code, text, developer=who)
    others = others_words(held.developer, accounts)
    text = f"{because} ({others}), so no rule grants it anything; if this is the right account,"
    pin = f"id: {_scalar(held.developer.id)}"
    override = held.decision.complete or held.decision.why[0]
    if override.rule == "overrides" and override.at is not None:
        return replace(_dated(code, f"{text} add `{pin}` to its override", override), developer=who)
    line = f'- {{developer: {_scalar(address)}, {pin}, {_grant(held)}, reason: "…"}}'
    return _warn(code, f"{text} add to `overrides`: {line}", developer=who)


def _grant(held: Held) -> str:
    """Return the keys of an override that grant what the rules would grant without the block, and no more."""
    if held.decision.why[0].rule == "members" and held.developer.status != "approved":
        return f"teams: [{', '.join(map(_scalar, sorted(held.decision.teams)))}]"
    return "status: approved" + (", reinstate: true" if held.decision.blocked == "shared" else "")


def _scalar(text: str) -> str:
    return scalar_text(text, between=True)


def _lookalikes(portal: PortalManifest, found: Difference) -> Iterator[Notice]:
    """Sign-ups that wait, by no rule, from a domain one could take for a trusted one. Counted per domain."""
    addresses = (normal_address(p.email or "") for p in found.unmatched if p.status == "pending")
    domains = Counter(domain_of(address) for address in addresses if address is not None)
    rules = {rule.domain: rule for rule in portal.trusted_domains}
    likeness = Lookalikes(rules) if domains and rules else None
    for domain, count in sorted(domains.items()):
        trusted = likeness.of(domain) if likeness is not None else None
        if trusted is not None:
            signups = "1 sign-up" if count == 1 else f"{count} sign-ups"
            yield _dated("look_alike", f"{domain} ({signups}) looks like trusted {trusted}", rules[trusted].why)


def _withheld(held: Held, shared: Mapping[str, Sequence[Developer]]) -> Notice:
    if held.decision.blocked is not None:
        return _with_pin(held, shared)
    why = held.decision.why[0]
    return Notice(
        code="withheld",
        severity="info",
        message=f"{held.developer.status} on the portal, and stays so; rules would say {held.decision.verdict}",
        developer=held.developer.email or held.developer.id,
        file=why.file,
        line=why.line,
    )


def _deletions(provider: str, changes: Iterable[Change]) -> Iterator[Notice]:
    count = sum(isinstance(change, DeleteDeveloper) for change in changes)
    if count:
        what, it = ("an account", "it") if count == 1 else (f"{count} accounts", "them")
        text = f"deleting {what} can't be undone; with {it} go {provider_named(provider).deletion}"
        yield _warn("deletion", text)


def _beyond(held: Held) -> Notice:
    """Someone in whom rules would keep out, on a portal that has no such status."""
    why = held.decision.why[0]
    return Notice(
        code="cannot_keep_out",
        severity="warning",
        message="approved on the portal, and rules would not have it; this kind of portal can only delete the "
        "account: an override with `status: absent`",
        developer=held.developer.email or held.developer.id,
        file=why.file,
        line=why.line,
    )


def _teams(found: Difference) -> Iterator[Notice]:
    for team, count in sorted(Counter(extra.team for extra in found.extras).items()):
        text = f"team {team} keeps {people(count)} that no rule puts there (additive)"
        yield Notice("unruled_members", "info", text)
    for declared in found.missing_idp_teams:
        yield _warn(
            "missing_idp_team", f"team {declared.name} is not on the portal, and `membership: idp` is never written"
        )


def _similar_teams(snapshot: Snapshot, found: Difference) -> Iterator[Notice]:
    """Teams that would be created beside one that looks alike: portals take both names."""
    missing = [change.team for change in found.changes if isinstance(change, CreateTeam)]
    missing += [team.name for team in found.missing_idp_teams]
    live = TeamNames(team.name for team in snapshot.teams) if missing else TeamNames()
    for name in missing:
        other = live.like(name)
        if other is not None:
            text = f"team {name} is not on the portal and looks like {other}, which is: {difference(name, other)}"
            yield _warn("similar_team", text)


def _dates(portal: PortalManifest, today: date) -> Iterator[Notice]:
    for expires, why in ending(portal):
        if today <= expires <= today + SOON:
            yield _dated("expires_soon", f"{why.value} ends after {expires}", why)
    for review_by, rule in review_due(portal, today):
        yield _dated("review_due", f"trust in {rule.domain} was to be reviewed by {review_by}", rule.why)


def _warn(code: str, message: str, developer: str | None = None) -> Notice:
    return Notice(code, "warning", message, developer)


def _dated(code: str, message: str, why: Reason) -> Notice:
    return Notice(code, "warning", message, file=why.file, line=why.line)
