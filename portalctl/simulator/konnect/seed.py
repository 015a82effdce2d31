"""Seed files: the state a simulated Konnect starts with.

JSON of this shape; only `name`, `email` and `api` are required, ids and times are made up where left out:

    {"portals": [{
       "id": …, "name": …, "created_at": …,              and any field of the vendor's portal object
       "classic": false,                                  true: a portal of API v2
       "settings": {"idp_mapping_enabled": false, …},     authentication settings
       "identity_providers": [{"id", "type", "enabled", "config",
                               "mappings": [{"id", "team": "gunners", "group": "idp-group"}]}],
       "email_templates": {"account-access-approved": false},     templates that are off, or on
       "forms": [{"id", "type", "name", "status", "fields": [{"name", "type", "label", …}]}],
       "developers": [{"id", "email", "full_name", "status", "created_at", "updated_at",
                       "additional_data": {"department": "payments"}}],
       "teams": [{"id", "name", "description", "can_own_applications", "created_at",
                  "members": ["peter@arsenal.com"],
                  "roles": [{"id", "role_name", "entity_id", "entity_type_name", "entity_region"}],
                  "groups": ["idp-group"]}],
       "applications": [{"id", "name", "description", "created_at",
                         "developer": "peter@arsenal.com"  or  "team": "gunners",
                         "registrations": [{"id", "api", "api_id", "api_version", "status", "created_at",
                                            "additional_data": {…}}]}]}]}

A developer is named by the address of the first developer in the portal that has it. A form has the fields that its
type must have beside those of the seed. Answers (`additional_data`) are to the last form of their type.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portalctl.simulator.konnect.api import V2, V3
from portalctl.simulator.konnect.form_fields import API, BUILT_IN, DEVELOPER
from portalctl.simulator.konnect.operations.emails import TEMPLATES
from portalctl.simulator.konnect.operations.forms import RESERVED_NAME
from portalctl.simulator.konnect.store import SimulatedStore
from portalctl.simulator.konnect.world import STATUSES
from portalctl.simulator.seedfile import (
    FLAG,
    LIST,
    TEXT,
    TEXT_OR_NULL,
    Entry,
    SeedError,
    check,
    entries,
    read_portals,
)

__all__ = ["SeedError", "plant", "read_seed"]

_KINDS = ("identity_providers", "forms", "developers", "teams", "applications")
_PORTAL_KEYS = {*_KINDS, "id", "created_at", "settings", "classic", "default_domain", "email_templates"}
_ENTRIES: dict[str, dict[str, tuple[type, ...]]] = {
    "identity_providers": {"id": TEXT, "type": TEXT, "enabled": FLAG, "config": (dict,), "mappings": LIST},
    "mappings": dict.fromkeys(("id", "team", "group"), TEXT),
    "forms": {**dict.fromkeys(("id", "type", "name", "status", "created_at"), TEXT), "fields": LIST},
    "developers": {
        **dict.fromkeys(("id", "email", "full_name", "status", "created_at", "updated_at"), TEXT),
        "additional_data": (dict,),
    },
    "teams": {
        **dict.fromkeys(("id", "name", "created_at"), TEXT),
        "description": TEXT_OR_NULL,
        "can_own_applications": FLAG,
        **dict.fromkeys(("members", "roles", "groups"), LIST),
    },
    "roles": dict.fromkeys(("id", "role_name", "entity_id", "entity_type_name", "entity_region"), TEXT),
    "applications": {
        **dict.fromkeys(("id", "name", "created_at", "developer", "team"), TEXT),
        "description": TEXT_OR_NULL,
        "registrations": LIST,
    },
    "registrations": {
        **dict.fromkeys(("id", "api", "api_id", "status", "created_at"), TEXT),
        "api_version": TEXT_OR_NULL,
        "additional_data": (dict,),
    },
}
_REQUIRED = {
    "developers": "email",
    "teams": "name",
    "applications": "name",
    "registrations": "api",
    "mappings": "group",
}


def read_seed(seed: Mapping[str, Any] | Path | str | None) -> list[Entry]:
    """The portals of a seed: a mapping, a file, "demo", or None for none. Raises SeedError."""
    return [_checked_portal(entry) for entry in read_portals(seed, "demo.json")]


def _checked_portal(portal: Entry) -> Entry:
    where = f"portal {portal.get('name')}"
    if not isinstance(portal.get("name"), str):
        raise SeedError("portal: `name` is missing")
    classic = portal.get("classic", False)
    if not isinstance(classic, bool):
        raise SeedError(f"{where}: `classic` must be true or false")
    _check_emails(portal, where)
    fields = (V2 if classic else V3).update_portal.checks
    known = _PORTAL_KEYS | set(fields) | ({"canonical_domain"} if not classic else set())
    for key, value in portal.items():
        if key not in known:
            raise SeedError(f"{where}: unknown key `{key}`")
        fits = fields.get(key)
        if fits and (problem := fits(key, value)):
            raise SeedError(f"{where}: {problem['reason']}")
    for kind in _KINDS:
        for entry in entries(portal, kind, where):
            _check(kind, entry, where)
            for inner in ("roles", "registrations", "mappings"):
                for part in entries(entry, inner, f"{where}, {kind}"):
                    _check(inner, part, where)
    return portal


def _check_emails(portal: Entry, where: str) -> None:
    emails = portal.get("email_templates", {})
    right = isinstance(emails, dict) and emails.keys() <= set(TEMPLATES)
    if not right or not all(isinstance(enabled, FLAG) for enabled in emails.values()):
        raise SeedError(f"{where}: `email_templates` has true or false for each of: {', '.join(TEMPLATES)}")


def _check(kind: str, entry: Entry, where: str) -> None:
    check(kind, entry, _ENTRIES[kind], where, _REQUIRED.get(kind))
    known = ("published", "unpublished") if kind == "forms" else STATUSES
    if "status" in entry and entry["status"] not in known:
        raise SeedError(f"{where}: status {entry['status']!r} in `{kind}` is not one of {', '.join(known)}")


def plant(portals: list[Entry], store: SimulatedStore) -> None:
    """Puts checked portals into a store. Raises SeedError for unknown names and repeated ids."""
    try:
        for portal in portals:
            _plant_portal(dict(portal), store)
    except sqlite3.IntegrityError as error:
        raise SeedError(f"an id is given twice ({error})") from error


def _plant_portal(portal: Entry, store: SimulatedStore) -> None:
    parts: dict[str, list[Entry]] = {kind: portal.pop(kind, []) for kind in _KINDS}
    emails = portal.pop("email_templates", {})
    portal_id = store.add_portal(**portal)
    for template, enabled in emails.items():
        store.set_email_template(portal_id, template, enabled=enabled)
    forms = _plant_forms(portal_id, parts["forms"], store)
    _plant_developers(portal_id, parts["developers"], forms.get(DEVELOPER), store)
    developers: dict[str, str] = {}
    for developer in store.developers(portal_id):
        developers.setdefault(developer["email"], developer["id"])
    teams = {team["name"]: _plant_team(portal_id, dict(team), developers, store) for team in parts["teams"]}
    for provider in parts["identity_providers"]:
        _plant_provider(portal_id, dict(provider), teams, store)
    for application in parts["applications"]:
        owners = developers if "developer" in application else teams
        _plant_application(portal_id, dict(application), owners, forms.get(API), store)


def _plant_forms(portal_id: str, forms: list[Entry], store: SimulatedStore) -> dict[str, str]:
    """The ids of the forms by type."""
    planted = {}
    for form in forms:
        kind = form.get("type", DEVELOPER)
        if kind not in BUILT_IN:
            raise SeedError(f"form: type {kind!r} is not one of {', '.join(BUILT_IN)}")
        try:
            planted[kind] = store.add_form(portal_id, **form)
        except ValueError as error:
            raise SeedError(f"form {form.get('name', RESERVED_NAME)}: {error}") from error
    return planted


def _plant_developers(portal_id: str, developers: list[Entry], form: str | None, store: SimulatedStore) -> None:
    plain = [{key: value for key, value in one.items() if key != "additional_data"} for one in developers]
    for developer, developer_id in zip(developers, store.add_developers(portal_id, plain), strict=True):
        if "additional_data" in developer:
            store.set_answers(developer_id, developer["additional_data"], form)


def _plant_provider(portal_id: str, provider: Entry, teams: Mapping[str, str], store: SimulatedStore) -> None:
    mappings = provider.pop("mappings", [])
    provider_id = store.add_identity_provider(portal_id, **provider)
    for mapping in mappings:
        team = _named(teams, mapping.get("team"), f"mapping of group {mapping['group']}")
        store.add_mapping(provider_id, team, mapping["group"], id=mapping.get("id"))


def _plant_team(portal_id: str, team: Entry, developers: Mapping[str, str], store: SimulatedStore) -> str:
    members, roles, groups = (team.pop(key, []) for key in ("members", "roles", "groups"))
    team_id = store.add_team(portal_id, **team)
    store.add_members(team_id, [_named(developers, email, f"team {team['name']}") for email in members])
    for role in roles:
        store.add_role(team_id, **role)
    if groups:
        store.set_groups(portal_id, team_id, groups)
    return team_id


def _plant_application(
    portal_id: str, application: Entry, owners: Mapping[str, str], form: str | None, store: SimulatedStore
) -> None:
    where = f"application {application['name']}"
    registrations = application.pop("registrations", [])
    developer, team = application.pop("developer", None), application.pop("team", None)
    if (developer is None) == (team is None):
        raise SeedError(f"{where}: needs either `developer` or `team`")
    owner = _named(owners, developer if team is None else team, where)
    owner_type = "developer" if team is None else "team"
    application_id = store.add_application(portal_id, owner_id=owner, owner_type=owner_type, **application)
    for registration in registrations:
        settings = dict(registration)
        answers = settings.pop("additional_data", None)
        registration_id = store.add_registration(application_id, settings.pop("api"), **settings)
        if answers is not None:
            store.set_answers(registration_id, answers, form)


def _named(known: Mapping[str, str], name: object, where: str) -> str:
    if not isinstance(name, str) or name not in known:
        raise SeedError(f"{where}: there is no developer {name!r}")
    return known[name]
