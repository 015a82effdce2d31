from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portalctl.directories.kinds import KINDS
from portalctl.errors import InputError
from portalctl.manifest.load import assemble
from portalctl.manifest.schema import SCHEMA_ID, manifest_schema
from portalctl.manifest.yaml_source import read
from tests.manifest.examples import API7, BROKEN, COMPLETE, ROOT, file

PUBLISHED = Path(__file__).parents[2] / "schemas" / "manifest.v1.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(manifest_schema(KINDS), format_checker=jsonschema.FormatChecker())


def fits(text: str) -> bool:
    source, _ = read("f.yaml", text.encode())
    assert source is not None
    return bool(VALIDATOR.is_valid(source.data))


def loads(text: str) -> bool:
    """Whether a file is right, in a portal where it may say all that it says."""
    files = [file(text)]
    if "portal: {" not in text:
        root = ROOT + "delegate: {portal.yaml: {all: true}}\n"
        files.append(file(root, "root.yaml"))
    try:
        assemble(files, lists=lambda _, path: file("developer\na@b.example\n", path))
    except InputError:
        return False
    return True


def test_the_published_schema_is_up_to_date() -> None:
    """To renew it: write `manifest_schema(KINDS)` there, as this test writes it."""
    assert PUBLISHED.read_text() == json.dumps(manifest_schema(KINDS), indent=2, ensure_ascii=False) + "\n"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(manifest_schema(KINDS))
    assert manifest_schema(KINDS)["$id"] == SCHEMA_ID == "urn:portalctl:schema:manifest:v1"


def test_a_complete_manifest_fits() -> None:
    assert list(VALIDATOR.iter_errors(read("f.yaml", COMPLETE.encode())[0].data)) == []  # type: ignore[union-attr]


FRAGMENT = "version: 1\nportal: partners\n"
PERSON = "{developer: a@b.example, reason: x, "


@pytest.mark.parametrize(
    "text",
    [
        ROOT,
        FRAGMENT + "denied_domains: [a.example]",
        ROOT + "delegate: {sub/other.yaml: {roots: true}}",
        FRAGMENT + "access_requests: [{products: [x], domains: [city.example], status: approved}]",
        API7,
        FRAGMENT,
        "version: 1\nportals: [partners]\n",
        ROOT + "trusted_domains: [bücher.example, {domain: b.example, expires: 2027-01-01}]",
        ROOT + "denied_domains: [a.example, {domain: b.example, subdomains: true, reason: x}]",
        ROOT + "teams: [{name: city, members: [a@b.example, {developer: c@d.example}]}]",
        ROOT + "teams: [{name: city, membership: idp}]",
        ROOT + "teams: [{name: city, members_from: lists/city.CSV}]",
        ROOT + "teams: [{name: city, members: [], members_from: {file: ../city.csv, column: developer}}]",
        ROOT + f"overrides: [{PERSON}teams: []}}]",
        ROOT + "delegate: {}",
        FRAGMENT + "teams: [{name: city}]\ntrusted_domains: [city.example]",
    ],
)
def test_what_loads_fits(text: str) -> None:
    assert loads(text)
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1",
        "[]",
        ROOT.replace("1", "2"),
        ROOT.replace("1", "true"),
        ROOT.replace("1", "'1'"),
        ROOT.replace("name: partners", "name: Partners"),
        ROOT.replace("title: Partners", "region: eu"),
        ROOT.replace("title: Partners", "title: x, id: 3f51fa25-310a-421d-bd1a-007f859021a3"),
        API7.replace("title", "region: eu, title"),
        ROOT + "portals: [staging]",
        "version: 1\nportals: []",
        ROOT + "policy: {limits: {removals: -1}}",
        ROOT + "policy: {limits: {team_percent: 101}}",
        ROOT + "policy: {reinstate: yes}",
        ROOT + "policy:",
        ROOT + "trusted_domains: [a@b.example]",
        ROOT + "trusted_domains: [{domain: a.example, expires: 2027-02-30}]",
        ROOT + "trusted_domains: [{domain: a.example, review_by: 20270201}]",
        ROOT + "trusted_domains: [{teams: []}]",
        ROOT + "denied_domains: [{domain: a.example, teams: []}]",
        ROOT + "teams: [{name: ' city'}]",
        ROOT + "teams: [{name: city, members: }]",
        ROOT + "teams: [{name: city, members: [city]}]",
        ROOT + "teams: [{name: city, membership: idp, members: []}]",
        ROOT + "teams: [{name: city, membership: idp, members_from: city.csv}]",
        ROOT + "teams: [{name: city, members_from: city.txt}]",
        ROOT + "teams: [{name: city, members_from: {column: developer}}]",
        ROOT + f"overrides: [{PERSON}}}]",
        ROOT + f"overrides: [{PERSON}status: gone}}]",
        ROOT + "overrides: [{developer: a@b.example, status: revoked}]",
        ROOT + "overrides: [{developer: a@b.example, status: revoked, reason: ' '}]",
        ROOT + "delegate: {/etc/passwd: {}}",
        ROOT + "delegate: {sub/other.yaml: {roots: true, teams: []}}",
        FRAGMENT + "policy: {reinstate: true}",
        FRAGMENT + "protected: [a@b.example]",
        FRAGMENT + "delegate: {}",
        FRAGMENT + "portals: [staging]",
    ],
)
def test_what_has_a_wrong_form_neither_fits_nor_loads(text: str) -> None:
    assert not loads(text)
    assert not fits(text)


@pytest.mark.parametrize(
    "name",
    ["keys-unknown", "keys-missing", "types", "nulls", "choices", "ranges-and-forms", "version-2", "portal-none"],
)
def test_broken_forms_do_not_fit(name: str) -> None:
    assert not fits((BROKEN / f"{name}.yaml").read_text())


def test_every_key_is_described() -> None:
    schema: dict[str, Any] = manifest_schema(KINDS)
    undescribed = [
        (name, key)
        for name, model in schema["$defs"].items()
        for key, value in model["properties"].items()
        if "description" not in value and "description" not in schema["$defs"][value["$ref"].rpartition("/")[2]]
    ]
    assert undescribed == []
