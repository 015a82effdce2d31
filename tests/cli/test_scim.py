"""Groups of a real SCIM server decide about access, through the command line."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.conftest import Bench, Done, portalctl

SERVER = shutil.which("scim2-server") or shutil.which("scim2-server", path=str(Path(sys.executable).parent))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(SERVER is None, reason="scim2-server is not installed")]
TOKEN = "s3cret-of-scim"
PREFIX = "PORTALCTL_DIRECTORY_IDM"
RULES = """
directories: [{name: idm, kind: scim}]
trusted_groups: [{directory: idm, group: partners}]
teams: [{name: city, membership: exclusive, members_from: {directory: idm, group: devs}}]
"""


class Server:
    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
        request = Request(f"{self.url}{path}", json.dumps(body).encode() if body else None, headers, method=method)
        with urlopen(request, timeout=30) as answer:
            text = answer.read()
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def user(self, name: str, *, active: bool = True) -> str:
        emails = [{"value": f"{name}@city.example", "primary": True}]
        body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "emails": emails}
        return str(self.call("POST", "/Users", {**body, "active": active})["id"])

    def group(self, name: str, *members: str) -> str:
        listed = [{"value": member} for member in members]
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
        return str(self.call("POST", "/Groups", {"schemas": schemas, "displayName": name, "members": listed})["id"])


@pytest.fixture
def idm() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    assert SERVER is not None
    words = [SERVER, "--port", str(port), "--bearer-token", TOKEN]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            server, until = Server(f"http://127.0.0.1:{port}/v2"), time.monotonic() + 60
            while time.monotonic() < until:
                with suppress(OSError):
                    server.call("GET", "/Users?count=1")
                    break
                time.sleep(0.2)
            yield server
        finally:
            process.terminate()


def run(bench: Bench, server: Server, command: str, *words: str, **env: str) -> Done:
    place = {f"{PREFIX}_URL": server.url, f"{PREFIX}_SECRET": TOKEN}
    portal = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl(command, *words, "-f", "portals", env=portal | place | env)
    assert TOKEN not in done.out + done.err
    return done


def planned(bench: Bench, server: Server) -> list[str]:
    done = run(bench, server, "plan", "-o", "json")
    assert done.code == 0, done.err
    return [change["id"] for change in done.json["portals"][0]["changes"]]


def test_a_role_in_a_real_scim_server(bench: Bench, idm: Server) -> None:
    bench.people(pending=["ann@city.example", "off@city.example"], approved=["bob@city.example"])
    bench.team("city", "bob@city.example")
    bench.manifest(RULES)
    assert "group 'partners' not found" in run(bench, idm, "plan").err
    people = {name: idm.user(name, active=name != "off") for name in ("ann", "bob", "off")}
    others = [idm.user(f"u{number}") for number in range(120)]
    inner = idm.group("inner", people["ann"])
    idm.group("partners", inner, people["off"], *others)
    devs = idm.group("devs", people["ann"], people["bob"])
    assert planned(bench, idm) == ["add_member:ann@city.example:city", "approve:ann@city.example"]
    idm.call("DELETE", f"/Users/{people['bob']}")
    failed = run(bench, idm, "plan")
    assert (failed.code, bench.writes) == (1, [])
    assert "cannot be read" in failed.err
    idm.call("DELETE", f"/Groups/{devs}")
    idm.group("devs", people["ann"])
    assert "remove_member:bob@city.example:city" in planned(bench, idm)


def test_a_wrong_token_and_another_path(bench: Bench, idm: Server) -> None:
    bench.manifest(RULES)
    wrong = run(bench, idm, "plan", **{f"{PREFIX}_SECRET": "another"})
    assert (wrong.code, f"{PREFIX}_SECRET" in wrong.err) == (1, True)
    elsewhere = run(bench, idm, "plan", **{f"{PREFIX}_URL": f"{idm.url}/nowhere"})
    assert (elsewhere.code, "directory idm" in elsewhere.err) == (1, True)
