"""Operations on portals, their authentication settings and identity providers."""

from __future__ import annotations

import json
from typing import Any

from portalctl.simulator.konnect import body, records
from portalctl.simulator.konnect.call import Call, cursor_page, everything, page, shown
from portalctl.simulator.konnect.problems import ProblemError, bad_request, standard
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.message import SimulatedAnswer, json_answer

_MAPPING_FLAGS = ("idp_mapping_enabled", "oidc_team_mapping_enabled")  # new and old name of one setting
UPDATE_SETTINGS = body.RequestBody(
    {
        "basic_auth_enabled": body.flag,
        "oidc_auth_enabled": body.flag,
        "saml_auth_enabled": body.flag,
        "oidc_team_mapping_enabled": body.flag,
        "konnect_mapping_enabled": body.flag,
        "idp_mapping_enabled": body.flag,
        "oidc_issuer": body.text(),
        "oidc_client_id": body.text(),
        "oidc_client_secret": body.text(),
        "oidc_scopes": body.texts,
        "oidc_claim_mappings": body.text_map,
    },
    extra=True,
)
CREATE_MAPPING = body.RequestBody(
    {"team_id": body.uuid, "group": body.text()}, required=("team_id", "group"), extra=True
)
_OIDC_CONFIG = {
    "oidc_issuer": "issuer",
    "oidc_client_id": "client_id",
    "oidc_scopes": "scopes",
    "oidc_claim_mappings": "claim_mappings",
}


def list_portals(call: Call) -> SimulatedAnswer:
    return page(call, call.api.portals, call.api.kind)


def get_portal(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, call.api.portals, call.portal))


def update_portal(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    changes = body.read_body(call.request, call.api.update_portal)
    portal = shown(call, call.api.portals, call.portal)
    duplicate = "SELECT 1 FROM portals WHERE json_extract(data, '$.name') = ? AND id <> ?"
    if "name" in changes and call.reader.row(duplicate, changes["name"], call.portal):
        raise ProblemError(409, f"Key (org_id, name)=({changes['name']}) already exists.")
    if "labels" in changes:
        merged = portal.get("labels", {}) | (changes["labels"] or {})
        changes["labels"] = {key: value for key, value in merged.items() if value is not None}
    portal |= changes | {"updated_at": call.world.now()}
    call.world.db.write("UPDATE portals SET data = ? WHERE id = ?", json.dumps(portal), call.portal)
    return json_answer(200, portal)


def get_settings(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, settings_of(call, call.portal))


def update_settings(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    changes = body.read_body(call.request, UPDATE_SETTINGS)
    for name in _MAPPING_FLAGS:
        if changes.get(name) and not _has_identity_provider(call, "AND enabled"):
            raise bad_request(standard(name, "invalid", f"{name} cannot be enabled when no IdP is enabled"))
    settings = settings_of(call, call.portal)
    changes.pop("oidc_client_secret", None)
    config = {_OIDC_CONFIG[name]: changes.pop(name) for name in _OIDC_CONFIG if name in changes}
    if config:
        settings["oidc_config"] = {"issuer": "", "client_id": ""} | settings.get("oidc_config", {}) | config
    for name in _MAPPING_FLAGS:
        if name in changes:
            settings |= dict.fromkeys(_MAPPING_FLAGS, changes[name])
    settings |= changes
    call.world.db.write("UPDATE portals SET settings = ? WHERE id = ?", json.dumps(settings), call.portal)
    return json_answer(200, settings)


def list_identity_providers(call: Call) -> SimulatedAnswer:
    return everything(call, records.IDENTITY_PROVIDERS, "t.portal_id = ?", call.portal)


def list_group_mappings(call: Call) -> SimulatedAnswer:
    if not _has_identity_provider(call):
        reason = "portal has no identity provider configured"
        raise bad_request(standard("portalId", "missing_reference", reason, "path"))
    return page(call, records.GROUP_MAPPINGS, "t.portal_id = ?", call.portal)


def list_provider_mappings(call: Call) -> SimulatedAnswer:
    return cursor_page(call, records.PROVIDER_MAPPINGS, "t.provider_id = ?", call.ids["providerId"])


def get_provider_mapping(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, records.PROVIDER_MAPPINGS, call.ids["mappingId"]))


def create_provider_mapping(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    new = body.read_body(call.request, CREATE_MAPPING)
    team, group, provider = new["team_id"], new["group"], call.ids["providerId"]
    if not call.reader.row("SELECT 1 FROM teams WHERE id = ? AND portal_id = ?", team, call.portal):
        raise bad_request(standard("team_id", "missing_reference", "team does not exist"))
    mapping_id, now = call.world.new_id(), call.world.now()
    added = call.world.db.write(
        "INSERT OR IGNORE INTO provider_mappings (id, provider_id, team_id, group_name, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        *(mapping_id, provider, team, group, now, now),
    )
    if not added:
        raise ProblemError(409, "The group is already mapped to the team")
    return json_answer(201, shown(call, records.PROVIDER_MAPPINGS, mapping_id))


def delete_provider_mapping(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    call.world.db.write("DELETE FROM provider_mappings WHERE id = ?", call.ids["mappingId"])
    return SimulatedAnswer(204)


def list_roles(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, PORTAL_ROLES)


def list_apis(call: Call) -> SimulatedAnswer:
    """Of the organisation, not of a portal: the vendor has this in another document (API Builder, `list-apis`)."""
    return page(call, records.APIS, "1 = 1")


def settings_of(call: Call, portal_id: str) -> dict[str, Any]:
    """A portal's authentication settings."""
    row = call.reader.row("SELECT settings FROM portals WHERE id = ?", portal_id)
    settings: dict[str, Any] = json.loads(row[0]) if row else {}
    return settings


def _has_identity_provider(call: Call, condition: str = "") -> bool:
    sql = f"SELECT 1 FROM identity_providers WHERE portal_id = ? {condition}"  # noqa: S608  # our own text
    return call.reader.row(sql, call.portal) is not None


PORTAL_ROLES: dict[str, Any] = {
    "services": {
        "name": "Services",
        "roles": {
            "apiviewer": {
                "name": "API Viewer",
                "description": "API Viewers have read-only access to the documentation of a service in a portal",
            },
            "apiconsumer": {
                "name": "API Consumer",
                "description": "API Consumers can make calls to the given service",
            },
        },
    }
}
