"""Pending requests for access to APIs, and which of them rules approve. These rules never revoke anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portalctl.changes.difference import Difference, of_developer
from portalctl.changes.operations import ApproveRequest
from portalctl.changes.states import FoundRequest
from portalctl.identity import domain_of
from portalctl.manifest.model import AccessRule
from portalctl.portals.models import AccessRequest, Developer
from portalctl.rules.resolve import Decision
from portalctl.rules.rulebook import Rulebook

LET_IN = frozenset({"approved", "silent"})  # decisions


def approve_requests(
    book: Rulebook,
    requests: Iterable[AccessRequest],
    developers: Mapping[str, tuple[Developer, Decision, str]],
    result: Difference,
) -> None:
    """`developers` has, by id, the requesting developers: the decision, and the status that the plan leads to."""
    for request in requests:
        if request.developer_id not in developers:
            continue
        developer, decision, status = developers[request.developer_id]
        if status != "approved" or decision.verdict not in LET_IN or decision.blocked is not None:
            continue
        rule = next((rule for rule in book.now.access if _covers(rule, request, developer, decision)), None)
        if rule is not None:
            _approve(request, developer, rule, result)


def _covers(rule: AccessRule, request: AccessRequest, developer: Developer, decision: Decision) -> bool:
    if request.product not in rule.products and request.product_id not in rule.products:
        return False
    at_domain = developer.address is not None and domain_of(developer.address) in rule.domains
    return at_domain or not decision.teams.keys().isdisjoint(rule.teams)


def _approve(request: AccessRequest, developer: Developer, rule: AccessRule, result: Difference) -> None:
    before: FoundRequest = {
        "request_id": request.id,
        "application_id": request.application_id,
        "application": request.application_name,
        "product": request.product,
        "status": "pending",
    }
    result.changes.append(ApproveRequest(before=before, **of_developer(developer, [rule.why])))
