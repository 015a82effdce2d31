"""How objects look on the wire of API v2 ("classic" portals), where that differs from v3.

v2 has products where v3 has APIs, and applications belong to developers only. Registrations keep one subject: its
name is the product's, its version the product version's.
"""

from __future__ import annotations

from portalctl.simulator.konnect import records
from portalctl.simulator.konnect.records import ColumnFilter, FilterKind, TableListing

_FLAGS = ("is_public", "rbac_enabled", "auto_approve_applications", "auto_approve_developers")
_TEXTS = ("name", "description", "default_domain", "custom_domain", "custom_client_domain")
_FILTERS: dict[str, FilterKind] = {
    "id": "bare_uuid",
    **dict.fromkeys(_TEXTS, "string"),
    **dict.fromkeys(_FLAGS, "boolean"),
}

PORTALS = TableListing(
    source="portals t",
    # Products are not simulated: none is published.
    shape=records.always(
        "json_set(t.data, '$.developer_count', (SELECT count(*) FROM developers d WHERE d.portal_id = t.id), "
        "'$.application_count', (SELECT count(*) FROM applications a WHERE a.portal_id = t.id), "
        "'$.published_product_count', 0)"
    ),
    filters={name: ColumnFilter(records.portal_field(name), kind) for name, kind in _FILTERS.items()},
    sorts={name: records.portal_field(name) for name in (*_TEXTS, *_FLAGS, "created_at", "updated_at")},
)
DEVELOPERS = TableListing(
    source=records.DEVELOPERS.source,
    shape=records.always(
        records.object_of(
            **records.DEVELOPER_FIELDS,
            application_count="(SELECT count(*) FROM applications a WHERE a.owner_id = t.id)",
        )
    ),
    filters=records.DEVELOPERS.filters,
    sorts=records.DEVELOPERS.sorts,
)
TEAMS = TableListing(
    source=records.TEAMS.source,
    shape=records.basic_team,
    filters={"name": records.TEAMS.filters["name"]},
)
DEVELOPER_TEAMS = TableListing(source=TEAMS.source, shape=TEAMS.shape)
APPLICATIONS = TableListing(
    source="applications t JOIN developers o ON o.id = t.owner_id",
    shape=records.always(
        records.object_of(
            id="t.id",
            created_at="t.created_at",
            updated_at="t.updated_at",
            name="t.name",
            description="t.description",
            labels="json_extract(t.data, '$.labels')",
            reference_id="coalesce(json_extract(t.data, '$.client_id'), t.id)",
            registration_count="(SELECT count(*) FROM registrations r WHERE r.application_id = t.id)",
            dcr_provider="json_extract(t.data, '$.dcr_provider')",
            portal=records.object_of(id="t.portal_id"),
            developer=records.object_of(id="o.id", name="o.full_name", email="o.email"),
            auth_strategy="json_extract(t.data, '$.auth_strategy')",
            granted_scopes="json_extract(t.data, '$.granted_scopes')",
        )
    ),
    filters={
        "developer_id": ColumnFilter("o.id", "bare_uuid"),
        "developer_name": ColumnFilter("o.full_name"),
        "developer_email": ColumnFilter("o.email"),
        "name": ColumnFilter("t.name"),
    },
    sorts={"created_at": "t.created_at", "developer_id": "o.id", "name": "t.name"},
)
PORTAL_REGISTRATIONS = TableListing(
    source="registrations t JOIN applications a ON a.id = t.application_id JOIN developers o ON o.id = a.owner_id",
    shape=records.always(
        records.object_of(
            id="t.id",
            created_at="t.created_at",
            updated_at="t.updated_at",
            status="t.status",
            product=records.object_of(id="json_extract(t.api, '$.id')", name="json_extract(t.api, '$.name')"),
            product_version=records.object_of(
                id="json_extract(t.api, '$.id')", name="coalesce(json_extract(t.api, '$.version'), '')"
            ),
            application=records.object_of(id="a.id", name="a.name"),
            developer=records.object_of(id="o.id", name="o.full_name"),
            granted_scopes="NULL",
        )
    ),
    filters={
        "developer_id": ColumnFilter("o.id", "bare_uuid"),
        "developer_name": ColumnFilter("o.full_name"),
        "application_name": ColumnFilter("a.name"),
        "status": ColumnFilter("t.status"),
    },
    sorts={
        "created_at": "t.created_at",
        "updated_at": "t.updated_at",
        "developer_id": "o.id",
        "status": "t.status",
    },
)
