"""`list portals --live`: the portals on the servers, with or without a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from portalctl.simulator.api7.server import Api7Simulator
from tests.conftest import PORTAL_ID, Bench, portalctl

OTHER = "00000000-0000-4000-8000-000000000000"


def env(bench: Bench) -> dict[str, str]:
    return {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_manifest_it_lists_ids_and_names_that_import_takes(bench: Bench) -> None:
    bench.folder.rmdir()
    bench.sim.store.add_portal("a\x1b[31m", id=OTHER)
    bench.sim.store.add_portal("old", classic=True)
    done = portalctl("list", "portals", "--live", env=env(bench))
    assert done.code == 0, done.err
    assert f"{PORTAL_ID}  'partners', 'Partners'" in done.out
    assert "konnect at http://127.0.0.1" in done.out
    assert "'old'" in done.out
    assert "konnect-v2 at" in done.out
    assert "\x1b" not in done.out
    assert bench.writes == []
    assert all(read.partition("?")[0].endswith("/portals") for read in bench.reads)
    only = portalctl("list", "portals", "--live", "--provider", "konnect", "-o", "json", env=env(bench)).json
    assert only["kind"] == "live_portals"
    assert {portal["id"] for portal in only["portals"]} == {PORTAL_ID, OTHER}
    assert {portal["declared"] for portal in only["portals"]} == {None}


def test_with_a_manifest_it_says_which_are_declared(bench: Bench) -> None:
    bench.manifest("")
    bench.sim.store.add_portal("other", id=OTHER)
    (found,) = [
        portal
        for portal in portalctl("list", "portals", "--live", "-o", "json", env=env(bench)).json["portals"]
        if portal["declared"]
    ]
    assert (found["id"], found["declared"]) == (PORTAL_ID, "partners")
    text = (bench.folder / "partners.yaml").read_text().replace(f"id: {PORTAL_ID}", "title: other")
    (bench.folder / "partners.yaml").write_text(text)
    assert "'other'" in portalctl("list", "portals", "portals", "--live", env=env(bench)).out.splitlines()[0]
    assert ", in the manifest as partners" in portalctl("list", "portals", "--live", env=env(bench)).out


def test_api7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Api7Simulator() as sim:
        sim.store.add_portal("portal-9", "Fans")
        done = portalctl("list", "portals", "--live", env={"API7_SERVER": sim.url, "API7_TOKEN": sim.token})
    assert (done.code, done.out.split()[:3]) == (0, ["portal-9", "'Fans'", "api7"])


def test_more_portals_than_one_page(bench: Bench) -> None:
    for number in range(120):
        bench.sim.store.add_portal(f"portal-{number}")
    words = ("list", "portals", "--live", "--provider", "konnect", "-o", "json")
    assert len(portalctl(*words, env=env(bench)).json["portals"]) == 121


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (("--live",), {}, "Set KONNECT_TOKEN or API7_TOKEN"),
        (("--live", "--provider", "konnect"), {"KONNECT_TOKEN": "x"}, "Pass --region"),
        (("--region", "eu"), {}, "--region requires --live"),
        (("--live", "--provider", "konect"), {}, "did you mean"),
    ],
)
@pytest.mark.usefixtures("empty")
def test_what_is_missing_is_told(words: tuple[str, ...], variables: dict[str, str], said: str) -> None:
    done = portalctl("list", "portals", *words, env=variables)
    assert (done.code, said.lower() in done.err.lower()) == (64, True), done.err


def test_a_wrong_token_is_an_error(bench: Bench) -> None:
    done = portalctl("list", "portals", "--live", env=env(bench) | {"KONNECT_TOKEN": "wrong"})
    assert (done.code, "401" in done.err, done.out) == (1, True, "")
