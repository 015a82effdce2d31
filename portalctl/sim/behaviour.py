"""Switches for what the vendor's documents leave open, so that a client can be tried against each reading."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

Setting = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the simulated Konnect behaves where its documents are silent. The defaults are the likeliest readings.

    Paging: `page_size_default` items without `page[size]`; more than `page_size_max` is clamped or refused
    (`page_size_over`); `meta_floats` writes the numbers of `meta.page` as floats; `unsorted` is the order of
    lists that cannot be sorted: as stored, shuffled (an order of its own that stays), or restless (another on
    each request). Teams: `description_unset` is what a team without description shows, `can_own_applications`
    whether the field exists; `duplicate_team` is the answer to a name that is taken. Membership:
    `duplicate_member`, `unknown_member`, `remove_non_member` are status codes, `members_listed` and
    `member_active` what member lists show. Developers: `emails` as typed or folded to lower case;
    `refused_transitions` such as `rejected>approved,revoked>pending`; `create_developer` whether the operation
    exists; `known_signup` the portal's answer to a known address. `visible_after`: seconds until reads show a write.
    Applications: `application_owner` whether v3 tells who owns one, which its document does not promise.
    """

    page_size_default: int = 10
    page_size_max: int = 100
    page_size_over: Literal["clamp", "refuse"] = "clamp"
    meta_floats: bool = False
    unsorted: Literal["stored", "shuffled", "restless"] = "stored"
    description_unset: Literal["null", "empty", "absent"] = "null"
    can_own_applications: bool = True
    duplicate_team: Literal["allow", "409", "400"] = "allow"
    trim_names: bool = False
    duplicate_member: Literal["409", "201"] = "409"
    unknown_member: Literal["404", "400"] = "404"
    remove_non_member: Literal["404", "204"] = "404"
    members_listed: Literal["all", "approved"] = "all"
    member_active: Literal["approved", "always", "absent"] = "approved"
    emails: Literal["kept", "folded"] = "kept"
    contains_ignores_case: bool = True
    refused_transitions: str = ""
    create_developer: bool = True
    application_owner: bool = True
    known_signup: Literal["201", "409"] = "201"
    visible_after: float = 0.0


def parse_behaviour(texts: Iterable[str], base: Behaviour | None = None) -> Behaviour:
    """Behaviour from `name=value` texts. Raises ValueError naming the text that is wrong and what is possible."""
    kinds = typing.get_type_hints(Behaviour)
    changes: dict[str, Setting] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in kinds:
            raise ValueError(f"unknown behaviour {text!r}; known: {', '.join(f.name for f in fields(Behaviour))}")
        changes[name] = _convert(name, value, kinds[name])
    return replace(base or Behaviour(), **changes)  # type: ignore[arg-type]  # each by its own hint


def _convert(name: str, value: str, kind: object) -> Setting:
    choices = ("true", "false") if kind is bool else typing.get_args(kind)
    if choices and value not in choices:
        raise ValueError(f"behaviour {name} must be one of {', '.join(choices)}, not {value!r}")
    if kind is bool:
        return value == "true"
    if kind is int:
        return _number(name, value, int, 1)
    if kind is float:
        return _number(name, value, float, 0)
    return value


def _number(name: str, value: str, kind: type[int | float], least: int) -> int | float:
    try:
        number = kind(value)
    except ValueError:
        raise ValueError(f"behaviour {name} must be a number, not {value!r}") from None
    if not number >= least:
        raise ValueError(f"behaviour {name} is too small: {value}")
    return number
