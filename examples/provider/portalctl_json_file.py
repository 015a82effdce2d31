"""A JSON file as a developer portal: an example of a portalctl provider.

The file's path is in `PORTALCTL_<NAME>_SERVER`. Its form is that of `club.json` beside this module.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from portalctl.errors import PortalError
from portalctl.identity import normal_address
from portalctl.portals import writes
from portalctl.portals.connection import Connection
from portalctl.portals.models import (
    Developer,
    Identity,
    PendingSignUps,
    Registration,
    Scope,
    Settings,
    Sighting,
    Snapshot,
    Team,
    Touched,
)
from portalctl.portals.ping_result import Check, Checkup
from portalctl.portals.writes import CreatedTeam, Precheck, Write, WriteResult, at_any_time
from portalctl.providers.definition import IdForm, Provider, Service

Data = dict[str, Any]
SETTINGS = Settings(team_mapping=False)  # no identity provider decides who is in a team


class JsonPortal:
    """The portal. Reads the whole file for each call, and replaces it for each write."""

    developers_per_check = 1000

    def __init__(self, connection: Connection) -> None:
        self._path = connection.file
        self._url = connection.servers["portal"].url
        self._asked = {"id": connection.portal_id, "name": connection.title}
        self._now = connection.now
        self._may_write = connection.may_write
        self._lock = threading.Lock()  # writes come from several threads
        self.calls = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def identity(self) -> Identity:
        data = self._load()
        return Identity(data["id"], (data["name"],))

    def read(self, scope: Scope) -> Snapshot:
        data = self._load()
        return Snapshot(
            portal_id=data["id"],
            server=self._url,
            settings=SETTINGS,
            scope=scope,
            developers=tuple(map(_developer, data["developers"])),
            teams=tuple(map(_team, data["teams"])),
            members={
                team["id"]: frozenset(team["members"]) for team in data["teams"] if scope.has_members(team["name"])
            },
            observed_at=self._now(),
            roles={row["id"]: () for row in data["teams"] if scope.has_roles(row["name"])},
            apis=dict.fromkeys(scope.apis, ()),
            portal_names=(data["name"],),
        )

    def reread(self, touched: Touched) -> Sighting:
        data = self._load()
        developers = {row["id"]: _developer(row) for row in data["developers"]}
        addresses = {normal_address(developer.email or ""): developer for developer in developers.values()}
        teams = {row["name"]: row for row in data["teams"]}
        looked_up = touched.teams | touched.members_of | touched.roles_of
        return Sighting(
            developers={key: developers.get(key) for key, _ in touched.developers},
            teams={name: _team(teams[name]) for name in looked_up & teams.keys()},
            members={name: frozenset(teams[name]["members"]) for name in touched.members_of & teams.keys()},
            roles=dict.fromkeys(touched.roles_of & teams.keys(), ()),
            newcomers={name: addresses[name] for name in touched.newcomers & addresses.keys()},
        )

    def approved(self) -> int:
        return sum(row["status"] == "approved" for row in self._load()["developers"])

    def pending(self) -> PendingSignUps:
        found = [row["id"] for row in self._load()["developers"] if row["status"] == "pending"]
        return PendingSignUps(len(found), frozenset(found))

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]:
        del developers  # this portal has no applications
        return ()

    def checkup(self, scope: Scope) -> Checkup:
        del scope
        try:
            identity = self.identity()
        except PortalError as error:
            return Checkup((Check("server", "failed", error.message, "\n".join(error.advice)),))
        return Checkup((Check("server", "ok", f"{self._path} can be read"),), SETTINGS, identity)

    def write(self, write: Write, precheck: Precheck = at_any_time) -> WriteResult:
        if not self._may_write:
            raise RuntimeError("this connection is for reading")
        try:
            precheck()
            with self._changed() as data:
                return _carry_out(data, write)
        except (PortalError, OSError) as error:  # the file is replaced whole or not at all
            return WriteResult("refused", str(error))

    def new_teams(self, made: Mapping[str, str | None]) -> Mapping[str, CreatedTeam]:
        teams = {row["name"]: _team(row) for row in self._load()["teams"]}
        return {name: CreatedTeam(teams.get(name)) for name in made}

    def _load(self) -> Data:
        self.calls += 1
        try:
            data: Data = json.loads(self._path.read_bytes())
        except (OSError, ValueError) as error:
            raise PortalError(f"{self._path}: cannot read the portal: {error}", "Check its path.") from error
        for key, asked in self._asked.items():
            if asked is not None and asked != data.get(key):
                raise PortalError(f"{self._path}: its {key} is {data.get(key)!r}, not {asked!r}", "Check its path.")
        return data

    @contextmanager
    def _changed(self) -> Iterator[Data]:
        """Read the file, and replace it by what the data is at the end."""
        with self._lock:
            data = self._load()
            yield data
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=2)
            Path(name).replace(self._path)


def _carry_out(data: Data, write: Write) -> WriteResult:
    developers = {row["id"]: row for row in data["developers"]}
    teams = {row["id"]: row for row in data["teams"]}
    match write:
        case writes.CreateDeveloperWrite(developer, full_name, status):
            known = any(normal_address(row["email"]) == developer for row in data["developers"])
            row = {"email": developer, "status": status, "full_name": full_name}
            return _created(data["developers"], row, known=known)
        case writes.CreateTeamWrite(name, description):
            known = any(team["name"] == name for team in data["teams"])
            return _created(data["teams"], {"name": name, "description": description, "members": []}, known=known)
        case writes.SetStatusWrite(key, status) if key in developers:
            developers[key]["status"] = status
        case writes.DeleteDeveloperWrite(key) if key in developers:
            data["developers"].remove(developers[key])
            for team in data["teams"]:
                team["members"] = sorted({*team["members"]} - {key})
        case writes.UpdateTeamWrite(team_id, description) if team_id in teams:
            teams[team_id]["description"] = description
        case writes.AddMemberWrite(team_id, key) if team_id in teams and key in developers:
            teams[team_id]["members"] = sorted({*teams[team_id]["members"], key})
        case writes.RemoveMemberWrite(team_id, key) if team_id in teams:
            teams[team_id]["members"] = sorted({*teams[team_id]["members"]} - {key})
        case _:
            return WriteResult("refused", "not there", status=404)
    return WriteResult("done", status=200)


def _created(rows: list[Data], row: Data, *, known: bool) -> WriteResult:
    if known:
        return WriteResult("refused", "it is there already", status=409)
    row["id"] = str(uuid4())
    rows.append(row)
    return WriteResult("done", id=row["id"], status=201)


def _developer(row: Data) -> Developer:
    return Developer(row["id"], row["email"], row["status"], row.get("full_name"))


def _team(row: Data) -> Team:
    return Team(row["id"], row["name"], row["description"])


PROVIDER = Provider(
    name="json-file",
    title="JSON file",
    connect=JsonPortal,
    services=(Service(kind="file"),),
    abilities=frozenset({"teams", "accounts"}),
    id_form=IdForm("[a-z0-9-]+", "letters, digits and hyphens"),
)
