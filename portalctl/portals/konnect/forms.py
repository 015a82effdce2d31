"""Reads the sign-up form of a portal, and what was answered to forms (`additional_data`); v3 only.

Kong's SDK documents forms: lists of them have no fields, `status` may be missing, and a closed list of options is in
fields of the type `select`. Answers are documented by Kong's how-to guides alone, as values by the name of the field;
label and type as of the submission may come with them. Each form of them is read here. What cannot be read is left
out: strangers type it, and must not stop a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from portalctl.errors import UNTOLD, AnswerError
from portalctl.portals.konnect.lists import Query, UnsettledError, Wire
from portalctl.portals.models import FormAnswer, FormField, SignUpForm
from portalctl.words import shortened

SIGN_UP: Final = "developer_registration"
MOST_ANSWERS: Final = 64  # of one account or registration, and values of one answer
LONGEST_VALUE: Final = 1_000  # characters; more is cut, and is then different from every option
LONGEST_NAME: Final = 255


def parse_answers(data: object) -> tuple[FormAnswer, ...]:
    """Return the answers in an `additional_data` of any shape, bounded. Never raises."""
    return tuple(answer for _, answer in zip(range(MOST_ANSWERS), _answers(data), strict=False))


def _answers(data: object) -> Iterator[FormAnswer]:
    if isinstance(data, dict):
        rows: list[tuple[object, object]] = list(data.items())
    elif isinstance(data, list):
        rows = [(row.get("name"), row) for row in data if isinstance(row, dict)]
    else:
        return
    for name, row in rows:
        described = row if isinstance(row, dict) else {"value": row}
        values = _values(described.get("value"))
        if isinstance(name, str) and name and values:
            label, kind = described.get("label"), described.get("type")
            yield FormAnswer(name[:LONGEST_NAME], values, _short(label), _short(kind))


def _short(value: object) -> str | None:
    return value[:LONGEST_NAME] if isinstance(value, str) and value else None


def _values(value: object) -> tuple[str, ...]:
    many = value[:MOST_ANSWERS] if isinstance(value, list) else [value]
    return tuple(text for one in many if (text := _text(one)))


def _text(value: object) -> str:
    """Return one value as text; empty where it has none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value) if isinstance(value, str | int | float) else ""
    return shortened(text, LONGEST_VALUE)


Answers = Annotated[tuple[FormAnswer, ...], BeforeValidator(parse_answers), Field(validation_alias="additional_data")]


@dataclass(frozen=True, slots=True)
class _ListedForm:
    id: str
    type: str
    status: str | None = None


@dataclass(frozen=True, slots=True)
class _Form:
    id: str
    fields: list[Any]


def read_sign_up_form(wire: Wire, portal: str) -> SignUpForm:
    """Return the form that a portal asks new developers to fill in.

    `unread` has the cause where the token may not read forms or the portal has none (403, 404, 405).
    Raises UnsettledError for a form that is gone since it was listed.
    """
    query = Query(f"{portal}/forms")
    try:
        listed = wire.read_list("forms", query, _ListedForm)
    except AnswerError as error:
        if error.status not in UNTOLD:
            raise
        return SignUpForm(unread=error.message)
    published = [form for form in listed if form.type == SIGN_UP and form.status in (None, "published")]
    if not published:
        return SignUpForm()
    form = wire.get(query.path, "form", published[0].id, _Form)
    if form is None:
        raise UnsettledError(f"form {published[0].id} is missing, but was just listed")
    return SignUpForm(tuple(field for row in form.fields if (field := _field(row)) is not None))


def _field(row: object) -> FormField | None:
    """Return a field that developers fill in; None for all else in a form."""
    if not isinstance(row, dict) or row.get("type") in ("content", "submit"):
        return None
    name, kind = _short(row.get("name")), _short(row.get("type"))
    if name is None or kind is None:
        return None
    return FormField(name, kind, _short(row.get("label")), tuple(_options(row)), row.get("required") is True)


def _options(row: Mapping[str, object]) -> Iterator[str]:
    """Yield the options of a closed list."""
    options = row.get("options")
    for option in options if row.get("type") == "select" and isinstance(options, list) else ():
        value = option.get("value") if isinstance(option, dict) else option
        if isinstance(value, str) and value:
            yield value
