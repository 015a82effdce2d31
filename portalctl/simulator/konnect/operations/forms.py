"""Operations on forms, and the answers that developers and applications gave to them (v3 only)."""

from __future__ import annotations

import json
import re
from typing import Any

from portalctl.simulator.konnect import body, records
from portalctl.simulator.konnect.call import Call, page, shown
from portalctl.simulator.konnect.database import ERASE_FORM, TableReader
from portalctl.simulator.konnect.form_fields import API, DEVELOPER, Field, answered, checked_fields
from portalctl.simulator.konnect.problems import Invalid, ProblemError, bad_request, not_found, required, standard
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.konnect.world import World
from portalctl.simulator.message import SimulatedAnswer, json_answer

_KEYS = {
    "type": body.one_of(DEVELOPER, API),
    "name": body.text(1, 255),
    "status": body.one_of("published", "unpublished"),
    "fields": body.a_list,
}
FORM = body.RequestBody(_KEYS, required=("type", "fields"))
RESERVED_NAME = "developer-registration"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def list_forms(call: Call) -> SimulatedAnswer:
    """Without their fields."""
    _refuse_where_absent(call)
    return page(call, records.FORMS, "t.portal_id = ?", call.portal)


def get_form(call: Call) -> SimulatedAnswer:
    _refuse_where_absent(call)
    refuse_query(call.request.query)
    return json_answer(200, _form(call, call.ids["formId"]))


def create_form(call: Call) -> SimulatedAnswer:
    _refuse_where_absent(call)
    refuse_query(call.request.query)
    new = body.read_body(call.request, FORM)
    name = RESERVED_NAME if new["type"] == DEVELOPER else new.get("name")
    if name is None:
        raise bad_request(required("name"))
    fields = _fields(new["type"], new.get("name", name), new["fields"])
    form_id, now = call.world.new_id(), call.world.now()
    _refuse_duplicate_name(call, name, form_id)
    call.world.db.write(
        "INSERT INTO forms (id, portal_id, type, name, status, fields, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(form_id, call.portal, new["type"], name, new.get("status", "unpublished"), json.dumps(fields), now, now),
    )
    return json_answer(201, _form(call, form_id))


def replace_form(call: Call) -> SimulatedAnswer:
    """Names of fields stay what they are: a field of another name is another field."""
    _refuse_where_absent(call)
    refuse_query(call.request.query)
    old, new = _form(call, call.ids["formId"]), body.read_body(call.request, FORM)
    if new["type"] != old["type"]:
        raise bad_request(standard("type", "invalid", "the type of a form cannot be changed"))
    name = new.get("name", old["name"])
    fields = _fields(new["type"], name, new["fields"])
    _refuse_duplicate_name(call, name, old["id"])
    call.world.db.write(
        "UPDATE forms SET name = ?, status = ?, fields = ?, updated_at = ? WHERE id = ?",
        *(name, new.get("status", "unpublished"), json.dumps(fields), call.world.now(), old["id"]),
    )
    return json_answer(200, _form(call, old["id"]))


def delete_form(call: Call) -> SimulatedAnswer:
    _refuse_where_absent(call)
    refuse_query(call.request.query)
    call.world.db.erase(ERASE_FORM, call.ids["formId"])
    return SimulatedAnswer(204)


def sign_up_answers(call: Call, portal_id: str, sent: object, *, by_developer: bool) -> list[Field]:
    """The answers that come with a sign-up. Raises ProblemError 400 for those that the published form does not take.

    Whether required answers are asked of administrators, too, is not documented (`required_answers`).
    """
    complete = by_developer or call.world.behaviour.required_answers == "always"
    return answered(DEVELOPER, _published(call.reader, portal_id), sent, complete=complete)


def registration_answers(call: Call, api_id: str, sent: object) -> list[Field]:
    """The answers that come with a registration, to the form that the API's publication links."""
    sql = (
        "SELECT f.fields FROM publications p JOIN forms f ON f.id = p.form_id "
        "WHERE p.portal_id = ? AND p.api_id = ? AND f.status = 'published'"
    )
    row = call.reader.row(sql, call.portal, api_id)
    return answered(API, json.loads(row[0]) if row else [], sent, complete=False)


def keep_answers(world: World, owner_id: str, answers: list[Field]) -> None:
    """Keep what was answered, with label and type as they are now, in each form that the API may show."""
    world.db.write("INSERT INTO answers (owner_id, data) VALUES (?, ?)", owner_id, answers_json(answers))


def answers_json(answers: list[Field]) -> str:
    """The answers as the table holds them: in every shape of `additional_data`."""
    shapes = {
        "described": {answer["name"]: {key: answer[key] for key in ("value", "label", "type")} for answer in answers},
        "plain": {answer["name"]: answer["value"] for answer in answers},
        "rows": answers,
    }
    return json.dumps(shapes)


def publish_api(call: Call) -> SimulatedAnswer:
    """Publication of an API on a portal (API Builder, `publish-api-to-portal`): here the form it links, only."""
    refuse_query(call.request.query)
    new = body.read_body(call.request, PUBLICATION)
    form = new.get("form_id")
    if form is not None and call.reader.row("SELECT 1 FROM forms WHERE id = ? AND type = ?", form, API) is None:
        raise bad_request(standard("form_id", "missing_reference", "form does not exist"))
    call.world.db.write(
        "INSERT OR REPLACE INTO publications (portal_id, api_id, form_id) VALUES (?, ?, ?)",
        *(call.portal, call.ids["apiId"], form),
    )
    now = call.world.now()
    return json_answer(200, {"visibility": "private", **new, "created_at": now, "updated_at": now})


PUBLICATION = body.RequestBody(
    {
        "form_id": body.uuid_or_null,
        "auth_strategy_ids": body.texts,
        "auto_approve_registrations": body.flag,
        "visibility": body.one_of("public", "private"),
    }
)


def _fields(kind: str, name: str, fields: list[Any]) -> list[Field]:
    stored, wrong = checked_fields(kind, fields)
    wrong += _name_problems(kind, name)
    if wrong:
        raise bad_request(*wrong)
    return stored


def _name_problems(kind: str, name: str) -> list[Invalid]:
    if kind == DEVELOPER and name != RESERVED_NAME:
        return [standard("name", "invalid", f'value of "name" must be {RESERVED_NAME}')]
    if kind == API and (name == RESERVED_NAME or not _NAME.fullmatch(name)):
        return [standard("name", "matches_regex", 'value of "name" must be lowercase letters, digits, and hyphens')]
    return []


def _refuse_duplicate_name(call: Call, name: str, form_id: str) -> None:
    same_name = "SELECT 1 FROM forms WHERE portal_id = ? AND name = ? AND id <> ?"
    if call.reader.row(same_name, call.portal, name, form_id):
        raise ProblemError(409, f"A form with the name {name} already exists")


def _form(call: Call, form_id: str) -> dict[str, Any]:
    return shown(call, records.WHOLE_FORMS, form_id)


def _published(reader: TableReader, portal_id: str) -> list[Field]:
    sql = "SELECT fields FROM forms WHERE portal_id = ? AND type = ? AND status = 'published'"
    row = reader.row(sql, portal_id, DEVELOPER)
    return json.loads(row[0]) if row else []


def _refuse_where_absent(call: Call) -> None:
    """Older stacks have no forms, and a token may have no right to them."""
    forms = call.world.behaviour.forms
    if forms == "404":
        raise not_found()
    if forms == "403":
        raise ProblemError(403)
