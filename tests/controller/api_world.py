"""The API on a real socket with a real database, and a controller behind it that only notes what it is asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from portalctl.controller.access import Access
from portalctl.controller.api.app import create_app
from portalctl.controller.api.endpoint import Services
from portalctl.controller.database import open_database
from portalctl.controller.listening import ListenSettings
from portalctl.controller.models import (
    AccessDecision,
    DirectoryView,
    HeldPlan,
    PortalKey,
    PortalView,
    Registered,
    SignUp,
    Trigger,
)
from portalctl.controller.server import ApiServer
from portalctl.controller.store import Store
from portalctl.controller.tokens import new_token
from portalctl.errors import PortalError
from portalctl.insight.explain import PortalExplanation
from portalctl.output.masks import Mask

SECRET = "whsec_" + base64.b64encode(b"e" * 32).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()
REGISTRATION_SECRET = "whsec_" + base64.b64encode(b"r" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()
ENV = {
    "PORTALCTL_WEBHOOK_SECRET": f"{SECRET} {OLD_SECRET}",
    "PORTALCTL_PARTNERS_REGISTRATION_SECRET": REGISTRATION_SECRET,
    "PORTALCTL_GITHUB_WEBHOOK_SECRET": "github-hook-secret",
    "PORTALCTL_GITLAB_WEBHOOK_TOKEN": "gitlab-hook-token",
}
_MADE = {role: new_token(role, role) for role in ("viewer", "operator", "approver", "registrar")}
LINES = tuple(line for _, line in _MADE.values())
TOKENS = {role: token for role, (token, _) in _MADE.items()}
KEY = PortalKey("https://eu.api.konghq.com", "3f51fa25-310a-421d-bd1a-007f859021a3")


def view(name: str = "partners", **values: Any) -> PortalView:
    known = {"provider": "konnect", "key": KEY, "mode": "full", "state": "in_sync"}
    return PortalView(name=name, **(known | values))


@dataclass
class PlainHub:
    """Notes what it is asked, and answers with what the test set."""

    views: dict[str, PortalView] = field(default_factory=lambda: {"partners": view()})
    woken: list[tuple[str, Trigger]] = field(default_factory=list)
    pushes: int = 0
    sign_ups: list[SignUp] = field(default_factory=list)
    outcome: Callable[[SignUp], Registered] = lambda _: Registered("approved", ("city",))
    answer: AccessDecision | PortalError | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    alive: datetime | None = field(default_factory=lambda: datetime.now(UTC))
    reasons: tuple[str, ...] = ()
    directory_views: tuple[DirectoryView, ...] = ()
    authors: dict[str | None, str] = field(default_factory=dict)

    def portals(self) -> tuple[PortalView, ...]:
        return tuple(self.views[name] for name in sorted(self.views))

    def portal(self, name: str) -> PortalView | None:
        return self.views.get(name)

    def wake(self, name: str, trigger: Trigger) -> None:
        self.woken.append((name, trigger))

    def push(self) -> None:
        self.pushes += 1

    def register(self, name: str, sign_up: SignUp) -> Registered:
        assert name == "partners"
        self.sign_ups.append(sign_up)
        return self.outcome(sign_up)

    def decision(self, name: str, address: str) -> AccessDecision | None:
        self.asked.append((name, address))
        if isinstance(self.answer, PortalError):
            raise self.answer
        return self.answer

    def explain(self, name: str, address: str) -> PortalExplanation | None:
        raise NotImplementedError(f"{name} {address}")  # pages about developers are tested with the real loop

    def author(self, commit: str | None) -> str | None:
        return self.authors.get(commit)

    def directories(self) -> tuple[DirectoryView, ...]:
        return self.directory_views

    @property
    def loop_alive(self) -> datetime | None:
        return self.alive

    @property
    def not_ready(self) -> tuple[str, ...]:
        return self.reasons


@dataclass
class Lines:
    """The log."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def warning(self, event: str, **facts: object) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, **facts: object) -> None:
        self.lines.append(("error", event, facts))


@dataclass(frozen=True)
class Got:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    """A running API. `counts`: how often a request of a kind had a result."""

    hub: PlainHub
    store: Store
    env: dict[str, str]
    folder: Path
    log: Lines = field(default_factory=Lines)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    port: int = 0
    metrics: str = "portalctl_portals 1\n"
    tls: ssl.SSLContext | None = None

    def count(self, kind: str, result: str) -> None:
        self.counts[kind, result] = self.counts.get((kind, result), 0) + 1

    def connect(self) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def send(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> Got:
        """Send one request on a connection of its own, with these headers beside Host and the body's length."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def call(self, role: str, method: str, path: str, body: object = None) -> Got:
        """Send a request with the token of a role."""
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, path, content, Authorization=f"Bearer {TOKENS[role]}")

    def event(self, body: object = None, *, path: str = "/v1/portals/partners/events", **signing: Any) -> Got:
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.send("POST", path, content, **signed(content, **signing))

    def register(self, body: object = None, **signing: Any) -> Got:
        sign_up = {"email": "ann@example.com", "full_name": "Ann Oakley", "email_verified": True}
        signing.setdefault("secret", REGISTRATION_SECRET)
        path = signing.pop("path", "/v1/portals/partners/registrations")
        return self.event(sign_up if body is None else body, path=path, **signing)


_IDS = iter(range(1_000_000))


def signed(body: bytes, *, secret: str = SECRET, id: str | None = None, age: float = 0) -> dict[str, str]:
    """Return the headers of Standard Webhooks, made here by its specification and not by the package that checks."""
    id_ = id if id is not None else f"msg_{next(_IDS)}"
    moment = str(int(time.time() - age))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id_}.{moment}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": id_, "webhook-timestamp": moment, "webhook-signature": signature}


@contextmanager
def api(folder: Path, env: Mapping[str, str] = ENV, *, tokens: bool = True, **settings: Any) -> Iterator[World]:
    """Run the API on a free port."""
    path = folder / "tokens"
    if tokens:
        path.write_text("\n".join(LINES) + "\nbob approver proxy\n")
        path.chmod(0o600)
        settings["tokens"] = path
    listening = ListenSettings(port=0, **settings)
    engine = open_database(None, state=folder / "state")
    world = World(PlainHub(), Store(engine), dict(env), folder)
    services = Services(
        hub=world.hub,
        store=world.store,
        access=Access(listening, world.env),
        env=world.env,
        mask=lambda: Mask(b"k" * 32),
        clock=lambda: datetime.now(UTC),
        metrics=lambda: world.metrics,
        count=world.count,
        log=world.log,
    )
    try:
        with ApiServer(create_app(services), listening) as server:
            world.port = server.port
            yield world
    finally:
        engine.dispose()


def held(world: World, digest: str = "sha256:" + "a" * 64, **values: Any) -> HeldPlan:
    """Put a held plan into the database."""
    now = datetime.now(UTC)
    plan = HeldPlan(
        digest=digest,
        key=KEY,
        portal="partners",
        plan=Path(__file__).with_name("held_plan.json").read_text(),
        state="held",
        started_at=now,
        expires=now + timedelta(hours=24),
    )
    plan = replace(plan, **values)
    world.store.hold(plan)
    return plan
