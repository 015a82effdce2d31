"""The simulated organisation's audit log, its pages, and the principals in it."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.konnect.service import OWNER
from portalctl.simulator.server import Simulator
from tests.simulator.client import BASE, ERLING, NOBODY, PORTAL, Client, invalid

pytestmark = pytest.mark.slow

LOG = "/v3/audit-logs"


def test_writes_are_logged_with_their_principal(demo: Client) -> None:
    demo.get(BASE)
    demo.patch(f"{BASE}/developers/{ERLING}", {"status": "approved"})
    demo.patch(f"{BASE}/developers/{NOBODY}", {"status": "approved"})
    newest, first = demo.get(LOG).json()["data"]
    assert (first["method"], first["uri"], first["status_code"]) == ("PATCH", f"{BASE}/developers/{ERLING}", 200)
    assert (first["principal_id"], first["portal_id"], newest["status_code"]) == (OWNER, PORTAL, 404)
    assert demo.get(f"/v3/system-accounts/{OWNER}").json()["name"] == "automation"
    assert demo.get(f"/v3/users/{OWNER}").status_code == 404
    anna = demo.simulator.store.add_principal("Anna", "kpat_anna")
    with Client(demo.simulator, token="kpat_anna") as client:  # of a simulated portal
        client.patch(f"{BASE}/developers/{ERLING}", {"status": "pending"})
    assert demo.get(LOG).json()["data"][0]["principal_id"] == anna
    assert demo.get(f"/v3/users/{anna}").json()["full_name"] == "Anna"


@pytest.mark.parametrize("paging", ["numbers", "cursors"])
def test_pages_have_every_entry_once(paging: Any) -> None:
    with Simulator(seed="demo", behaviour=Behaviour(audit_log=paging)) as sim, Client(sim) as client:
        for number in range(5):
            sim.store.add_log_entry(
                ts=f"2026-06-15T08:00:0{number}.000Z", method="PATCH", uri="/v3/x", status_code=200
            )
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            answer = client.get(LOG, **{"page[size]": "2", "filter[ts][gte]": "2026-06-15T08:00:01Z"}, **more).json()
            found += [row["ts"] for row in answer["data"]]
            page = answer["meta"]["page"]
            if paging == "numbers" and page["number"] * page["size"] < page["total"]:
                more = {"page[number]": str(page["number"] + 1)}
            elif page.get("next"):
                more = {"page[after]": page["next"].partition("page[after]=")[2]}
            else:
                break
    assert found == [f"2026-06-15T08:00:0{number}.000Z" for number in (4, 3, 2, 1)]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"page[size]": "1001"}, ("page[size]", "max")),
        ({"page[size]": "x"}, ("page[size]", "is_number")),
        ({"filter[ts][gte]": "yesterday"}, ("filter[ts][gte]", "is_date_time")),
        ({"sort": "ts"}, ("sort", "unknown_property")),
        ({"page[after]": "x"}, ("page[after]", "unknown_property")),
    ],
)
def test_a_wrong_query_is_refused(demo: Client, query: dict[str, str], wrong: tuple[str, str]) -> None:
    assert invalid(demo.get(LOG, **query)) == [wrong]


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_the_log_may_be_refused(status: Any) -> None:
    with Simulator(seed="demo", behaviour=Behaviour(audit_log=status)) as sim, Client(sim) as client:
        assert client.get(LOG).status_code == int(status)
