"""Portals full of odd names, for what has to cope with any of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from portalctl.portals.models import Developer, Settings, Snapshot, Team
from tests.changes.build import snapshot
from tests.output.hostile import HOSTILE

NAMES = [
    *HOSTILE,
    "null",
    "no",
    "1e3",
    "0x1",
    "~",
    "- a",
    "a: b",
    "a #b",
    "*x",
    "&x",
    "x\\ud800",
    "\\Uffffffff",
    "é" * 250,
]
ADDRESSES = [
    *("ann@x.com", "ann+2@x.com", "ANN@X.com", "bob@x.com", "bob+@x.com", "null@x.com", "#a@x.com", "*a@x.com"),
    *(
        "&a@x.com",
        "`a@x.com",
        "{a}@x.com",
        "-@x.com",
        "'@x.com",
        "%a@x.com",
        "1@1.e5.com",
        "zoë@x.com",
        "ann@bücher.de",
    ),
    *("ann@xn--bcher-kva.de", "ann@gmail.com", "bob@gmail.com", "ann@github.io", "<ann@x.com>", '"ann@x.com"@y.com'),
    *("ann@x.com\n- developer: evil@y.com", "a\u202e@x.com", "x\\ud800@y.com", "# a", "", "@", "bob@y.com@x.com"),
]
names = st.sampled_from(NAMES) | st.text(min_size=1, max_size=20)
addresses = st.sampled_from(ADDRESSES) | st.text(max_size=20)
statuses = st.sampled_from(["approved", "approved", "pending", "revoked", "rejected", "asleep"])


@st.composite
def odd_portals(draw: st.DrawFn) -> Snapshot:
    """People with any address, or none, in teams of any name."""
    count = draw(st.integers(0, 12))
    developers = [
        Developer(f"p{index}", draw(addresses | st.none()), draw(statuses), full_name=draw(names))
        for index in range(count)
    ]
    live_teams = [
        Team(f"t-{index}", name, draw(names | st.none()))
        for index, name in enumerate(draw(st.lists(names, max_size=4)))
    ]
    read = snapshot(
        *developers, settings=draw(st.builds(Settings, team_mapping=st.sampled_from([None, False, True])))
    )
    members = {
        team.id: frozenset(draw(st.sets(st.sampled_from(developers).map(lambda item: item.id))))
        if developers
        else frozenset()
        for team in live_teams
    }
    return replace(read, teams=tuple(live_teams), members=members)
