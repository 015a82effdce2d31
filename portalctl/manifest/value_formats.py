"""The forms of text in a manifest, and the error messages. Checks of domains and addresses are in `file_rules`."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from portalctl.characters import is_invisible, named
from portalctl.ids import HANDLE

LONGEST_TEAM_NAME: Final = 250

_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
HANDLE_FORM: Final = f"^{HANDLE.pattern}$"
# As portal names, these would lead to variables that mean something else, such as PORTALCTL_GIT_TOKEN.
RESERVED: Final = r"^(git|controller|webhook|github-webhook|gitlab-webhook|notify|mask|directory-.*)$"
_NAME: Final = rf"^[^\s{_CONTROL}]([^{_CONTROL}]*[^\s{_CONTROL}])?$"
_LINE: Final = rf"^[^{_CONTROL}]*$"
_ODD: Final = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"  # in prose, which may have several lines
_PROSE: Final = rf"^[^{_ODD}]*[^\s{_ODD}][^{_ODD}]*$"
_SAFE_ID: Final = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
_PATH: Final = r"^[^/\\\u0000-\u001f][^\\\u0000-\u001f]*$"
_CSV: Final = r"^[^/\\\u0000-\u001f][^\\\u0000-\u001f]*\.[cC][sS][vV]$"
_GRANTED_GROUP: Final = rf"^{HANDLE.pattern}/[^\s{_CONTROL}]([^{_CONTROL}]*[^\s{_CONTROL}])?$"
_FINGERPRINT: Final = r"^f[0-9a-f]{12}$"
_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_OTHER_DAY: Final = re.compile(
    r"(?P<day>\d{1,2})\. ?(?P<month>\d{1,2})\. ?(?P<year>\d{4})$"
    r"|(?P<year_>\d{4})[-/.](?P<month_>\d{1,2})[-/.](?P<day_>\d{1,2})(?:[T ].*)?$",
    re.ASCII,
)

#: The error message for text without the form that its key requires.
FORMS: Final[Mapping[str, str]] = {
    HANDLE_FORM: "expected lower-case words and digits joined by single hyphens, beginning with a letter",
    _NAME: "expected one line without control characters, and no blank at either end",
    _LINE: "expected one line without control characters; write a folded text with `>-`",
    _PROSE: "expected text: not only blanks, and no control characters",
    _SAFE_ID: "expected an id: letters, digits and . _ - only",
    _PATH: "expected a file's path, relative to this file's folder, with `/`",
    _CSV: "expected the path of a file that ends in .csv, relative to this file's folder, with `/`",
    _GRANTED_GROUP: "expected a directory's name, `/`, and the group, as in corp/api-partners",
    _FINGERPRINT: "expected the fingerprint of a finding: f and 12 hexadecimal digits, as `portalctl drift` shows it",
}


#: Forms of ASCII characters only.
STRICT_FORMS: Final = frozenset({HANDLE_FORM, _SAFE_ID, _FINGERPRINT})


def unfit(error: ValidationError) -> tuple[str, str]:
    """Return the first key with a malformed value, and the error message."""
    first = error.errors(include_url=False, include_input=False)[0]
    message = FORMS.get(str(first.get("ctx", {}).get("pattern")), first["msg"])
    return ".".join(map(str, first["loc"])), message


T = TypeVar("T")
Many = Annotated[tuple[T, ...], Strict(strict=False)]  # written as a list, kept as a tuple


def _day(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(_DAY, value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("day", "not a day of the calendar") from None
    meant = _meant_day(value) if isinstance(value, str) else ""
    raise PydanticCustomError("day", "expected a date: YYYY-MM-DD{meant}", {"meant": meant})


def _meant_day(text: str) -> str:
    """Return a suggestion for a date in another order that has one meaning: `31.12.2026`, `2026/12/31`, a time."""
    found = _OTHER_DAY.match(text)
    if found is None:
        return ""
    year, month, day = (int(found[name] or found[f"{name}_"] or 0) for name in ("year", "month", "day"))
    try:
        return f"; did you mean '{date(year, month, day)}'?"
    except ValueError:
        return ""


def _not_reserved(name: str) -> str:
    """Refuse a portal name if its environment variables have another meaning."""
    if re.match(RESERVED, name):
        text = "the name '{name}' is reserved for portalctl's own environment variables; choose another name"
        raise PydanticCustomError("reserved", text, {"name": name})
    return name


def _visible(text: str) -> str:
    """Return the text if it has no invisible characters. Names must not differ in invisible characters only."""
    for index, char in enumerate(text):
        if is_invisible(char):
            raise PydanticCustomError(
                "characters",
                "{found} (character {place}) is invisible in a name; delete it",
                {"found": named(char), "place": index + 1},
            )
    return text


def _text(pattern: str, longest: int) -> StringConstraints:
    return StringConstraints(pattern=pattern, min_length=1, max_length=longest)


def _one_or_many(pattern: str, longest: int) -> WithJsonSchema:
    one = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": pattern}
    return WithJsonSchema({"anyOf": [one, {"type": "array", "items": one}]})


_ONE_AS_LIST: Final = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
Day = Annotated[date, BeforeValidator(_day), Field(json_schema_extra={"pattern": _DAY})]
Version = Annotated[int, Field(ge=1, le=1, json_schema_extra={"const": 1})]  # Literal[1] accepts `true` as 1
Handle = Annotated[
    str,
    _text(HANDLE_FORM, 63),
    AfterValidator(_not_reserved),
    Field(json_schema_extra={"not": {"pattern": RESERVED}}),
]
Title = Annotated[str, _text(_NAME, 250)]
TeamName = Annotated[str, _text(_NAME, LONGEST_TEAM_NAME), AfterValidator(_visible)]
ProductName = Annotated[str, _text(_NAME, 255), AfterValidator(_visible)]
Prose = Annotated[str, _text(_PROSE, 1000)]
# Loosely, for editors: `portalctl.identity` decides, and it also reads names in other scripts.
Domain = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": r"^[^@\s]+$"})]
Address = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": r"^[^@\s]+@[^@\s]+$"})]
AddressOrId = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": r"^\S+$"})]
PortalId = Annotated[str, _text(_SAFE_ID, 128)]
DeveloperId = Annotated[str, _text(_NAME, 256), AfterValidator(_visible)]
AttributeName = Annotated[str, _text(_NAME, 250)]
# Written as a list, or as one name alone.
AttributeNames = Annotated[Many[AttributeName], _ONE_AS_LIST, _one_or_many(_NAME, 250)]
GrantedGroup = Annotated[str, _text(_GRANTED_GROUP, 1100)]
GroupName = Annotated[str, _text(_NAME, 1000), AfterValidator(_visible)]
FieldName = Annotated[str, _text(_NAME, 255), AfterValidator(_visible)]
OptionValue = Annotated[str, _text(_LINE, 255)]
# Written as a list, or as one option alone.
OptionValues = Annotated[Many[OptionValue], _ONE_AS_LIST, _one_or_many(_LINE, 255)]
Subject = Annotated[str, _text(_NAME, 512)]  # of a finding, as the portal spells it
AccountName = Annotated[str, _text(_LINE, 255), AfterValidator(_visible)]
Description = Annotated[str, _text(_LINE, 250)]
RoleName = Annotated[str, _text(_NAME, 100), AfterValidator(_visible)]
FilePath = Annotated[str, _text(_PATH, 4096)]
ColumnName = Annotated[str, _text(_NAME, 255)]
CsvPath = Annotated[str, _text(_CSV, 4096)]
Fingerprint = Annotated[str, _text(_FINGERPRINT, 13)]
