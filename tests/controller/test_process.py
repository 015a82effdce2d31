"""`portalctl run` as a process: started, woken by a signed event, asked for approvals, drained."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.conftest import Bench, portalctl
from tests.controller.running import until

RULES = """
trusted_domains:
  - {domain: city.example, teams: [city]}
denied_domains: [{domain: evil.example}]
teams:
  - {name: city, membership: exclusive}
"""
ANN, BOB, EVE = "ann@city.example", "bob@city.example", "eve@other.example"
SECRET = f"whsec_{base64.b64encode(b'e' * 32).decode()}"
FORM = f"whsec_{base64.b64encode(b'f' * 32).decode()}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def post_signed(url: str, body: dict[str, Any], secret: str, id_: str = "msg_1") -> httpx.Response:
    """Post an event, or a registration, as Standard Webhooks describes."""
    text, now = json.dumps(body), datetime.now(UTC)
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, now, text),
        "content-type": "application/json",
    }
    return httpx.post(url, content=text, headers=headers, timeout=90)


class Process:
    """A controller's process and the way to its API."""

    def __init__(self, bench: Bench, port: int, token: str, process: subprocess.Popen[bytes]) -> None:
        self.bench, self.url, self.process = bench, f"http://127.0.0.1:{port}", process
        self.env = {"PORTALCTL_CONTROLLER_TOKEN": token}
        self._auth = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", headers=self._auth).json()

    def portal(self) -> dict[str, Any]:
        return next(item for item in self.get("/v1/portals")["portals"] if item["name"] == "partners")

    def post_signed(self, path: str, body: dict[str, Any], secret: str, id_: str = "msg_1") -> httpx.Response:
        return post_signed(f"{self.url}{path}", body, secret, id_)

    def command(self, *words: str) -> Any:
        return portalctl(*words, "--server", self.url, env=self.env)


@contextmanager
def controller(bench: Bench, *words: str, mode: str = "full") -> Iterator[Process]:
    """Run `portalctl run` until the context ends, by SIGTERM."""
    port = free_port()
    made = portalctl("run", "token", "carol", "approver", "--tokens", str(bench.folder.parent / "tokens"))
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PORTALCTL", "KONNECT"))},
        "KONNECT_SERVER_URL": bench.sim.url,
        "KONNECT_TOKEN": bench.sim.token,
        "PORTALCTL_WEBHOOK_SECRET": SECRET,
        "PORTALCTL_PARTNERS_REGISTRATION_SECRET": FORM,
    }
    listen = ["--listen", f"127.0.0.1:{port}", "--tokens", str(bench.folder.parent / "tokens")]
    command = [sys.executable, "-m", "portalctl", "run", "-f", "portals", "--mode", mode, *listen, *words]
    with (bench.folder.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stderr=log, cwd=bench.folder.parent)
    running = Process(bench, port, made.out.strip(), process)
    try:
        until(lambda: process.poll() is not None or _ready(running), 60)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (bench.folder.parent / "log").read_text()


def _ready(running: Process) -> bool:
    try:
        return httpx.get(f"{running.url}/readyz").status_code == 200 and running.portal()["last_run"] is not None
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_a_sign_up_is_approved_by_a_signed_event_and_a_removal_by_an_approver(bench: Bench) -> None:
    bench.people(approved=[EVE])
    bench.team("city", EVE)
    bench.manifest(RULES)
    with controller(bench) as running:
        held = running.portal()["held"]
        assert held is not None
        bench.people(pending=[ANN])
        began = time.monotonic()
        path = "/v1/portals/partners/events"
        assert running.post_signed(path, {"type": "sign_up"}, FORM).status_code == 401
        assert running.post_signed(path, {"type": "sign_up"}, SECRET).status_code == 202
        until(lambda: bench.status(ANN) == "approved")
        assert time.monotonic() - began < 15
        assert running.post_signed(path, {"type": "sign_up"}, SECRET).status_code == 202  # replayed: nothing happens
        done = running.command("approve", held["digest"])
        assert (done.code, done.err) == (0, done.err)
        assert bench.members("city") == {ANN}
        assert running.command("approve", held["digest"]).code == 3  # it was decided
        assert running.command("suspend", "partners", "--reason", "incident").code == 0
        until(lambda: running.portal()["state"] == "suspended")
        assert running.command("resume", "partners").code == 0
        until(lambda: running.portal()["state"] != "suspended")
        assert "portalctl_portal_state" in httpx.get(f"{running.url}/metrics").text
    log = (bench.folder.parent / "log").read_text()
    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "stopped"
    assert bench.sim.token not in log


@pytest.mark.slow
def test_a_registration_creates_and_decides_the_account(bench: Bench) -> None:
    bench.manifest(RULES)
    with controller(bench, mode="onboard") as running:

        def register(address: str, id_: str) -> httpx.Response:
            body = {"email": address, "full_name": "A B", "email_verified": True}
            return running.post_signed("/v1/portals/partners/registrations", body, FORM, id_)

        made = register(ANN, "reg_1")
        assert (made.status_code, made.json()["teams"]) == (201, ["city"])
        assert bench.status(ANN) == "approved"
        assert bench.members("city") == {ANN}
        accounts = len(bench.sim.store.developers("3f51fa25-310a-421d-bd1a-007f859021a3"))
        assert register(ANN, "reg_1").json() == made.json()  # a repeated id repeats its answer
        assert register(ANN, "reg_2").status_code == 200
        assert register(EVE, "reg_3").status_code == 202
        assert bench.status(EVE) == "pending"
        assert register("x@evil.example", "reg_4").status_code == 403
        people = bench.sim.store.developers("3f51fa25-310a-421d-bd1a-007f859021a3")
        assert len(people) == accounts + 1


@pytest.mark.slow
def test_a_second_controller_on_one_database_ends_with_1(bench: Bench) -> None:
    bench.manifest(RULES)
    with controller(bench, mode="observe"):
        done = bench.run("run", "--once")
        assert done.code == 1
        assert "controller.db" in done.err
