"""How objects look on the wire: one listing per kind, with its JSON, its filters and its sort fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from portalctl.simulator.behaviour import Behaviour

FilterKind = Literal["string", "uuid", "bare_uuid", "boolean", "equals"]


@dataclass(frozen=True, slots=True)
class ColumnFilter:
    """A field that can be filtered: its SQL expression and the vendor's schema for it (StringFieldFilter …)."""

    expression: str
    kind: FilterKind = "string"


@dataclass(frozen=True, slots=True)
class TableListing:
    """A kind of object. `source` names the table `t`; `shape` gives the SQL expression of the object as JSON text.

    `key` is what a list is kept as: the integer that names the row of `shown` which has all that `shape` shows.
    Where it is left out that is a row of `source`.

    SQLite writes the JSON itself: a page is then one step of one statement, several times faster than rows and
    dictionaries in Python.
    """

    source: str
    shape: Callable[[Behaviour], str]
    filters: Mapping[str, ColumnFilter] = field(default_factory=dict)
    sorts: Mapping[str, str] = field(default_factory=dict)
    key: str = "t.seq"
    shown: str = ""


def object_of(**expressions: str) -> str:
    """The SQL expression of a JSON object with these fields."""
    pairs = ", ".join(f"'{name}', {expression}" for name, expression in expressions.items())
    return f"json_object({pairs})"


def _boolean(expression: str) -> str:
    return f"json(CASE WHEN {expression} THEN 'true' ELSE 'false' END)"


def always(expression: str) -> Callable[[Behaviour], str]:
    """The same shape whatever the behaviour."""
    return lambda _: expression


_TEAM_FIELDS = {name: f"t.{name}" for name in ("id", "name", "description", "created_at", "updated_at")}


def basic_team(behaviour: Behaviour) -> str:
    """A team as both versions of the API show it."""
    return _team(_TEAM_FIELDS, behaviour)


def _team_v3(behaviour: Behaviour) -> str:
    if not behaviour.can_own_applications:
        return basic_team(behaviour)
    return _team(_TEAM_FIELDS | {"can_own_applications": _boolean("t.can_own_applications")}, behaviour)


def _team(fields: dict[str, str], behaviour: Behaviour) -> str:
    if behaviour.description_unset == "empty":
        fields = fields | {"description": "coalesce(t.description, '')"}
    if behaviour.description_unset == "absent":
        missing = "CASE WHEN t.description IS NULL THEN '$.description' ELSE '$.-' END"
        return f"json_remove({object_of(**fields)}, {missing})"
    return object_of(**fields)


def _member(behaviour: Behaviour) -> str:
    fields = {
        "id": "d.id",
        "email": "d.email",
        "full_name": "d.full_name",
        "created_at": "d.created_at",
        "updated_at": "d.updated_at",
    }
    if behaviour.member_active != "absent":
        fields["active"] = _boolean("d.status = 'approved'" if behaviour.member_active == "approved" else "TRUE")
    return object_of(**fields)


_OWNER = "'$.owner', json_object('type', t.owner_type, 'id', t.owner_id), "
_APPLICATION = (
    "json_set(t.data, '$.id', t.id, '$.created_at', t.created_at, '$.updated_at', t.updated_at, '$.name', t.name, "
    "'$.description', t.description, '$.owner', json_object('type', t.owner_type, 'id', t.owner_id), "
    "'$.portal', json_object('id', t.portal_id), "
    "'$.registration_count', (SELECT count(*) FROM registrations r WHERE r.application_id = t.id))"
)


def _application(behaviour: Behaviour) -> str:
    return _APPLICATION if behaviour.application_owner else _APPLICATION.replace(_OWNER, "")


def _answering(expression: str, owner: str) -> Callable[[Behaviour], str]:
    """The shape of an object with the answers to a form (`additional_data`). `owner`: the expression of its id."""

    def shape(behaviour: Behaviour) -> str:
        if behaviour.additional_data == "absent":
            return expression
        kept = f"(SELECT x.data -> '$.{behaviour.additional_data}' FROM answers x WHERE x.owner_id = {owner})"  # noqa: S608
        if behaviour.answers_unset == "absent":
            path = f"CASE WHEN {kept} IS NULL THEN '$.-' ELSE '$.additional_data' END"
            return f"json_remove(json_set({expression}, {path}, json(coalesce({kept}, 'null'))), '$.-')"
        unset = "null" if behaviour.answers_unset == "null" else "{}"
        return f"json_set({expression}, '$.additional_data', json(coalesce({kept}, '{unset}')))"

    return shape


def portal_field(name: str) -> str:
    """The SQL expression of a field of the portal object."""
    return f"json_extract(t.data, '$.{name}')"


_PORTAL_FILTERS: dict[str, FilterKind] = {
    "id": "uuid",
    "name": "string",
    "description": "string",
    "authentication_enabled": "boolean",
    "rbac_enabled": "boolean",
    "default_api_visibility": "string",
    "default_page_visibility": "string",
    "default_application_auth_strategy_id": "uuid",
    "auto_approve_developers": "boolean",
    "auto_approve_applications": "boolean",
    "default_domain": "string",
    "canonical_domain": "string",
}
_PORTAL_SORTS = (
    "name",
    "description",
    "authentication_enabled",
    "rbac_enabled",
    "auto_approve_applications",
    "auto_approve_developers",
    "default_domain",
    "canonical_domain",
    "created_at",
    "updated_at",
)

PORTALS = TableListing(
    source="portals t",
    shape=always("t.data"),
    filters={name: ColumnFilter(portal_field(name), kind) for name, kind in _PORTAL_FILTERS.items()},
    sorts={name: portal_field(name) for name in _PORTAL_SORTS},
)
DEVELOPER_FIELDS = {name: f"t.{name}" for name in ("id", "created_at", "updated_at", "email", "full_name", "status")}
DEVELOPERS = TableListing(
    source="developers t",
    shape=_answering(object_of(**DEVELOPER_FIELDS), "t.id"),
    filters={
        "name": ColumnFilter("t.full_name"),
        "status": ColumnFilter("t.status"),
        "email": ColumnFilter("t.email"),
    },
    sorts={
        "created_at": "t.created_at",
        "updated_at": "t.updated_at",
        "email": "t.email",
        "name": "t.full_name",
        "status": "t.status",
    },
)
TEAMS = TableListing(
    source="teams t",
    shape=_team_v3,
    filters={
        "name": ColumnFilter("t.name"),
        "can_own_applications": ColumnFilter("t.can_own_applications", "boolean"),
    },
)
DEVELOPER_TEAMS = TableListing(
    source="teams t",
    shape=_team_v3,
    filters={"can_own_applications": TEAMS.filters["can_own_applications"]},
)
MEMBERS = TableListing(
    source="members t JOIN developers d ON d.id = t.developer_id",
    shape=_member,
    filters={
        "email": ColumnFilter("d.email"),
        "full_name": ColumnFilter("d.full_name"),
        "attributes": ColumnFilter("NULL"),  # the document does not describe them; there are none here
        "active": ColumnFilter("(d.status = 'approved')", "boolean"),
    },
    key="d.seq",
    shown="developers d",
)
ROLES = TableListing(
    source="roles t",
    shape=always(
        object_of(
            id="t.id",
            role_name="t.role_name",
            entity_id="t.entity_id",
            entity_type_name="t.entity_type_name",
            entity_region="t.entity_region",
        )
    ),
)
APIS = TableListing(
    source="apis t",
    shape=always(object_of(id="t.id", name="t.name", created_at="t.created_at", updated_at="t.updated_at")),
    filters={"id": ColumnFilter("t.id", "uuid"), "name": ColumnFilter("t.name")},
)
APPLICATIONS = TableListing(
    source="applications t",
    shape=_application,
    filters={
        "developer_id": ColumnFilter("CASE t.owner_type WHEN 'developer' THEN t.owner_id END", "uuid"),
        "name": ColumnFilter("t.name"),
        "team_id": ColumnFilter("CASE t.owner_type WHEN 'team' THEN t.owner_id END", "uuid"),
    },
    sorts={
        "created_at": "t.created_at",
        "developer_id": "CASE t.owner_type WHEN 'developer' THEN t.owner_id END",
        "name": "t.name",
    },
)
APPLICATION_DEVELOPERS = TableListing(
    source="developers t",
    shape=always(object_of(id="t.id", email="t.email", full_name="t.full_name")),
    filters={"id": ColumnFilter("t.id")},
    sorts={"id": "t.id"},
)
PORTAL_REGISTRATIONS = TableListing(
    source="registrations t JOIN applications a ON a.id = t.application_id",
    shape=_answering(
        object_of(
            id="t.id",
            created_at="t.created_at",
            updated_at="t.updated_at",
            status="t.status",
            api="json(t.api)",
            application=object_of(id="a.id", name="a.name"),
        ),
        "t.id",
    ),
    filters={
        "developer_id": ColumnFilter("CASE a.owner_type WHEN 'developer' THEN a.owner_id END", "uuid"),
        "application_name": ColumnFilter("a.name"),
        "status": ColumnFilter("t.status"),
    },
    sorts={
        "created_at": "t.created_at",
        "updated_at": "t.updated_at",
        "developer_id": "CASE a.owner_type WHEN 'developer' THEN a.owner_id END",
        "status": "t.status",
    },
)
IDENTITY_PROVIDERS = TableListing(
    source="identity_providers t",
    shape=always(
        object_of(
            id="t.id",
            type="t.type",
            enabled=_boolean("t.enabled"),
            config="json(t.config)",
            created_at="t.created_at",
            updated_at="t.updated_at",
        )
    ),
    filters={"type": ColumnFilter("t.type", "equals")},
)
GROUP_MAPPINGS = TableListing(
    source="group_mappings t", shape=always(object_of(team_id="t.team_id", groups="json(t.groups)"))
)
PROVIDER_MAPPINGS = TableListing(
    source="provider_mappings t",
    shape=always(
        object_of(
            id="t.id", team_id="t.team_id", group="t.group_name", created_at="t.created_at", updated_at="t.updated_at"
        )
    ),
    filters={"team_id": ColumnFilter("t.team_id", "equals"), "group": ColumnFilter("t.group_name", "equals")},
)
_FORM_FIELDS = {name: f"t.{name}" for name in ("id", "name", "type", "status", "created_at", "updated_at")}
FORMS = TableListing(source="forms t", shape=always(object_of(**_FORM_FIELDS)))
WHOLE_FORMS = TableListing(source="forms t", shape=always(object_of(**_FORM_FIELDS, fields="json(t.fields)")))
