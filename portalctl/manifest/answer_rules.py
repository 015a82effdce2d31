"""Teams by an answer: the part of a rule that maps what developers chose in the sign-up form to teams."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from portalctl.errors import Position
from portalctl.manifest.rule_model import NOT_PLACED, RuleModel
from portalctl.manifest.value_formats import FieldName, Many, OptionValue, TeamName
from portalctl.reason import Reason

_ONLY: Final = "Each is declared with `self_service: true` in the root file."


@dataclass(frozen=True, slots=True)
class TeamsBy(RuleModel):
    """Further teams of the entry's developers, by what each of them chose in the sign-up form."""

    field: Annotated[
        FieldName,
        Field(description="The name of the form's field. It must have a closed list of options (`select`)."),
    ]
    map: Annotated[
        dict[OptionValue, Many[TeamName]],
        Field(min_length=1, description=f"The teams for an option, by the option's value. {_ONLY}"),
    ] = dataclasses.field(hash=False)
    otherwise: Annotated[
        Many[TeamName],
        Field(description=f"The teams for every other answer, and for none. {_ONLY} Left out: none."),
    ] = ()
    why: SkipJsonSchema[Reason] = dataclasses.field(default=NOT_PLACED, compare=False)
    places: SkipJsonSchema[Mapping[str, Position]] = dataclasses.field(
        default_factory=dict, compare=False, hash=False
    )

    @property
    def teams(self) -> tuple[str, ...]:
        """Every team that an answer can lead to, each once."""
        mapped = (team for teams in self.map.values() for team in teams)
        return tuple(dict.fromkeys((*mapped, *self.otherwise)))


TeamsByAnswer = Annotated[
    TeamsBy | None, Field(description="Further teams, by what a developer chose in the sign-up form.")
]
SelfService = Annotated[
    bool | None,
    Field(
        description="Whether developers may come into this team by their own answer to the sign-up form "
        "(`teams_by`). `false` unless written. Only in the root file."
    ),
]
