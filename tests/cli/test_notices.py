"""What a plan says beside its changes."""

from __future__ import annotations

from tests.conftest import Bench


def test_sign_ups_from_a_look_alike_are_pointed_out_once_per_domain(bench: Bench) -> None:
    bench.people(
        pending=["a@examp1e.com", "b@examp1e.com", "c@exarnple.com", "d@other.org", "e@sub.example.com"],
        approved=["f@exampie.com"],
    )
    bench.manifest("trusted_domains: [example.com]\ndenied_domains: [exarnple.com]\n")
    done = bench.run("plan", "-o", "json")
    said = [n for n in done.json["portals"][0]["notices"] if n["code"] == "look_alike"]
    assert [(n["message"], n["file"], n["line"]) for n in said] == [
        ("examp1e.com (2 sign-ups) looks like trusted example.com", "portals/partners.yaml", 6)
    ]
    assert (
        "  Warnings\n    examp1e.com (2 sign-ups) looks like trusted example.com  portals/partners.yaml:6"
        in bench.run("plan", COLUMNS="120").out
    )
