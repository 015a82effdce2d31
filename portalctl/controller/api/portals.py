"""Endpoints about portals: their state and runs, suspension, wake-ups, and the lease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from portalctl.controller.access import OPERATORS, READERS
from portalctl.controller.api.bodies import (
    Accepted,
    HeldItem,
    LeaseAnswer,
    LeaseRequest,
    PortalItem,
    PortalList,
    RunItem,
    RunList,
    SuspendBody,
    SuspensionItem,
)
from portalctl.controller.api.endpoint import (
    ApiReply,
    ApiRequest,
    Endpoint,
    RequestError,
    Services,
    name_of,
    portal_of,
)
from portalctl.controller.models import PortalKey, PortalView, RunRecord, Suspension
from portalctl.output.masks import Mask
from portalctl.times import rfc3339

LEASE_SECONDS: Final = 20
DEFAULT_RUNS: Final = 50
MAX_RUNS: Final = 500
_UNKNOWN: Final = {404: ("The manifest has no such portal.", None)}


def _portals(services: Services, request: ApiRequest) -> ApiReply:
    mask = mask_for(services, request)
    return ApiReply(200, PortalList(tuple(_portal_item(view, mask) for view in services.hub.portals())))


def _runs(services: Services, request: ApiRequest) -> ApiReply:
    mask, name = mask_for(services, request), portal_of(services, request).name
    runs = services.store.runs(name, limit_of(request, DEFAULT_RUNS, MAX_RUNS))
    return ApiReply(200, RunList(tuple(_run_item(run, mask) for run in runs)))


def suspend(services: Services, request: ApiRequest) -> ApiReply:
    """Suspend a portal. The body is a SuspendBody."""
    view, now = portal_of(services, request), services.clock()
    expires = _expiry(request.body.expires, now)
    suspension = Suspension(request.body.reason, name_of(request), now, expires)
    services.store.suspend(view.key or view.name, suspension)
    services.hub.wake(view.name, "manual")
    return ApiReply(200, _suspension_item(suspension, None))


def resume(services: Services, request: ApiRequest) -> ApiReply:
    """End the suspension of a portal, and trust it."""
    view = portal_of(services, request)
    services.store.resume(view.key or view.name, name_of(request), services.clock())
    services.hub.wake(view.name, "manual")
    return ApiReply(200, Accepted())


def reconcile(services: Services, request: ApiRequest) -> ApiReply:
    """Ask for a run of a portal."""
    services.hub.wake(portal_of(services, request).name, "manual")
    return ApiReply(202, Accepted())


def _lease(services: Services, request: ApiRequest) -> ApiReply:
    view, now = portal_of(services, request), services.clock()
    key = _key_of(view)
    if services.store.suspension(key, now) is not None:
        raise RequestError(409, "the portal is suspended; resume it first")
    holder = _holder(request, request.body.holder)
    take = services.store.renew_lease if request.body.renew else services.store.take_lease
    now = services.store.time()
    lease = take(key, holder, LEASE_SECONDS, now)
    if lease is None:
        other = services.store.lease(key, now)
        by = f"{other.holder.partition(':')[0]} writes to this portal" if other is not None else "the lease has ended"
        raise RequestError(409, by, Retry_After="2")
    answer = LeaseAnswer(request.body.holder, LEASE_SECONDS, rfc3339(lease.expires), key.server, key.portal_id)
    return ApiReply(200, answer)


def _release(services: Services, request: ApiRequest) -> ApiReply:
    key = _key_of(portal_of(services, request))
    services.store.release_lease(key, _holder(request, request.query.get("holder", "")))
    return ApiReply(200, Accepted())


def _key_of(view: PortalView) -> PortalKey:
    if view.key is None:
        raise RequestError(503, "the portal was not read yet", Retry_After="5")
    return view.key


def _holder(request: ApiRequest, chosen: str) -> str:
    """Return the holder of a lease: no user can renew or release that of another."""
    return f"{name_of(request)}:{chosen}"


def _expiry(text: str | None, now: datetime) -> datetime | None:
    """Return the time when a suspension ends. Raises RequestError."""
    if text is None:
        return None
    try:
        expires = datetime.fromisoformat(text)
        if len(text) == len("2026-12-31"):
            expires = expires.replace(tzinfo=UTC) + timedelta(days=1)
        if expires.tzinfo is None:
            raise ValueError
        expires = expires.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(400, "expires: not a valid time; expected a day or RFC 3339 with a time zone") from None
    if expires <= now:
        raise RequestError(400, "expires: in the past")
    return expires


def mask_for(services: Services, request: ApiRequest) -> Mask | None:
    """Return the mask for what the sender reads; None for one who sees addresses."""
    return None if request.caller is not None and request.caller.unmasked else services.mask()


def limit_of(request: ApiRequest, default: int, most: int) -> int:
    """Return the number of rows that are asked for. Raises RequestError."""
    text = request.query.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 6 or not 1 <= int(text) <= most:
        raise RequestError(400, f"limit: expected a number from 1 to {most}")
    return int(text)


def time_of(moment: datetime | None) -> str | None:
    """Return a time as answers have it."""
    return rfc3339(moment, "milliseconds") if moment is not None else None


def _portal_item(view: PortalView, mask: Mask | None) -> PortalItem:
    held = view.held
    return PortalItem(
        name=view.name,
        provider=view.provider,
        mode=view.mode,
        state=view.state,
        last_run=time_of(view.last_run),
        next_run=time_of(view.next_run),
        commit=view.commit,
        held=HeldItem(held.digest, rfc3339(held.started_at), rfc3339(held.expires)) if held is not None else None,
        suspension=_suspension_item(view.suspension, mask) if view.suspension is not None else None,
        problems=tuple(hidden(text, mask) for text in view.problems),
        drift=dict(view.drift) if view.drift is not None else None,
        pending=view.pending,
        oldest_pending=time_of(view.oldest_pending),
        contested=view.contested,
    )


def _suspension_item(suspension: Suspension, mask: Mask | None) -> SuspensionItem:
    return SuspensionItem(
        hidden(suspension.reason, mask),
        hidden(suspension.by, mask),
        rfc3339(suspension.started_at),
        time_of(suspension.expires),
    )


def _run_item(run: RunRecord, mask: Mask | None) -> RunItem:
    return RunItem(
        id=run.id,
        trigger=run.trigger,
        mode=run.mode,
        state=run.state,
        started_at=rfc3339(run.started_at, "milliseconds"),
        ended_at=time_of(run.ended_at),
        commit=run.commit,
        digest=run.digest,
        confirmed=run.counts.confirmed,
        failed=run.counts.failed,
        skipped=run.counts.skipped,
        unknown=run.counts.unknown,
        detail=hidden(run.detail, mask) if run.detail is not None else None,
        approver=hidden(run.approver, mask) if run.approver is not None else None,
        writer=hidden(run.writer, mask),
    )


def hidden(text: str, mask: Mask | None) -> str:
    """Return a text, with its addresses masked where there is a mask."""
    return text if mask is None else mask.text(text)


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/portals",
        "portals",
        "List the portals of the manifest with their state",
        _portals,
        {200: ("The portals.", PortalList)},
        roles=READERS,
    ),
    Endpoint(
        "GET",
        "/v1/portals/{name}/runs",
        "runs",
        "List the runs of a portal, the newest first",
        _runs,
        {200: ("The runs.", RunList), **_UNKNOWN},
        roles=READERS,
    ),
    Endpoint(
        "POST",
        "/v1/portals/{name}/suspend",
        "suspend",
        "Stop writing to a portal",
        suspend,
        {200: ("The suspension.", SuspensionItem), **_UNKNOWN},
        roles=OPERATORS,
        body=SuspendBody,
    ),
    Endpoint(
        "POST",
        "/v1/portals/{name}/resume",
        "resume",
        "Write to a portal again, and trust it",
        resume,
        {200: ("The portal is resumed.", Accepted), **_UNKNOWN},
        roles=OPERATORS,
    ),
    Endpoint(
        "POST",
        "/v1/portals/{name}/reconcile",
        "reconcile",
        "Ask for a run of a portal now",
        reconcile,
        {202: ("A run will begin.", Accepted), **_UNKNOWN},
        roles=OPERATORS,
    ),
    Endpoint(
        "POST",
        "/v1/portals/{name}/lease",
        "lease",
        "Take or renew the right to write to a portal",
        _lease,
        {
            200: ("The lease.", LeaseAnswer),
            409: ("Another writer has it, or the portal is suspended.", None),
            **_UNKNOWN,
        },
        roles=OPERATORS,
        body=LeaseRequest,
    ),
    Endpoint(
        "DELETE",
        "/v1/portals/{name}/lease",
        "lease",
        "Release the right to write to a portal",
        _release,
        {200: ("The lease is released.", Accepted), **_UNKNOWN},
        roles=OPERATORS,
    ),
)
