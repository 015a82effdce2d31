"""Rules on answers to the sign-up form: the teams that an answer leads to. Pure.

Developers choose their answer themselves. It adds teams to what a trusted domain or group yields, and has no effect
without such a rule: an answer alone never approves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from portalctl.errors import Finding, InputError, PortalError
from portalctl.manifest.answer_rules import TeamsBy
from portalctl.manifest.group_rules import TrustedGroup
from portalctl.manifest.model import PortalManifest, TrustedDomain
from portalctl.portals.models import FormAnswer, FormField, SignUpForm
from portalctl.reason import Reason
from portalctl.rules.groups import GroupState
from portalctl.words import did_you_mean, plural, quoted

AnswerRule = TrustedDomain | TrustedGroup
Answers = tuple[FormAnswer, ...]
Fed = tuple[Reason, tuple[tuple[str, Reason], ...]]  # a rule's reason, and the teams it leads to with theirs

CHOICE: Final = "select"  # the type of fields with a closed list of options
_MOST_LISTED: Final = 10  # options or fields in one message


def every_team(rule: AnswerRule) -> tuple[str, ...]:
    """Return the teams that a rule may add developers to, whatever they answered."""
    return (*rule.teams, *(rule.teams_by.teams if rule.teams_by is not None else ()))


def chosen(mapping: TeamsBy, answers: Answers) -> tuple[str, ...]:
    """Return the options that a developer chose and the mapping has.

    What was typed as free text before the field had a list is not a choice.
    """
    return tuple(
        value
        for answer in answers
        if answer.field == mapping.field and answer.type in (None, CHOICE)
        for value in answer.values
        if value in mapping.map
    )


def teams_of(rule: AnswerRule, why: Reason, answers: Answers) -> tuple[tuple[str, Reason], ...]:
    """Return the teams that a rule adds a developer with these answers to, each with its reason.

    `why`: the rule's own reason.
    """
    plain = tuple((team, why) for team in rule.teams)
    mapping = rule.teams_by
    if mapping is None:
        return plain
    options = chosen(mapping, answers)
    if not options:
        return (*plain, *((team, replace(why, field=mapping.field)) for team in mapping.otherwise))
    mapped = (
        (team, replace(why, field=mapping.field, answer=option)) for option in options for team in mapping.map[option]
    )
    return (*plain, *mapped)


def fed_by(state: GroupState, why: Reason, answers: Answers) -> Fed:
    """Return what a group gives a member with these answers. `why`: the reason behind a grant to this member."""
    if isinstance(state.rule, TrustedGroup):
        return why, teams_of(state.rule, why, answers)
    return why, tuple((team, why) for team in state.teams)


def check_form(portal: PortalManifest, form: SignUpForm | None) -> None:
    """Check that the portal's sign-up form has the choices that the rules map.

    Raises InputError with every field and option that it does not have, PortalError where it could not be read.
    """
    rules = portal.mappings
    if not rules or form is None:
        return
    if form.unread is not None:
        raise PortalError(
            f"the sign-up form of portal {portal.name} could not be read: {form.unread}",
            f"`teams_by` needs it ({rules[0].why.at})",
            "give the token the permission to read forms, or remove `teams_by`",
        )
    findings = tuple(finding for mapping in rules for finding in _wrong(mapping, form))
    if findings:
        text = f"{plural(len(findings), 'error')}: the sign-up form of portal {portal.name} has no such choice."
        raise InputError(findings, f"{text} Nothing was written.")


def _wrong(mapping: TeamsBy, form: SignUpForm) -> Iterator[Finding]:
    field = next((field for field in form.fields if field.name == mapping.field), None)
    at = mapping.why.at
    assert at is not None  # noqa: S101 (it is written in a file)
    if field is None:
        yield Finding(at, f"{quoted(mapping.field)}: {_no_field(mapping.field, form)}")
    elif not field.options:
        because = f"its answer is free text (type {quoted(field.type)}), in which a developer can write any answer"
        yield Finding(at, f"{quoted(field.name)}: {because}; `teams_by` needs a field with a list of options")
    else:
        for option in mapping.map:
            if option not in field.options:
                text = f"not an option of field {quoted(field.name)}"
                yield Finding(mapping.places[option], f"{quoted(option)}: {text}{_other_option(option, field)}")


def _no_field(name: str, form: SignUpForm) -> str:
    if not form.fields:
        return (
            "the portal has no published sign-up form of its own; publish one with this field, or remove `teams_by`"
        )
    labelled = next((field.name for field in form.fields if field.label == name), None)
    names = [field.name for field in form.fields]
    hint = f"; did you mean {quoted(labelled)}?" if labelled else did_you_mean(name, names)
    return f"the sign-up form has no field of this name{hint or _listed('its fields', names)}"


def _other_option(option: str, field: FormField) -> str:
    return did_you_mean(option, field.options) or _listed("its options", field.options)


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    return f"; {what}: {', '.join(map(quoted, names[:_MOST_LISTED]))}{more}"
