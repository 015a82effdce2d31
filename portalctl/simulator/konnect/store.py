"""Direct access of tests to the simulated portal:

add developers, change and inspect them. Its changes are visible at once, send no e-mail and are not checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from portalctl.simulator.konnect import records
from portalctl.simulator.konnect.call import objects
from portalctl.simulator.konnect.database import ERASE_DEVELOPER, ERASE_FORM, ERASE_TEAM
from portalctl.simulator.konnect.form_fields import BUILT_IN, DEVELOPER, checked_fields
from portalctl.simulator.konnect.operations.forms import RESERVED_NAME, answers_json
from portalctl.simulator.konnect.records import TableListing
from portalctl.simulator.konnect.world import KEY_AUTH, World
from portalctl.simulator.message import Json

SETTINGS = {
    "basic_auth_enabled": True,
    "oidc_auth_enabled": False,
    "saml_auth_enabled": False,
    "oidc_team_mapping_enabled": False,
    "konnect_mapping_enabled": True,
    "idp_mapping_enabled": False,
}
_INSERT_DEVELOPER = (
    "INSERT INTO developers (id, portal_id, email, full_name, status, created_at, updated_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def _modern(portal_id: str) -> dict[str, Any]:
    domain = f"{portal_id.partition('-')[0]}.eu.kongportals.com"
    return {
        "authentication_enabled": True,
        "sipr_enabled": False,
        "default_api_visibility": "private",
        "default_page_visibility": "private",
        "default_domain": domain,
        "canonical_domain": domain,
    }


def _classic(portal_id: str) -> dict[str, Any]:
    return {
        "is_public": False,
        "default_domain": f"{portal_id.partition('-')[0]}.eu.portal.konghq.com",
        "custom_domain": None,
        "custom_client_domain": None,
    }


class SimulatedStore:
    """Helpers by kind. Every `add_…` returns the id; ids and times are made up where none are given."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._place = world.db.place

    def add_portal(
        self,
        name: str = "partners",
        *,
        id: str | None = None,
        settings: Mapping[str, Any] | None = None,
        created_at: str | None = None,
        classic: bool = False,
        **fields: Json,
    ) -> str:
        """`fields` are those of the vendor's portal object, `settings` those of its authentication settings.

        A `classic` portal is one of API v2.
        """
        portal_id, now = id or self._world.new_id(), created_at or self._world.now()
        portal: dict[str, Any] = {
            "id": portal_id,
            "created_at": now,
            "updated_at": now,
            "name": name,
            "display_name": name,
            "description": None,
            "rbac_enabled": True,
            "default_application_auth_strategy_id": None,
            "auto_approve_developers": False,
            "auto_approve_applications": False,
            "labels": {},
            **(_classic(portal_id) if classic else _modern(portal_id)),
        } | fields
        row = (portal_id, classic, json.dumps(portal), json.dumps(SETTINGS | dict(settings or {})))
        self._place("INSERT INTO portals (id, classic, data, settings) VALUES (?, ?, ?, ?)", [row])
        return portal_id

    def set_portal(self, portal_id: str, **fields: Json) -> None:
        """Changes fields of the portal object, such as `auto_approve_developers`."""
        portal = next(portal for portal in self.portals() if portal["id"] == portal_id)
        self._place("UPDATE portals SET data = ? WHERE id = ?", [(json.dumps(portal | fields), portal_id)])

    def set_settings(self, portal_id: str, **settings: Json) -> None:
        """Changes authentication settings, such as `idp_mapping_enabled`."""
        changed = json.dumps(self.settings(portal_id) | settings)
        self._place("UPDATE portals SET settings = ? WHERE id = ?", [(changed, portal_id)])

    def add_developer(
        self,
        portal_id: str,
        email: str,
        full_name: str = "",
        status: str = "pending",
        *,
        id: str | None = None,
        created_at: str | None = None,
        updated_at: str | None = None,
    ) -> str:
        developer = {
            "id": id,
            "email": email,
            "full_name": full_name,
            "status": status,
            "created_at": created_at,
            "updated_at": updated_at,
        }
        return self.add_developers(
            portal_id, [{key: value for key, value in developer.items() if value is not None}]
        )[0]

    def add_developers(self, portal_id: str, developers: Iterable[Mapping[str, str]]) -> list[str]:
        """Many at once. Each has `email` and may have `full_name`, `status`, `id`, `created_at`, `updated_at`."""
        now, rows = self._world.now(), []
        for developer in developers:
            email = self._world.stored_email(developer["email"])
            created = developer.get("created_at", now)
            rows.append(
                (
                    developer.get("id") or self._world.new_id(),
                    portal_id,
                    email,
                    developer.get("full_name") or email.partition("@")[0],
                    developer.get("status", "pending"),
                    created,
                    developer.get("updated_at", created),
                )
            )
        self._place(_INSERT_DEVELOPER, rows)
        return [row[0] for row in rows]

    def add_form(
        self,
        portal_id: str,
        fields: Iterable[Mapping[str, Any]] = (),
        *,
        type: str = DEVELOPER,
        name: str = RESERVED_NAME,
        status: str = "published",
        id: str | None = None,
        created_at: str | None = None,
    ) -> str:
        """A form with the fields that its type must have, and these. Raises ValueError for fields it cannot have."""
        built_in = [
            {"name": name, "type": kind, "label": name.replace("_", " ").capitalize(), "required": type == DEVELOPER}
            for name, kind in BUILT_IN[type].items()
        ]
        submit = {"name": "submit", "type": "submit", "value": "Submit"}
        stored, wrong = checked_fields(type, [*built_in, *map(dict, fields), submit])
        if wrong:
            raise ValueError("; ".join(problem["reason"] for problem in wrong))
        form_id, now = id or self._world.new_id(), created_at or self._world.now()
        self._place(
            "INSERT INTO forms (id, portal_id, type, name, status, fields, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(form_id, portal_id, type, name, status, json.dumps(stored), now, now)],
        )
        return form_id

    def delete_form(self, form_id: str) -> None:
        for sql in ERASE_FORM:
            self._place(sql, [(form_id,)])

    def set_answers(self, owner_id: str, answers: Mapping[str, Json], form: str | None = None) -> None:
        """What a developer, or an application with its registration, has answered; nothing of it is checked.

        Label and type are those of the form's fields; for answers to no field the name, and text.
        """
        with self._world.db.lock:
            row = self._world.db.truth.row("SELECT fields FROM forms WHERE id = ?", form or "")
        fields = {field["name"]: field for field in (json.loads(row[0]) if row else ())}
        rows = [
            {"name": name, "label": name, "type": "text"}
            | {key: value for key, value in fields.get(name, {}).items() if key in ("label", "type")}
            | {"value": value}
            for name, value in answers.items()
        ]
        self._place("INSERT OR REPLACE INTO answers (owner_id, data) VALUES (?, ?)", [(owner_id, answers_json(rows))])

    def set_status(self, developer_id: str, status: str) -> None:
        sql = "UPDATE developers SET status = ?, updated_at = ? WHERE id = ?"
        self._place(sql, [(status, self._world.now(), developer_id)])

    def set_developer(self, developer_id: str, **columns: str) -> None:
        """Changes `email`, `full_name`, `created_at` or `updated_at`."""
        for name, value in columns.items():
            self._place(f"UPDATE developers SET {name} = ? WHERE id = ?", [(value, developer_id)])  # noqa: S608

    def delete_developer(self, developer_id: str) -> None:
        """With memberships, applications and registrations."""
        for sql in ERASE_DEVELOPER:
            self._place(sql, [(developer_id,)])

    def add_team(
        self,
        portal_id: str,
        name: str,
        description: str | None = None,
        *,
        can_own_applications: bool = False,
        id: str | None = None,
        created_at: str | None = None,
    ) -> str:
        team_id, now = id or self._world.new_id(), created_at or self._world.now()
        self._place(
            "INSERT INTO teams (id, portal_id, name, description, can_own_applications, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(team_id, portal_id, name, description, can_own_applications, now, now)],
        )
        return team_id

    def set_team(self, team_id: str, **columns: str | bool | None) -> None:
        """Changes `name`, `description` or `can_own_applications`."""
        for name, value in columns.items():
            self._place(f"UPDATE teams SET {name} = ? WHERE id = ?", [(value, team_id)])  # noqa: S608

    def delete_team(self, team_id: str) -> None:
        """With roles and memberships."""
        for sql in ERASE_TEAM:
            self._place(sql, [(team_id,)])

    def add_member(self, team_id: str, developer_id: str) -> None:
        self.add_members(team_id, [developer_id])

    def add_members(self, team_id: str, developer_ids: Iterable[str]) -> None:
        sql = "INSERT OR IGNORE INTO members (team_id, developer_id) VALUES (?, ?)"
        self._place(sql, [(team_id, developer_id) for developer_id in developer_ids])

    def remove_member(self, team_id: str, developer_id: str) -> None:
        self._place("DELETE FROM members WHERE team_id = ? AND developer_id = ?", [(team_id, developer_id)])

    def add_role(
        self,
        team_id: str,
        role_name: str = "API Viewer",
        *,
        entity_id: str | None = None,
        entity_type_name: str = "Services",
        entity_region: str = "eu",
        id: str | None = None,
    ) -> str:
        role_id, entity = id or self._world.new_id(), entity_id or self._world.new_id()
        self._place(
            "INSERT INTO roles (id, team_id, role_name, entity_id, entity_type_name, entity_region) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(role_id, team_id, role_name, entity, entity_type_name, entity_region)],
        )
        return role_id

    def add_api(self, name: str, *, id: str | None = None) -> str:
        api_id, now = id or self._world.new_id(), self._world.now()
        sql = "INSERT INTO apis (id, name, created_at, updated_at) VALUES (?, ?, ?, ?)"
        self._place(sql, [(api_id, name, now, now)])
        return api_id

    def add_application(
        self,
        portal_id: str,
        name: str,
        owner_id: str,
        *,
        owner_type: str = "developer",
        description: str | None = None,
        id: str | None = None,
        created_at: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """`extra` replaces the fields that depend on the kind of credentials (KEY_AUTH shows which)."""
        application_id, now = id or self._world.new_id(), created_at or self._world.now()
        data = json.dumps(dict(extra or KEY_AUTH))
        self._place(
            "INSERT INTO applications (id, portal_id, name, description, owner_type, owner_id, data, created_at, "
            "updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(application_id, portal_id, name, description, owner_type, owner_id, data, now, now)],
        )
        return application_id

    def set_owner(self, application_id: str, owner_id: str, owner_type: str = "team") -> None:
        """Gives an application to another owner."""
        sql = "UPDATE applications SET owner_id = ?, owner_type = ? WHERE id = ?"
        self._place(sql, [(owner_id, owner_type, application_id)])

    def add_registration(
        self,
        application_id: str,
        api_name: str = "Orders",
        status: str = "approved",
        *,
        api_id: str | None = None,
        api_version: str | None = "v1",
        id: str | None = None,
        created_at: str | None = None,
    ) -> str:
        registration_id, now = id or self._world.new_id(), created_at or self._world.now()
        api = {
            "id": api_id or self._world.new_id(),
            "name": api_name,
            "version": api_version,
            "entity_type": "api",
        }
        self._place(
            "INSERT INTO registrations (id, application_id, status, api, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(registration_id, application_id, status, json.dumps(api), now, now)],
        )
        return registration_id

    def set_registration_status(self, registration_id: str, status: str) -> None:
        sql = "UPDATE registrations SET status = ?, updated_at = ? WHERE id = ?"
        self._place(sql, [(status, self._world.now(), registration_id)])

    def add_identity_provider(
        self,
        portal_id: str,
        type: str = "oidc",
        *,
        enabled: bool = True,
        config: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> str:
        provider_id, now = id or self._world.new_id(), self._world.now()
        config = config or {"issuer_url": "https://id.example.com", "client_id": "portal"}
        self._place(
            "INSERT INTO identity_providers (id, portal_id, type, enabled, config, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(provider_id, portal_id, type, enabled, json.dumps(dict(config)), now, now)],
        )
        return provider_id

    def add_mapping(self, provider_id: str, team_id: str, group: str, *, id: str | None = None) -> str:
        """Maps a group of one identity provider to a team."""
        mapping_id, now = id or self._world.new_id(), self._world.now()
        sql = (
            "INSERT INTO provider_mappings (id, provider_id, team_id, group_name, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)"
        )
        self._place(sql, [(mapping_id, provider_id, team_id, group, now, now)])
        return mapping_id

    def add_principal(self, name: str, token: str, *, kind: str = "user", id: str | None = None) -> str:
        """A user or a `system_account` with a token that opens the portals too."""
        principal_id = id or self._world.new_id()
        sql = "INSERT OR IGNORE INTO principals (id, kind, name, token) VALUES (?, ?, ?, ?)"
        self._place(sql, [(principal_id, kind, name, token)])
        return principal_id

    def add_log_entry(self, **fields: Json) -> None:
        """An entry of the audit log as it is given: `ts`, `method`, `uri`, `status_code`, `principal_id`, …"""
        names = ", ".join(fields)  # of a test's own
        sql = f"INSERT INTO audit_log ({names}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608
        self._place(sql, [tuple(fields.values())])

    def set_email_template(self, portal_id: str, name: str, *, enabled: bool) -> None:
        """Switches one kind of e-mail on or off, such as `account-access-approved`."""
        now = self._world.now()
        sql = (
            "INSERT OR REPLACE INTO email_templates (portal_id, name, enabled, content, created_at, updated_at) "
            "VALUES (?, ?, ?, 'null', ?, ?)"
        )
        self._place(sql, [(portal_id, name, enabled, now, now)])

    def set_email_config(self, portal_id: str, **config: Json) -> None:
        """Sets the sender of a portal's e-mails: `from_name`, `from_email`, `reply_to_email`, `domain_name`."""
        now = self._world.now()
        data = {"id": self._world.new_id(), "domain_name": None, "created_at": now, "updated_at": now} | config
        sql = "INSERT OR REPLACE INTO email_configs (portal_id, data) VALUES (?, ?)"
        self._place(sql, [(portal_id, json.dumps(data))])

    def set_groups(self, portal_id: str, team_id: str, groups: Iterable[str]) -> None:
        """The identity provider's groups that are mapped to a team."""
        sql = "INSERT OR REPLACE INTO group_mappings (portal_id, team_id, groups) VALUES (?, ?, ?)"
        self._place(sql, [(portal_id, team_id, json.dumps(list(groups)))])

    def portals(self) -> list[dict[str, Any]]:
        return self._list(records.PORTALS, "TRUE")

    def settings(self, portal_id: str) -> dict[str, Any]:
        """Authentication settings."""
        with self._world.db.lock:
            row = self._world.db.truth.row("SELECT settings FROM portals WHERE id = ?", portal_id)
        found: dict[str, Any] = json.loads(row[0]) if row else {}
        return found

    def developers(self, portal_id: str) -> list[dict[str, Any]]:
        return self._list(records.DEVELOPERS, "t.portal_id = ?", portal_id)

    def teams(self, portal_id: str) -> list[dict[str, Any]]:
        return self._list(records.TEAMS, "t.portal_id = ?", portal_id)

    def members(self, team_id: str) -> list[dict[str, Any]]:
        """Developers in a team, with their status."""
        scope = "t.id IN (SELECT developer_id FROM members WHERE team_id = ?)"
        return self._list(records.DEVELOPERS, scope, team_id)

    def roles(self, team_id: str) -> list[dict[str, Any]]:
        return self._list(records.ROLES, "t.team_id = ?", team_id)

    def applications(self, portal_id: str) -> list[dict[str, Any]]:
        return self._list(records.APPLICATIONS, "t.portal_id = ?", portal_id)

    def registrations(self, portal_id: str) -> list[dict[str, Any]]:
        return self._list(records.PORTAL_REGISTRATIONS, "a.portal_id = ?", portal_id)

    def forms(self, portal_id: str) -> list[dict[str, Any]]:
        return self._list(records.WHOLE_FORMS, "t.portal_id = ?", portal_id)

    def mails(self) -> list[dict[str, Any]]:
        """Mails the vendor would have sent, oldest first: at, portal_id, developer_id, email, template."""
        names = ("at", "portal_id", "developer_id", "email", "template")
        with self._world.db.lock:
            rows = self._world.db.truth.rows(f"SELECT {', '.join(names)} FROM sent_mails ORDER BY seq")  # noqa: S608
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _list(self, listing: TableListing, scope: str, *parameters: str) -> list[dict[str, Any]]:
        with self._world.db.lock:
            return objects(self._world.db.truth, listing, self._world.behaviour, scope, *parameters)
