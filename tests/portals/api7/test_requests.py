"""Whose a request for access to a product is: what is not provable is nobody's."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.portals.api7.access_requests import requests_of
from portalctl.portals.api7.approvals import Place
from portalctl.portals.api7.records import Approval, DeveloperRecord

PLACE = Place("p1", "Partners", unique=True)
ANN = DeveloperRecord("i-ann", "org_ann", "ann", "Ann", "ann@x.com", state="Active")
EVE = DeveloperRecord("i-eve", "orders", "orders", "Orders", "eve@x.com", state="Active")  # called as a product is


def owner(*developers: DeveloperRecord, **fields: Any) -> tuple[str | None, list[str]]:
    """Whose the one request is taken for, and what is remarked."""
    settings = {"resource_id": "orders", "resource_name": "Orders", "portal_id": "p1", **fields}
    asked = Approval("a1", "api_product_subscription", "pending", "api_product", **settings)
    found, remarks = requests_of(PLACE, developers, [asked])
    assert all((finding.product, finding.product_id) == ("Orders", "orders") for finding in found)
    return (found[0].developer_id if found else None), [remark.code for remark in remarks]


@pytest.mark.parametrize(
    "fields", [{"applicant_id": "i-ann"}, {"applicant_id": "org_ann"}, {"applicant_name": "Ann"}]
)
def test_it_is_the_applicants_and_never_that_of_who_is_called_as_the_product(fields: dict[str, str]) -> None:
    assert owner(ANN, EVE, **fields) == ("org_ann", [])
    assert owner(EVE, **fields) == (None, ["unowned_request"])


def test_who_asked_can_be_nobody_for_certain() -> None:
    namesake = DeveloperRecord("i-bob", "org_bob", name="Ann", state="Pending")
    assert owner(ANN, namesake, applicant_name="Ann") == (None, ["unowned_request"])
    assert owner(ANN, EVE) == (None, ["unowned_request"])


def test_a_request_that_names_no_portal_is_told() -> None:
    assert owner(ANN, applicant_id="i-ann", portal_id=None) == (None, ["unowned_request"])


def test_requests_of_another_portal_are_not_spoken_of() -> None:
    assert owner(ANN, applicant_id="i-ann", portal_id="p2") == (None, [])
