"""The base of the rules in `model`: how pydantic reads a rule from a file and describes it in the JSON Schema."""

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Final, TypeVar, cast

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, GetCoreSchemaHandler, GetPydanticSchema, Tag
from pydantic.config import JsonDict
from pydantic_core.core_schema import CoreSchema, DataclassArgsSchema, DataclassSchema

from portalctl.manifest.value_formats import Day, Prose
from portalctl.reason import Reason

SHORT: Final = "<text>"  # the forms of a list entry, as they appear in pydantic's locations
LONG: Final = "<mapping>"
NOT_PLACED: Final = Reason("", "")  # the reason of a rule until `placed` sets it
REASON: Final = "Why this entry exists, for reviewers of the file and for `portalctl explain`."
_EXPIRES: Final = (
    "The last day this holds (YYYY-MM-DD, UTC). After it the entry is ignored, and access that only it grants is "
    "removed."
)
_PLACES: Final = frozenset({"why", "places"})  # the fields that are in no file: `placed` sets them

ReasonText = Annotated[Prose, Field(description=REASON)]
Owner = Annotated[
    Prose, Field(description="Who answers for this entry: shown where it ends soon or its review is due.")
]
DomainMaximum = Annotated[
    int | None,
    Field(ge=1, description="The most developers the domain may have; with more, the rule makes no new grants."),
]
Expires = Annotated[Day | None, Field(description=_EXPIRES)]


class RuleModel:
    """The base of the models read from a file: unknown keys and values of another type are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: "type[RuleModel]", handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept a mapping, as no mapping in a file is an instance yet; refuse `_PLACES`, which are in no file."""
        schema = cast(DataclassSchema, handler(source))
        schema["strict"] = False
        for field_info in cast(DataclassArgsSchema, schema["schema"])["fields"]:
            field_info["init"] = field_info["name"] not in _PLACES
        return schema

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the keys of its mapping in a file, in their canonical order."""
        return tuple(field_info.name for field_info in fields(cls) if field_info.name not in _PLACES)  # type: ignore[arg-type]


def with_schema(extra: JsonDict | Callable[[JsonDict], None]) -> ConfigDict:
    """Return the configuration of a rule, with additions to its JSON Schema."""
    return ConfigDict(**RuleModel.__pydantic_config__, json_schema_extra=extra)


def undescribed(schema: JsonDict) -> None:
    """Remove the description of a model from its JSON Schema: the keys that use it have their own."""
    del schema["description"]


def _form(value: object) -> str:
    return LONG if isinstance(value, dict) else SHORT


def or_short(model: type[RuleModel], short: object) -> GetPydanticSchema:
    """Let an entry be written as a mapping, or as its one required value alone."""
    forms: Any = Annotated[
        Annotated[short, AfterValidator(model), Tag(SHORT)] | Annotated[model, Tag(LONG)],
        Discriminator(_form),
    ]
    return GetPydanticSchema(lambda _, handler: handler.generate_schema(forms))


R = TypeVar("R", bound=RuleModel)


def placed(rule: R, why: Reason, **normal: object) -> R:
    """Complete a rule that was just read:

    its place, and its values in normal form. For the loader alone, before any other code has the rule. It changes the
    rule in place because building each member twice would take longer than all its other checks."""
    object.__setattr__(rule, "why", why)
    for name, value in normal.items():
        object.__setattr__(rule, name, value)
    return rule
