"""The parts of the page that are pure or only ask the database: chart, directories, sessions, numbers over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portalctl.controller.directory_views import directory_views
from portalctl.controller.models import DeveloperCounts, DirectoryView, GroupUse, PortalKey, Reading, RunRecord
from portalctl.controller.page.chart import HEIGHT, PERIOD, WIDTH, chart_of
from portalctl.controller.store import Store
from portalctl.controller.turn import RunOutcome
from portalctl.errors import Position
from portalctl.manifest.group_rules import TrustedGroup
from portalctl.manifest.model import Directory, PortalManifest
from portalctl.reason import Reason
from tests.controller.api_world import api
from tests.controller.page_visit import Visitor
from tests.controller.records import KEY, NOW

HOUR = timedelta(hours=1)


def counts(*values: tuple[float, int, int]) -> list[DeveloperCounts]:
    return [DeveloperCounts(NOW - HOUR * hours, pending, approved) for hours, pending, approved in values]


def points(path: str) -> list[tuple[float, float]]:
    """Return the corners of a path of M, H and V."""
    x, y = map(float, path.partition("H")[0].removeprefix("M").split())
    found = [(x, y)]
    for part in path.partition("H")[2].split("H"):
        across, _, down = part.partition("V")
        x = float(across)
        found.append((x, y))
        if down:
            y = float(down)
            found.append((x, y))
    return found


def test_no_numbers_are_no_chart() -> None:
    assert chart_of([], NOW) is None


def test_a_chart_has_a_step_where_the_numbers_change() -> None:
    chart = chart_of(counts((10, 0, 5), (5, 4, 5), (0, 1, 8)), NOW)
    assert chart is not None
    pending, approved = chart.lines
    assert (pending.first, pending.least, pending.most, pending.last) == (0, 0, 4, 1)
    assert (approved.first, approved.least, approved.most, approved.last) == (5, 5, 8, 8)
    low, high = HEIGHT - 1, 1.0
    assert points(pending.path)[:4] == [(0, low), (WIDTH / 2, low), (WIDTH / 2, high), (WIDTH, high)]
    assert chart.since == NOW - 10 * HOUR


@pytest.mark.parametrize("hours", [[0], [0.0001], [5000], [900, 3], [5000, 800, 0]])
def test_a_chart_stays_in_its_box(hours: list[float]) -> None:
    chart = chart_of(counts(*((hour, 3, 1_000_000) for hour in hours)), NOW)
    assert chart is not None
    assert chart.since >= NOW - PERIOD
    for line in chart.lines:
        corners = points(line.path)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners)
        assert (corners[0][0], corners[-1][0]) == (0, WIDTH)


def test_the_figures_by_day_are_those_of_its_end() -> None:
    day = datetime(2026, 6, 1, 23, tzinfo=UTC)
    found = chart_of(
        [DeveloperCounts(day - HOUR, 1, 1), DeveloperCounts(day, 2, 1), DeveloperCounts(day + HOUR, 3, 1)], day
    )
    assert found is not None
    assert found.days == (("2026-06-02", 3, 1), ("2026-06-01", 2, 1))


def reading(at: datetime, **statuses: int) -> Reading:
    return Reading({f"{status}-{n}": status for status, count in statuses.items() for n in range(count)}, 1, at)


def test_numbers_of_developers_are_kept_where_they_change(store: Store) -> None:
    other = PortalKey(KEY.server, "other")
    for key in (KEY, other):
        store.meet(key, key.portal_id, "konnect", NOW)
    store.save_reading(other, reading(NOW, pending=9))
    for hours, pending in ((0, 1), (1, 1), (2, 2), (2.5, 5), (30, 0)):
        store.save_reading(KEY, reading(NOW + hours * HOUR, pending=pending, approved=3, revoked=1))
    assert [(found.pending, found.approved) for found in store.developer_counts(KEY, NOW - HOUR)] == [
        (1, 3),
        (5, 3),
        (0, 3),
    ]
    later = store.developer_counts(KEY, NOW + 20 * HOUR)
    assert [(found.at, found.pending) for found in later] == [(NOW + 2.5 * HOUR, 5), (NOW + 30 * HOUR, 0)]
    store.prune(NOW + timedelta(days=401))
    assert [found.pending for found in store.developer_counts(KEY, NOW - HOUR)] == [0]


def test_sessions_end(store: Store) -> None:
    store.start_session("a", "salt-a", NOW)
    store.start_session("b", "salt-b", NOW)
    assert store.session("c", NOW) is None
    assert store.session("a", NOW + 0.9 * HOUR) == "salt-a"
    assert store.session("a", NOW + 1.8 * HOUR) == "salt-a"
    assert store.session("b", NOW + 1.8 * HOUR) is None
    for step in range(3, 8):
        assert store.session("a", NOW + 0.9 * step * HOUR) == "salt-a"
    assert store.session("a", NOW + 8 * HOUR) is None
    store.start_session("d", "salt-d", NOW)
    store.end_session("d")
    assert store.session("d", NOW) is None


WHY = Reason("trusted_groups", "x", "portals/partners.yaml", 3)


def portal(name: str, *groups: str) -> PortalManifest:
    rules = tuple(TrustedGroup(directory="corp", group=group, why=WHY) for group in groups)
    directories = {"corp": Directory("corp", "ldap", WHY)}
    return PortalManifest(name, "konnect", Position("x.yaml", 1, 1), trusted_groups=rules, directories=directories)


def outcome(**facts: Any) -> RunOutcome:
    return RunOutcome(RunRecord("1", "partners", "start", "observe", "succeeded", NOW), **facts)


def test_a_directory_is_shown_as_the_newest_run_of_any_portal_has_read_it() -> None:
    portals = {"one": portal("one", "eng", "sales"), "two": portal("two", "eng"), "three": portal("three", "ops")}
    old = outcome(group_times={"corp": NOW - HOUR}, group_sizes={("corp", "eng"): 1, ("corp", "sales"): 7})
    new = outcome(group_times={"corp": NOW}, group_sizes={("corp", "eng"): 2})
    failed = outcome(unread={"corp": "no answer"})
    (view,) = directory_views(portals, {"one": old, "two": new, "three": failed})
    assert (view.name, view.kind, view.problems) == ("corp", "ldap", {"three": "no answer"})
    assert view.groups == (
        GroupUse("eng", ("one", "two"), 2, NOW),
        GroupUse("ops", ("three",)),
        GroupUse("sales", ("one",), 7, NOW - HOUR),
    )


@pytest.mark.slow  # starts a server
def test_the_page_of_directories_names_what_cannot_be_read(tmp_path: Path) -> None:
    with api(tmp_path) as world:
        group = GroupUse("eng", ("partners",), 1234, datetime.now(UTC))
        problems = {"partners": "<b> no answer for ann@example.com"}
        world.hub.directory_views = (
            DirectoryView("corp", "ldap", (group, GroupUse("ops", ("partners",))), problems),
        )
        visitor = Visitor(world)
        visitor.sign_in("viewer")
        shown = visitor.text("/directories")
    assert "eng 1,234 just now partners" in shown
    assert "ops unknown not read yet partners" in shown
    assert "partners: <b> no answer for dev-" in shown
