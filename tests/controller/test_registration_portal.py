"""The example of a registration portal: a developer signs up there, and sees what the controller decided."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest

from portalctl.controller.models import Registered, SignUp
from tests.controller.api_world import OTHER_SECRET, REGISTRATION_SECRET, World, api

pytestmark = pytest.mark.slow  # starts servers

EXAMPLE = Path(__file__).parents[2] / "examples/registration-portal/sign_up.py"
Post = Callable[..., str]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with api(tmp_path) as found:
        yield found


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("sign_up", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "sign_up", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def post(world: World, example: ModuleType) -> Iterator[Post]:
    controller = example.Controller(f"http://127.0.0.1:{world.port}", "partners", REGISTRATION_SECRET)
    server = example.make_server(controller, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def send(path: str, **fields: str) -> str:
        url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        try:
            with urllib.request.urlopen(url, urlencode(fields).encode() if fields else None, timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    yield send
    server.shutdown()
    thread.join()
    server.server_close()


def signed_up(post: Post, capsys: Any, email: str = "ann@example.com") -> tuple[str, str]:
    """Fill in the form, and return the id of the sign-up and its code."""
    page = post("/sign-up", email=email, full_name="Ann Oakley")
    found = re.search(r'name="id" value="([^"]+)"', page)
    assert found is not None
    return found[1], capsys.readouterr().out.strip().rpartition(" ")[2]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Registered("approved", ("city", "reds")), "You are approved. Your teams: city, reds."),
        (Registered("already"), "You are approved."),
        (Registered("pending"), "An administrator reviews your sign-up."),
        (Registered("denied"), "This address cannot sign up here."),
        (Registered("unavailable"), "could not be completed now"),
        (Registered("unsupported"), "could not be completed now"),
    ],
)
def test_a_developer_sees_the_outcome(
    outcome: Registered, text: str, world: World, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hub.outcome = lambda _: outcome
    id_, code = signed_up(post, capsys)
    assert "This is not the code" in post("/verify", id=id_, code="x")
    assert world.hub.sign_ups == []
    assert text in post("/verify", id=id_, code=code)
    assert world.hub.sign_ups == [SignUp("ann@example.com", "Ann Oakley", True)]


def test_a_sign_up_that_failed_is_completed_later_and_once(
    world: World, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    world.hub.outcome = lambda _: Registered("unavailable")
    id_, code = signed_up(post, capsys)
    post("/verify", id=id_, code=code)
    world.hub.outcome = lambda _: Registered("approved")
    assert "You are approved" in post("/verify", id=id_, code=code)
    assert "<form" in post("/verify", id=id_, code=code)  # it is over
    assert len(world.hub.sign_ups) == 2


def test_a_code_is_not_guessed_and_no_name_becomes_markup(
    world: World, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "<script>" not in post("/sign-up", email="<script>@example.com", full_name="x")
    capsys.readouterr()
    id_, code = signed_up(post, capsys)
    for _ in range(5):
        post("/verify", id=id_, code="x")
    assert "Too many tries" in post("/verify", id=id_, code=code)
    assert world.hub.sign_ups == []


def test_a_wrong_secret_registers_nobody(world: World, example: ModuleType) -> None:
    controller = example.Controller(f"http://127.0.0.1:{world.port}", "partners", OTHER_SECRET)
    assert controller.register(example.SignUp("ann@example.com", "Ann")) == (401, {})
    assert world.hub.sign_ups == []


def test_it_starts_with_python_alone(world: World) -> None:
    env = {"PATH": os.environ["PATH"], "CONTROLLER_URL": f"http://127.0.0.1:{world.port}", "PORTAL": "partners"}
    words = [sys.executable, "-I", str(EXAMPLE)]
    missing = subprocess.run(words, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert (missing.returncode, missing.stderr) == (1, "REGISTRATION_SECRET is not set\n")
    env["REGISTRATION_SECRET"] = REGISTRATION_SECRET
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "http://127.0.0.1:8400\n"
        process.terminate()
