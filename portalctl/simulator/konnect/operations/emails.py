"""Operations on the e-mails that a portal sends. Not in the v3 document: the names are those of Kong's Go SDK."""

from __future__ import annotations

import json
from typing import Any

from portalctl.simulator.konnect import body
from portalctl.simulator.konnect.call import Call
from portalctl.simulator.konnect.problems import ProblemError, not_found
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.message import SimulatedAnswer, json_answer

TEMPLATES = (
    "confirm-email-address",
    "app-registration-approved",
    "app-registration-rejected",
    "app-registration-revoked",
    "reset-password",
    "account-access-approved",
    "account-access-rejected",
    "account-access-revoked",
    "developer-invitation",
)
_UPDATE = body.RequestBody({"enabled": body.flag, "content": body.text_map})
_NEVER = "1970-01-01T00:00:00.000Z"  # when a template was changed that never was


def get_config(call: Call) -> SimulatedAnswer:
    """The sender of the e-mails; 404 where none was set."""
    refuse_query(call.request.query)
    row = call.reader.row("SELECT data FROM email_configs WHERE portal_id = ?", call.portal)
    if row is None:
        raise not_found()
    return json_answer(200, json.loads(row[0]))


def list_templates(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    listed = call.world.behaviour.email_templates
    if listed in {"403", "404"}:
        raise ProblemError(int(listed))
    custom = _customized(call)
    return json_answer(
        200, {"data": [_shown(name, custom) for name in TEMPLATES if listed == "all" or name in custom]}
    )


def get_template(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, _shown(_name(call), _customized(call)))


def update_template(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    name, now = _name(call), call.world.now()
    changes = body.read_body(call.request, _UPDATE)
    template = _shown(name, _customized(call)) | changes
    call.world.db.write(
        "INSERT OR REPLACE INTO email_templates (portal_id, name, enabled, content, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        call.portal,
        name,
        template["enabled"],
        json.dumps(template["content"]),
        now,
        now,
    )
    return json_answer(200, template | {"updated_at": now})


def _name(call: Call) -> str:
    if call.ids["templateName"] not in TEMPLATES:
        raise not_found()
    return call.ids["templateName"]


def _customized(call: Call) -> dict[str, dict[str, Any]]:
    sql = "SELECT name, enabled, content, created_at, updated_at FROM email_templates WHERE portal_id = ?"
    return {
        name: {"enabled": bool(enabled), "content": json.loads(content), "created_at": created, "updated_at": updated}
        for name, enabled, content, created, updated in call.reader.rows(sql, call.portal)
    }


def _shown(name: str, custom: dict[str, dict[str, Any]]) -> dict[str, Any]:
    words = name.replace("-", " ").capitalize()
    return {
        "label": words,
        "name": name,
        "default_content": {"subject": words, "title": words, "body": words, "button_label": words},
        "variables": [],
        **custom.get(name, {"enabled": True, "content": None, "created_at": _NEVER, "updated_at": _NEVER}),
    }
