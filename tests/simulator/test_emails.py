"""The simulated portal's e-mail templates and sender."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.seedfile import SeedError
from portalctl.simulator.server import Simulator
from tests.simulator.client import BASE, ERLING, PORTAL, Client, invalid

pytestmark = pytest.mark.slow

APPROVED = "account-access-approved"


def test_a_template_that_is_off_sends_nothing(demo: Client) -> None:
    assert demo.get(f"{BASE}/email-templates").json() == {"data": []}
    assert demo.get(f"{BASE}/email-templates/{APPROVED}").json()["enabled"] is True
    changed = demo.patch(f"{BASE}/email-templates/{APPROVED}", {"enabled": False}).json()
    assert demo.get(f"{BASE}/email-templates").json()["data"] == [
        demo.get(f"{BASE}/email-templates/{APPROVED}").json()
    ]
    assert (changed["name"], changed["enabled"], changed["content"]) == (APPROVED, False, None)
    demo.patch(f"{BASE}/developers/{ERLING}", {"status": "approved"})
    assert demo.simulator.store.mails() == []
    demo.patch(f"{BASE}/email-templates/{APPROVED}", {"enabled": True})
    demo.patch(f"{BASE}/developers/{ERLING}", {"status": "approved"})
    assert [mail["template"] for mail in demo.simulator.store.mails()] == [APPROVED]


def test_what_is_not_there_or_wrong(demo: Client) -> None:
    assert demo.get(f"{BASE}/email-config").status_code == 404
    assert demo.get(f"{BASE}/email-templates/birthday").status_code == 404
    assert invalid(demo.patch(f"{BASE}/email-templates/{APPROVED}", {"enabled": "no"})) == [("enabled", "is_boolean")]
    demo.simulator.store.set_email_config(PORTAL, from_name="Soccer", from_email="a@x.example", reply_to_email="")
    assert demo.get(f"{BASE}/email-config").json()["from_name"] == "Soccer"


def test_the_list_may_have_all() -> None:
    with Simulator(seed="demo", behaviour=Behaviour(email_templates="all")) as sim, Client(sim) as client:
        rows = client.get(f"{BASE}/email-templates").json()["data"]
    assert all(row["enabled"] for row in rows)
    assert APPROVED in [row["name"] for row in rows]


def test_a_seed_names_templates() -> None:
    with (
        Simulator(seed={"portals": [{"name": "p", "id": PORTAL, "email_templates": {APPROVED: False}}]}) as sim,
        Client(sim) as client,
    ):
        (row,) = client.get(f"{BASE}/email-templates").json()["data"]
    assert row["enabled"] is False
    wrong: list[Any] = [{"birthday": True}, {APPROVED: "no"}, []]
    for emails in wrong:
        with pytest.raises(SeedError, match="`email_templates` has true or false for each of"):
            Simulator(seed={"portals": [{"name": "p", "email_templates": emails}]})
