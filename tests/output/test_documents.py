"""Documents: one envelope, one table of forms, a schema and a parser for each."""

from __future__ import annotations

import json
from pathlib import Path

import cmarkgfm
import jsonschema
import pytest

from portalctl.errors import InputError
from portalctl.output.documents import MODELS, read, schema, to_json
from portalctl.output.forms import COMMON, FORMS, forms
from tests.conftest import Bench, portalctl
from tests.output.reading import read as read_page
from tests.output.reading import rendered

RULES = """
trusted_domains:
  - {domain: city.example, teams: [city]}
teams:
  - name: city
overrides:
  - {developer: gone@city.example, status: revoked, reason: Left}
"""
HOW = {
    "plan": ("plan",),
    "drift": ("drift",),
    "explanation": ("explain", "ann@city.example"),
    "access": ("report", "access"),
    "ping": ("ping",),
    "validation": ("validate",),
    "portals": ("list", "portals"),
    "report": ("apply", "--yes"),
}


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["ann@city.example"], approved=["gone@city.example", "<img>```x@y.example"])
    bench.manifest(RULES)
    return bench


def printed(club: Bench, kind: str, form: str) -> str:
    command, *words = HOW[kind]
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    done = portalctl(command, *words, "-f", "portals", "-o", form, env=env)
    assert done.code in {0, 2}, done.err
    return done.out


@pytest.mark.parametrize("kind", HOW)
def test_a_document_has_one_envelope_a_schema_and_a_parser(club: Bench, kind: str) -> None:
    text = printed(club, kind, "json")
    given = json.loads(text)
    assert list(given)[:3] == ["version", "kind", "generator"]
    assert (given["version"], given["kind"]) == (1, kind)
    jsonschema.Draft202012Validator(schema(kind)).validate(given)
    assert to_json(read(text.encode(), "x.json")) == text
    broken = json.loads(text) | {"generator": 3}
    with pytest.raises(InputError, match=r"."):
        read(json.dumps(broken).encode(), "x.json")


@pytest.mark.parametrize("kind", ["plan", "report", "ping", "validation"])
def test_show_prints_what_the_command_printed(club: Bench, kind: str) -> None:
    saved = printed(club, kind, "json")
    Path("saved.json").write_text(saved)
    assert portalctl("show", "saved.json", "-o", "json").out == saved
    for form in forms(kind):
        shown = portalctl("show", "saved.json", "-o", form)
        assert (shown.code, bool(shown.out.strip())) == (0, kind != "validation" or form != "github"), form
        if form == "markdown":
            assert "<img" not in cmarkgfm.github_flavored_markdown_to_html(shown.out)


@pytest.mark.parametrize("kind", HOW)
def test_every_document_has_the_common_forms(club: Bench, kind: str) -> None:
    for form in COMMON[2:]:
        text = printed(club, kind, form) if kind != "report" else "report"
        assert text.strip()
        assert "<img" not in (text if form == "html" else cmarkgfm.github_flavored_markdown_to_html(text))


def test_every_document_has_forms() -> None:
    assert MODELS.keys() == FORMS.keys()


def test_an_apply_prints_its_report_alone(club: Bench) -> None:
    done = club.run("apply", "--yes", "-o", "json")
    assert (done.code, json.loads(done.out)["kind"]) == (0, "report")
    assert "ann@city.example" in done.err


def test_a_form_that_a_document_does_not_have_is_an_error(club: Bench) -> None:
    Path("ping.json").write_text(printed(club, "ping", "json"))
    done = portalctl("show", "ping.json", "-o", "csv")
    assert (done.code, "'csv' is not a valid form of ping" in done.err) == (64, True)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"kind": "plan"}', b'{"version": 1, "kind": "nothing"}', b"\xff"])
def test_anything_else_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    done = portalctl("show", str(tmp_path / "x.json"))
    assert (done.code, "x.json" in done.err) == (65, True)


def test_an_edited_plan_is_shown_with_a_warning(club: Bench) -> None:
    Path("plan.json").write_text(printed(club, "plan", "json").replace("city.example", "town.example"))
    done = portalctl("show", "plan.json")
    assert (done.code, "the plan was edited" in done.err) == (0, True)


@pytest.mark.parametrize("kind", HOW)
@pytest.mark.parametrize("form", ["markdown", "html"])
def test_what_strangers_typed_is_inert_in_every_document(bench: Bench, kind: str, form: str) -> None:
    bench.people(
        pending=[f"<script>alert({number})</script>@city.example" for number in range(3)],
        approved=["ann@city.example", "[x](https://evil.example)@x.example", "a\u202eb@x.example"],
    )
    bench.manifest(RULES)
    text = printed(bench, kind, form)
    page = rendered(text) if form == "markdown" else read_page(text)
    assert not page.tags & {"a", "img", "iframe"}
    assert not [attrs for _, attrs in page.elements if any(name.startswith("on") for name in attrs)]
    assert [tag for tag, _ in page.elements if tag == "script"] in ([], ["script"])
    assert "\u202e" not in text
    if form == "html":
        assert "<script>alert" not in text
