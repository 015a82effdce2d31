"""Endpoints for registration portals of the organisation: events, registrations and decisions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from portalctl.controller.access import REGISTRARS
from portalctl.controller.api.bodies import (
    Accepted,
    DecisionAnswer,
    EventBody,
    Problem,
    RegistrationAnswer,
    RegistrationBody,
)
from portalctl.controller.api.endpoint import (
    ApiReply,
    ApiRequest,
    Endpoint,
    RequestError,
    Services,
    portal_of,
    problem,
)
from portalctl.controller.models import Registered, SignUp
from portalctl.controller.rate_limit import RateLimit
from portalctl.identity import normal_address

PER_MINUTE: Final = 60  # registrations of a portal
_STATUS: Final = {"approved": 201, "already": 200, "pending": 202, "denied": 403}
_UNAVAILABLE: Final = 503
_NO_ADDRESS: Final = "email: not a valid e-mail address"


class Registrations:
    """The registrations in progress, and how many each portal sent lately."""

    def __init__(self) -> None:
        self._limit = RateLimit(PER_MINUTE, 60)
        self._lock = threading.Lock()
        self._running: set[tuple[str, str]] = set()

    def register(self, services: Services, request: ApiRequest) -> ApiReply:
        """Register a developer, and wait for the outcome. A repeated id repeats its answer."""
        name, id_ = portal_of(services, request).name, request.message_id
        sign_up = request.body
        if normal_address(sign_up.email) is None:
            raise RequestError(400, _NO_ADDRESS)
        with self._once(name, id_):
            answer = services.store.answer_for(name, id_)
            if answer is not None:
                return _repeated(answer)
            if wait := self._limit.wait(name):
                raise RequestError(
                    429, f"more than {PER_MINUTE} registrations a minute", Retry_After=f"{wait + 1:.0f}"
                )
            services.store.first_seen("registration", name, id_, services.clock())
            found = services.hub.register(name, SignUp(sign_up.email, sign_up.full_name, sign_up.email_verified))
            reply = _outcome(found)
            if reply.status in _STATUS.values():
                services.store.save_answer(name, id_, _kept(reply))
            return reply

    @contextmanager
    def _once(self, name: str, id_: str) -> Iterator[None]:
        """Raises RequestError while the same registration is in progress."""
        key = (name, id_)
        with self._lock:
            if key in self._running:
                raise RequestError(409, "this registration is in progress", Retry_After="5")
            self._running.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(key)


def _outcome(found: Registered) -> ApiReply:
    if found.outcome == "unsupported":
        return problem(501, "accounts cannot be created on this portal by its API")
    if found.outcome == "unavailable":
        return problem(_UNAVAILABLE, "nothing is written to this portal now", Retry_After="60")
    status = _STATUS[found.outcome]
    word = "approved" if found.outcome == "already" else found.outcome
    return ApiReply(status, RegistrationAnswer(word, found.teams), result=found.outcome)


def _kept(reply: ApiReply) -> str:
    assert isinstance(reply.body, RegistrationAnswer)  # noqa: S101 (problems are not kept)
    return json.dumps({"http": reply.status, "status": reply.body.status, "teams": reply.body.teams})


def _repeated(answer: str) -> ApiReply:
    kept = json.loads(answer)
    return ApiReply(kept["http"], RegistrationAnswer(kept["status"], tuple(kept["teams"])), result="repeated")


def _event(services: Services, request: ApiRequest) -> ApiReply:
    view = portal_of(services, request)
    data = request.body.data
    email = data.email if data is not None else None
    if email is not None and normal_address(email) is None:
        raise RequestError(400, f"data.{_NO_ADDRESS}")
    if not services.store.first_seen("event", view.name, request.message_id, services.clock()):
        return ApiReply(202, Accepted(), result="repeated")
    services.hub.wake(view.name, "event")
    return ApiReply(202, Accepted())


def _decision(services: Services, request: ApiRequest) -> ApiReply:
    name, address = portal_of(services, request).name, normal_address(request.params["address"])
    if address is None:
        raise RequestError(400, "not a valid e-mail address")
    found = services.hub.decision(name, address)
    if found is None:
        raise RequestError(404, "the manifest has no such portal")
    return ApiReply(200, DecisionAnswer(found.status, found.teams, found.why))


def endpoints() -> tuple[Endpoint, ...]:
    """Return the endpoints, which count the registrations of this application."""
    unknown = {404: ("The manifest has no such portal.", None)}
    return (
        Endpoint(
            "POST",
            "/v1/portals/{name}/events",
            "events",
            "Wake a portal: something happened there",
            _event,
            {202: ("Accepted; an id that was seen in the last 24 h does nothing.", Accepted), **unknown},
            credential="event",
            body=EventBody,
        ),
        Endpoint(
            "POST",
            "/v1/portals/{name}/registrations",
            "registrations",
            "Register a developer, and wait for the outcome",
            Registrations().register,
            {
                200: ("The developer was approved already.", RegistrationAnswer),
                201: ("The developer is approved.", RegistrationAnswer),
                202: ("The account awaits a decision.", RegistrationAnswer),
                403: ("Denied by a rule, or revoked or rejected on the portal before.", RegistrationAnswer),
                409: ("The same registration is in progress.", Problem),
                501: ("The portal takes no registrations.", None),
                503: ("Nothing is written to the portal now.", None),
                **unknown,
            },
            credential="registration",
            body=RegistrationBody,
            slow=True,
        ),
        Endpoint(
            "GET",
            "/v1/portals/{name}/decisions/{address:path}",
            "decisions",
            "Show what the rules decide about an address, and its live status",
            _decision,
            {200: ("The decision.", DecisionAnswer), 503: ("The portal cannot be read now.", None), **unknown},
            roles=REGISTRARS,
            slow=True,
        ),
    )
