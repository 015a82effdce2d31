"""Fields of forms: which a form may have, and which answers they take.

Kong's SDK documents them (CustomFormFieldInput, CreatePortalFormRequest, CustomFormSelectOption); the OpenAPI
document 3.9.8 has no forms yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portalctl.simulator.konnect import body
from portalctl.simulator.konnect.problems import Invalid, at_least, bad_request, choice, required, standard, unknown

Field = dict[str, Any]

DEVELOPER, API = "developer_registration", "api_registration"
# The fields that every form of a type has, and the type of each.
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    DEVELOPER: {"full_name": "text", "email": "email"},
    API: {"api_id": "text"},
}
MODES = {"single_select": 1, "multi_select": 2}  # with the fewest options of each

_SLUG = re.compile(r"[A-Za-z0-9_-]{1,255}")
_INPUT = {
    "name": body.text(1, 255),
    "type": body.text(),
    "label": body.text(1, 255),
    "description": body.text(),
    "required": body.flag,
}
_TYPED = {**_INPUT, "placeholder": body.text()}
_KEYS: Mapping[str, Mapping[str, body.Check]] = {
    "content": {"name": body.text(1, 255), "type": body.text(), "value": body.text(1)},
    **dict.fromkeys(("text", "email", "number", "textarea"), _TYPED),
    "checkbox": _INPUT,
    "select": {**_TYPED, "mode": body.one_of(*MODES), "options": body.a_list},
    "submit": {"name": body.one_of("submit"), "type": body.text(), "value": body.text(1, 255)},
}
_NEEDED = {"content": ("value",), "submit": ("name", "value"), "select": ("label", "mode", "options")}
_OPTION = {"value": body.text(1, 255), "label": body.text(1, 255), "selected": body.flag}


def checked_fields(kind: str, fields: list[Any]) -> tuple[list[Field], list[Invalid]]:
    """The fields of a form of this type as they are stored, and what is wrong with them."""
    wrong = [problem for index, field in enumerate(fields) for problem in _field_problems(f"fields[{index}]", field)]
    if wrong:
        return [], wrong
    stored = [_stored(kind, field) for field in fields]
    return stored, list(_form_problems(kind, stored))


def _field_problems(at: str, field: object) -> Iterator[Invalid]:
    if not isinstance(field, dict):
        yield standard(at, "is_object", f'"{at}" must be an object')
        return
    keys = _KEYS.get(field.get("type", ""))
    if keys is None:
        yield choice(f"{at}.type", list(_KEYS))
        return
    yield from _object_problems(at, field, keys, _NEEDED.get(field["type"], ("label",)))
    if field["type"] == "select" and isinstance(field.get("options"), list):
        yield from _option_problems(at, field)
    if isinstance(field.get("name"), str) and not _SLUG.fullmatch(field["name"]):
        reason = f'value of "{at}.name" must have letters, digits, underscores and hyphens only'
        yield standard(f"{at}.name", "matches_regex", reason)


def _object_problems(
    at: str, value: Mapping[str, Any], keys: Mapping[str, body.Check], needed: Sequence[str]
) -> Iterator[Invalid]:
    yield from (required(f"{at}.{name}") for name in needed if name not in value)
    for name, item in value.items():
        if name not in keys:
            yield unknown(f"{at}.{name}")
        elif problem := keys[name](f"{at}.{name}", item):
            yield problem


def _option_problems(at: str, field: Field) -> Iterator[Invalid]:
    options, fewest = field["options"], MODES.get(field.get("mode", ""), 1)
    if len(options) < fewest:
        reason = f'"{at}.options" must have at least {fewest} items'
        yield at_least(f"{at}.options", "min_items", fewest, reason)
    for index, option in enumerate(options):
        place = f"{at}.options[{index}]"
        if isinstance(option, dict):
            yield from _object_problems(place, option, _OPTION, ("value", "label"))
        else:
            yield standard(place, "is_object", f'"{place}" must be an object')
    objects = [option for option in options if isinstance(option, dict)]
    if field.get("mode") == "single_select" and sum(option.get("selected") is True for option in objects) > 1:
        yield standard(f"{at}.options", "invalid", "only one option can be selected")
    values = [str(option.get("value")) for option in objects]
    if len(set(values)) < len(values):
        yield standard(f"{at}.options", "invalid", "values of options must be unique")


def _stored(kind: str, field: Field) -> Field:
    label = field.get("label") or field.get("value") or field["type"]
    name = field.get("name") or re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:255] or field["type"]
    built_in = name in BUILT_IN[kind] or field["type"] == "submit"
    return {**field, "name": name} | ({"built_in": True} if built_in else {})


def _form_problems(kind: str, fields: Sequence[Field]) -> Iterator[Invalid]:
    by_name = {field["name"]: field for field in fields}
    if len(by_name) < len(fields):
        yield standard("fields", "invalid", "names of fields must be unique")
    for name, type_ in BUILT_IN[kind].items():
        if name not in by_name:
            yield standard("fields", "required", f'field "{name}" is required')
        elif by_name[name]["type"] != type_:
            yield standard("fields", "invalid", f'field "{name}" must be of type {type_}')
    if sum(field["type"] == "submit" for field in fields) != 1:
        yield standard("fields", "invalid", "a form must have exactly one submit field")


def answered(kind: str, fields: Sequence[Field], answers: object, *, complete: bool) -> list[Field]:
    """The answers with the label and type of their fields. Raises ProblemError 400.

    `complete`: required fields need an answer.
    """
    if not isinstance(answers, dict):
        raise bad_request(standard("additional_data", "is_object", '"additional_data" must be an object'))
    asked = {
        field["name"]: field
        for field in fields
        if field["type"] not in ("submit", "content") and field["name"] not in BUILT_IN[kind]
    }
    wrong = [unknown(f"additional_data.{name}") for name in answers if name not in asked]
    wrong += [
        required(f"additional_data.{name}")
        for name, field in asked.items()
        if complete and field.get("required") and answers.get(name) in (None, "", [])
    ]
    found = {name: answers[name] for name in asked if answers.get(name) is not None}
    wrong += [problem for name, value in found.items() if (problem := _answer_problem(asked[name], value))]
    if wrong:
        raise bad_request(*wrong)
    return [
        {"name": name, "label": asked[name]["label"], "type": asked[name]["type"], "value": value}
        for name, value in found.items()
    ]


def _answer_problem(field: Field, value: object) -> Invalid | None:
    name = f"additional_data.{field['name']}"
    if field["type"] == "number":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number else standard(name, "is_number", f'"{name}" must be a number')
    if field["type"] != "select":
        check = {"email": body.email(255), "checkbox": body.flag}.get(field["type"], body.text(0, 10_000))
        return check(name, value)
    choices = [option["value"] for option in field["options"]]
    if field["mode"] == "single_select":
        return None if value in choices else choice(name, choices)
    if not isinstance(value, list):
        return standard(name, "is_array", f'"{name}" must be an array')
    return None if all(item in choices for item in value) else choice(name, choices)
