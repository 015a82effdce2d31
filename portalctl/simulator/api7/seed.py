"""Seed files: the state a simulated API7 starts with.

JSON of this shape; only portals, products and applications need their `name`, the rest is made up where left out:

    {"portals": [{
       "id": …, "name": …, "auto_approve": false, "public_access": true, "token": …,
       "products": [{"id", "name", "auto_approve"}],
       "developers": [{"id", "developer_id", "email", "name", "username", "provider", "verified", "state",
                       "created_at",                        RFC 3339
                       "applications": [{"id", "name", "labels",
                                         "credentials": [{"id", "name", "type"}],
                                         "subscriptions": [{"product": "Fixtures", "status": …}]}]}]}]}

A product is named by its name. Who is Pending has an approval that waits, and so has a subscription that waits.
"""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from portalctl.simulator.api7.records import (
    Application,
    Product,
    Provider,
    SimulatedDeveloper,
    State,
    SubscriptionStatus,
)
from portalctl.simulator.api7.store import SimulatedStore
from portalctl.simulator.seedfile import (
    FLAG,
    LIST,
    TEXT,
    TEXT_OR_NULL,
    Entry,
    SeedError,
    Types,
    check,
    entries,
    read_portals,
)

__all__ = ["SeedError", "plant", "read_seed"]

_TYPES: dict[str, Types] = {
    "portals": {
        **dict.fromkeys(("id", "name", "token"), TEXT),
        **dict.fromkeys(("auto_approve", "public_access"), FLAG),
        **dict.fromkeys(("products", "developers"), LIST),
    },
    "products": {"id": TEXT, "name": TEXT, "auto_approve": FLAG},
    "developers": {
        **dict.fromkeys(("id", "developer_id", "name", "username", "state", "created_at"), TEXT),
        **dict.fromkeys(("email", "provider"), TEXT_OR_NULL),
        "verified": (bool, type(None)),
        "applications": LIST,
    },
    "applications": {"id": TEXT, "name": TEXT, "labels": (dict,), "credentials": LIST, "subscriptions": LIST},
    "credentials": {"id": TEXT, "name": TEXT, "type": TEXT},
    "subscriptions": {"product": TEXT, "status": TEXT},
}
_REQUIRED = {"portals": "name", "products": "name", "applications": "name", "subscriptions": "product"}
_INSIDE = {
    "portals": ("products", "developers"),
    "developers": ("applications",),
    "applications": ("credentials", "subscriptions"),
}
_CHOICES = {
    "state": typing.get_args(State),
    "provider": (*typing.get_args(Provider), None),
    "status": typing.get_args(SubscriptionStatus),
    "type": ("key-auth", "basic-auth", "oauth"),
}


def read_seed(seed: Mapping[str, Any] | Path | str | None) -> list[Entry]:
    """The portals of a seed: a mapping, a file, "demo", or None for none. Raises SeedError."""
    portals = read_portals(seed, "api7-demo.json")
    for portal in portals:
        _check("portals", portal, f"portal {portal.get('name')}")
    twice = [item for item, count in Counter(_ids("portals", portals)).items() if count > 1]
    if twice:
        raise SeedError(f"an id is given twice ({', '.join(twice)})")
    return portals


def _ids(kind: str, found: list[Entry]) -> Iterator[str]:
    for entry in found:
        if "id" in entry:
            yield entry["id"]
        for inner in _INSIDE.get(kind, ()):
            yield from _ids(inner, entry.get(inner, []))


def _check(kind: str, entry: Entry, where: str) -> None:
    check(kind, entry, _TYPES[kind], where, _REQUIRED.get(kind))
    for key, choices in _CHOICES.items():
        if key in entry and entry[key] not in choices:
            known = ", ".join(choice for choice in choices if choice)
            raise SeedError(f"{where}: {key} {entry[key]!r} in `{kind}` is not one of {known}")
    if "created_at" in entry:
        _time(entry["created_at"], where)
    for inner in _INSIDE.get(kind, ()):
        for part in entries(entry, inner, where):
            _check(inner, part, where)


def plant(portals: list[Entry], store: SimulatedStore) -> None:
    """Puts checked portals into a store. Raises SeedError for products that aren't there."""
    for entry in portals:
        settings = dict(entry)
        developers, products = settings.pop("developers", []), settings.pop("products", [])
        portal = store.add_portal(**settings)
        named = {product["name"]: store.add_product(portal.id, **product) for product in products}
        for account in developers:
            settings = dict(account)
            applications = settings.pop("applications", [])
            if "created_at" in settings:
                settings["created_at"] = _time(settings["created_at"], portal.name)
            developer = store.sign_up(portal.id, settings.pop("email", None), **settings)
            for application in applications:
                _plant_application(developer, dict(application), named, store)


def _plant_application(
    developer: SimulatedDeveloper, entry: Entry, products: Mapping[str, Product], store: SimulatedStore
) -> None:
    credentials, subscriptions = entry.pop("credentials", []), entry.pop("subscriptions", [])
    application: Application = store.add_application(developer, **entry)
    for credential in credentials:
        store.add_credential(application, **credential)
    for subscription in subscriptions:
        name = subscription["product"]
        if name not in products:
            raise SeedError(f"application {application.name}: no product is called {name!r}")
        store.add_subscription(application, products[name], status=subscription.get("status"))


def _time(text: str, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SeedError(f"{where}: {text!r} is not an RFC 3339 time") from None
    if time.tzinfo is None:
        raise SeedError(f"{where}: {text!r} has no time zone")
    return time
