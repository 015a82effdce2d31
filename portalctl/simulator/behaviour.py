"""Switches for what Konnect's documents leave open, so that a client can be tried against each reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from portalctl.simulator.switches import parse_switches


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The behaviour of the simulated Konnect where its documents are silent. The defaults are the likeliest ones.

    Paging: `page_size_default` items without `page[size]`; more than `page_size_max` is clamped or refused
    (`page_size_over`); `meta_floats` writes the numbers of `meta.page` as floats; `unsorted` is the order of
    lists that cannot be sorted: as stored, shuffled (an order of its own that stays), or restless (another on
    each request). Teams: `description_unset` is what a team without description shows, `can_own_applications`
    whether the field exists; `duplicate_team` is the answer to a duplicate name. Membership:
    `duplicate_member`, `unknown_member`, `remove_non_member` are status codes; `pending_member` is the answer to
    adding a developer who is not approved, accepted or a status code; `members_listed` and `member_active` what
    member lists show. Developers: `emails` as typed or folded to lower case;
    `refused_transitions` such as `rejected>approved,revoked>pending`; `create_developer` whether the operation
    exists; `known_signup` the portal's answer to a known address. `visible_after`: seconds until reads show a write.
    E-mails: `email_templates` is what their list has: the customized templates, all, or a status code instead.
    Audit log: `audit_log` is the paging of the organisation's log, or a status code instead; `principals`: whether
    users and system accounts can be looked up.
    Applications: `application_owner` whether v3 returns the owner, which its document does not guarantee.
    Forms: `forms` whether there are any, or the status code of every request for them; `additional_data` is the shape
    of answers: an object of `value`, `label` and `type` by field, of the bare values, or rows; `absent` where the API
    is older than forms; `answers_unset` is what is shown where nothing was answered; `required_answers` whether an
    administrator who creates an account has to give them, too.
    """

    page_size_default: int = 10
    page_size_max: int = 100
    page_size_over: Literal["clamp", "refuse"] = "clamp"
    meta_floats: bool = False
    unsorted: Literal["stored", "shuffled", "restless"] = "stored"
    description_unset: Literal["null", "empty", "absent"] = "empty"
    can_own_applications: bool = True
    duplicate_team: Literal["allow", "409", "400"] = "allow"
    trim_names: bool = False
    duplicate_member: Literal["409", "201"] = "409"
    unknown_member: Literal["404", "400"] = "404"
    pending_member: Literal["accepted", "400", "409"] = "accepted"
    remove_non_member: Literal["404", "204"] = "404"
    members_listed: Literal["all", "approved"] = "all"
    member_active: Literal["approved", "always", "absent"] = "approved"
    emails: Literal["kept", "folded"] = "kept"
    contains_ignores_case: bool = True
    refused_transitions: str = ""
    create_developer: bool = True
    application_owner: bool = True
    forms: Literal["served", "404", "403"] = "served"
    additional_data: Literal["described", "plain", "rows", "absent"] = "described"
    answers_unset: Literal["absent", "null", "empty"] = "absent"
    required_answers: Literal["sign_up", "always"] = "sign_up"
    known_signup: Literal["201", "409"] = "201"
    visible_after: float = 0.0
    audit_log: Literal["numbers", "cursors", "401", "403", "404"] = "numbers"
    principals: Literal["shown", "403"] = "shown"
    email_templates: Literal["customized", "all", "403", "404"] = "customized"


def parse_behaviour(texts: Iterable[str], base: Behaviour | None = None) -> Behaviour:
    """Behaviour from `name=value` texts. Raises ValueError naming the text that is wrong and what is possible."""
    return parse_switches(texts, base or Behaviour())
