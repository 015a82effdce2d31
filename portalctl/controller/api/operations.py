"""Endpoints for monitoring, and for the push hooks of a Git server."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from portalctl.controller.api.bodies import Accepted, HealthAnswer
from portalctl.controller.api.endpoint import ApiReply, ApiRequest, Endpoint, Services

SILENT: Final = timedelta(seconds=60)  # a loop that goes round less often has ended, or is stuck
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PUSHED: Final = {202: ("Accepted; the source of the manifest is read again.", Accepted)}


def _health(services: Services, request: ApiRequest) -> ApiReply:
    del request
    alive = services.hub.loop_alive
    if alive is None or abs(services.clock() - alive) > SILENT:
        return _failing("the loop does not run")
    return ApiReply(200, HealthAnswer("ok"))


def _ready(services: Services, request: ApiRequest) -> ApiReply:
    del request
    reasons = services.hub.not_ready
    return _failing(*map(services.mask().text, reasons)) if reasons else ApiReply(200, HealthAnswer("ok"))


def _failing(*reasons: str) -> ApiReply:
    return ApiReply(503, HealthAnswer("failing", reasons))


def _metrics(services: Services, request: ApiRequest) -> ApiReply:
    del request
    return ApiReply(200, services.metrics(), METRICS_TYPE)


def _github(services: Services, request: ApiRequest) -> ApiReply:
    events = request.headers.get("x-github-event", ())
    return _pushed(services, request, "github", is_push=list(events) == ["push"])


def _gitlab(services: Services, request: ApiRequest) -> ApiReply:
    events = request.headers.get("x-gitlab-event", ())
    return _pushed(services, request, "gitlab", is_push=list(events) == ["Push Hook"])


def _pushed(services: Services, request: ApiRequest, kind: str, *, is_push: bool) -> ApiReply:
    """Read the source again after a push. Other events, such as GitHub's ping after the set-up, do nothing.

    The id is the digest of the body: GitHub signs the body, and not its X-GitHub-Delivery.
    """
    if not is_push:
        return ApiReply(202, Accepted(), result="ignored")
    if not services.store.first_seen(kind, "", request.message_id, services.clock()):
        return ApiReply(202, Accepted(), result="repeated")
    services.hub.push()
    return ApiReply(202, Accepted())


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/healthz",
        "healthz",
        "Show whether the loop runs",
        _health,
        {200: ("It does.", HealthAnswer), 503: ("It does not.", HealthAnswer)},
        credential="none",
    ),
    Endpoint(
        "GET",
        "/readyz",
        "readyz",
        "Show whether the controller can work: manifest read, database writable",
        _ready,
        {200: ("It can.", HealthAnswer), 503: ("It can't.", HealthAnswer)},
        credential="none",
    ),
    Endpoint(
        "GET",
        "/metrics",
        "metrics",
        "Show metrics in the text format of Prometheus",
        _metrics,
        {200: ("The metrics.", str)},
        credential="none",
    ),
    Endpoint(
        "POST",
        "/hooks/github",
        "push",
        "Take a push hook of GitHub",
        _github,
        _PUSHED,
        credential="github",
    ),
    Endpoint(
        "POST",
        "/hooks/gitlab",
        "push",
        "Take a push hook of GitLab",
        _gitlab,
        _PUSHED,
        credential="gitlab",
    ),
)
