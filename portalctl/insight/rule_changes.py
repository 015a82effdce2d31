"""Compares the rules of a manifest with those of its base, also rules that match no developer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any

from portalctl.changes.plan import RuleChange
from portalctl.manifest.model import AccessRule, MemberFile, PortalManifest, Role, TeamRule
from portalctl.reason import Reason

Values = Mapping[str, str]
# Kind of rule, team, value, and a number for rules that are equal in these: the same in both manifests for one rule.
Identity = tuple[str, str, str, int]

_PLACES = frozenset({"why", "at", "files", "name", "unmatched_why", "on_revoke_why"})  # not values of a rule


@dataclass(frozen=True, slots=True)
class _Entry:
    """One rule: its place, its team (of a member), and its values by key, as they are written in a manifest."""

    why: Reason
    team: str | None
    values: Values


def rule_changes(base: PortalManifest, head: PortalManifest) -> tuple[RuleChange, ...]:
    """Return the rules that differ between two manifests of one portal, in the order of files and lines.

    A rule that only moved to another line or file is not a change.
    """
    before, after = _entries(base), _entries(head)
    both = before.keys() & after.keys()
    old = {key: dict(before[key].values) for key in both if before[key].values != after[key].values}
    changes = [_change("removed", before[key], before[key].values, {}) for key in before.keys() - both]
    changes += [_change("added", after[key], {}, after[key].values) for key in after.keys() - both]
    changes += [_changed(after[key], values) for key, values in old.items()]
    return tuple(sorted(changes, key=_place))


def _changed(entry: _Entry, old: Values) -> RuleChange:
    """Return a changed rule with the keys that differ. `old`: its former values."""
    from deepdiff import DeepDiff  # noqa: PLC0415 (136 ms to import, and needed only where a rule differs)

    keys = DeepDiff(old, dict(entry.values)).affected_root_keys
    before, after = ({key: text for key, text in side.items() if key in keys} for side in (old, entry.values))
    return _change("changed", entry, before, after)


def _change(action: Any, entry: _Entry, before: Values, after: Values) -> RuleChange:  # noqa: ANN401 (a literal)
    return RuleChange(action, entry.why, entry.team, dict(before), dict(after))


def _place(change: RuleChange) -> tuple[str, int, str, str, str]:
    """Return the sort key of a change: file and line first."""
    why = change.why
    return why.file or "", why.line or 0, why.rule, change.team or "", why.value


def _entries(portal: PortalManifest) -> Mapping[Identity, _Entry]:
    """Return the rules of a portal by their identity."""
    found: dict[Identity, _Entry] = {}
    for entry in _rules(portal):
        number = 0
        while (key := (entry.why.rule, entry.team or "", entry.why.value, number)) in found:
            number += 1
        found[key] = entry
    return found


def _rules(portal: PortalManifest) -> Iterator[_Entry]:
    """Yield all rules: the entries of the manifest's lists, the members of teams, and the keys of the policy."""
    for field in fields(portal):
        value = getattr(portal, field.name)
        rules = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
        for rule in rules:
            if isinstance(getattr(rule, "why", None), Reason):
                yield from _entry(field.name, rule)
    for team, group in portal.member_groups:
        why = Reason("members", _identity(group), group.why.file, group.why.line, group.why.reason)
        yield _Entry(why, team, dict(_values(group)))
    for key, value in (*_policy(portal.policy), *_policy(portal.policy.limits, "limits.")):
        why = Reason("policy", key, portal.at.file, portal.at.line)
        yield _Entry(why, None, {key: value})


def _entry(kind: str, rule: Any) -> Iterator[_Entry]:  # noqa: ANN401 (any rule of the manifest)
    """Yield a rule; for a team its members, too. `kind`: the key of its list."""
    why: Reason = rule.why
    declared = Reason(kind, _identity(rule), why.file, why.line, why.reason)
    values = dict(_values(rule))
    if isinstance(rule, TeamRule):
        for member in rule.members or ():
            listed = Reason("members", member.developer, member.why.file, member.why.line, member.why.reason)
            yield _Entry(listed, rule.name, dict(_values(member)))
    yield _Entry(declared, None, values)


def _identity(rule: Any) -> str:  # noqa: ANN401 (any rule of the manifest)
    """Return the text that identifies a rule: its first value, or the products of an access rule, or its group."""
    if isinstance(rule, AccessRule):
        return ", ".join((*rule.products, "for", *rule.domains, *rule.teams))
    if hasattr(rule, "group"):
        return f"{rule.directory}/{rule.group}"
    first: str = getattr(rule, fields(rule)[0].name)
    account = getattr(rule, "id", None)
    return f"{first}, id {account}" if account else first


def _values(rule: Any, keys: Iterable[Field[Any]] | None = None) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (any rule)
    """Yield the keys of a rule that are not at their default, with their values; the first one identifies it."""
    for field in fields(rule)[1:] if keys is None else keys:
        value = getattr(rule, field.name)
        if field.name in _PLACES or value is None or value == field.default:
            continue
        if isinstance(rule, AccessRule) and field.name in {"domains", "teams"}:
            continue  # part of `_identity`
        if field.name == "members":
            yield field.name, "listed"
        else:
            yield field.name, _shown(value)


def _policy(values: Any, prefix: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 (the policy, or its limits)
    for field in fields(values):
        value = getattr(values, field.name)
        if field.name not in _PLACES and not is_dataclass(value) and value is not None:
            yield f"{prefix}{field.name}", _shown(value)


def _shown(value: object) -> str:
    """Return a value as it is written in a manifest."""
    match value:
        case bool():
            text = "true" if value else "false"
        case tuple():
            text = ", ".join(map(_shown, value))
        case Mapping():
            text = ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
        case Role():
            text = f"{value.role} on {value.api}"
        case MemberFile():
            text = value.file
        case _ if is_dataclass(value):
            text = ", ".join(f"{key} {item}" for key, item in _values(value, fields(value)))
        case _:
            text = str(value)
    return text
