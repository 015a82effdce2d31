"""The rules that rest on a group of a directory, and the grant that lets a fragment name one."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from portalctl.manifest.answer_rules import TeamsByAnswer
from portalctl.manifest.rule_model import (
    NOT_PLACED,
    Expires,
    Owner,
    ReasonText,
    RuleModel,
    or_short,
    undescribed,
    with_schema,
)
from portalctl.manifest.value_formats import Domain, GrantedGroup, GroupName, Handle, Many, TeamName
from portalctl.reason import Reason

_DIRECTORY: Final = "The name of a directory, declared under `directories` in the root file."
_GROUP: Final = (
    "The group: what identifies it depends on the kind of directory (`portalctl docs directories`). `id:VALUE` names "
    "it by its id."
)
GroupMinimum = Annotated[
    int | None,
    Field(ge=1, description="The fewest identities the group may have; with fewer, the portal's plan is refused."),
]
GroupMaximum = Annotated[
    int | None,
    Field(ge=1, description="The most identities the group may have; with more, the rule makes no new grants."),
]
GroupDomains = Annotated[
    Many[Domain],
    Field(description="Only addresses at exactly these domains count. Left out: the directory's own setting."),
]
AllowEmpty = Annotated[
    bool, Field(description="Whether the group may be empty. `false` unless written: an empty group is refused.")
]


@dataclass(frozen=True, slots=True)
class TrustedGroup(RuleModel):
    """A group of a directory with approved identities."""

    directory: Annotated[Handle, Field(description=_DIRECTORY)]
    group: Annotated[GroupName, Field(description=_GROUP)]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    teams: Annotated[
        Many[TeamName],
        Field(description="Teams that these developers are added to. Each is declared under `teams`."),
    ] = ()
    teams_by: TeamsByAnswer = None
    minimum: GroupMinimum = None
    maximum: GroupMaximum = None
    domains: GroupDomains = ()
    allow_empty: AllowEmpty = False
    authoritative_for: Annotated[
        Many[Domain],
        Field(
            description="Domains for which the portal's trusted groups decide alone: an approved developer of "
            "exactly such a domain who is in no trusted group and named by no override is revoked."
        ),
    ] = ()
    reason: ReasonText | None = field(default=None, compare=False)
    owner: Owner | None = field(default=None, compare=False)
    expires: Expires = None


@dataclass(frozen=True, slots=True)
class GroupGrant(RuleModel):
    """A group that a further file may name, within bounds."""

    group: Annotated[GrantedGroup, Field(description="The group, as `directory/group`.")]
    minimum: Annotated[int | None, Field(ge=1, description="The rule's `minimum` must be at least this.")] = None
    maximum: Annotated[int | None, Field(ge=1, description="The rule's `maximum` must be at most this.")] = None


GroupGrantOrName = Annotated[GroupGrant, or_short(GroupGrant, GrantedGroup)]


@dataclass(frozen=True, slots=True)
class MemberGroup(RuleModel):
    """A group of a directory that supplies members of a team."""

    __pydantic_config__: ClassVar[ConfigDict] = with_schema(undescribed)

    directory: Annotated[Handle, Field(description=_DIRECTORY)]
    group: Annotated[GroupName, Field(description=_GROUP)]
    why: SkipJsonSchema[Reason] = NOT_PLACED
    minimum: GroupMinimum = None
    maximum: GroupMaximum = None
    domains: GroupDomains = ()
    allow_empty: AllowEmpty = False


#: A rule that rests on a group.
GroupRule = TrustedGroup | MemberGroup


def group_value(rule: GroupRule) -> str:
    """Return how reasons and grants name the group of a rule."""
    return f"{rule.directory}/{rule.group}"
