from __future__ import annotations

import time

import pytest
import ruamel.yaml.main

from portalctl.errors import Position
from portalctl.manifest.yaml_source import Data, read
from tests.manifest.examples import BROKEN, COMPLETE


def data_of(text: str) -> Data:
    source, findings = read("f.yaml", text.encode())
    assert findings == []
    assert source is not None
    return source.data


def messages(text: str) -> list[str]:
    return [str(finding) for finding in read("f.yaml", text.encode())[1]]


@pytest.fixture(params=["c", "python"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers: the one in C, and the one used where it is not installed."""
    if request.param == "python":
        monkeypatch.setattr(ruamel.yaml.main, "CParser", None)


@pytest.mark.usefixtures("_parser")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("false", False),
        ("'true'", "true"),
        ("12", 12),
        ("-3", -3),
        ("'12'", "12"),
        ("012", 12),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2027-03-31", "2027-03-31"),
        ("2027-03-31T00:00:00Z", "2027-03-31T00:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("Ünïcode 😀", "Ünïcode 😀"),
        ("|\n    two\n    lines", "two\nlines\n"),
    ],
)
def test_plain_text_is_resolved_as_yaml_1_2_has_it(text: str, value: object) -> None:
    data = data_of(f"key: {text}\n")
    assert isinstance(data, dict)
    assert (data["key"], type(data["key"])) == (value, type(value))


@pytest.mark.usefixtures("_parser")
@pytest.mark.parametrize("text", ["1.5", "1e3", "0x1F", "0o17", ".inf", "-.INF", ".nan", "9" * 5000])
def test_other_numbers_are_numbers_but_no_whole_ones(text: str) -> None:
    data = data_of(f"key: {text}\n")
    assert isinstance(data, dict)
    assert isinstance(data["key"], float)


@pytest.mark.usefixtures("_parser")
def test_every_key_and_value_has_its_place() -> None:
    source, _ = read("f.yaml", COMPLETE.encode())
    assert source is not None
    assert source.key_at("portal") == Position("f.yaml", 2, 1)
    assert source.at("portal") == Position("f.yaml", 3, 3)
    assert source.at("teams", 0, "members", 1, "expires") == Position("f.yaml", 34, 50)
    assert source.key_at("teams", 0, "members", 1, "expires") == Position("f.yaml", 34, 41)
    assert source.at("teams", 0, "nothing", 7) == source.at("teams", 0)


@pytest.mark.usefixtures("_parser")
def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert data_of("\ufeffversion: 1\r\nname: ä\r\n") == {"version": 1, "name": "ä"}


@pytest.mark.usefixtures("_parser")
def test_an_alias_has_the_place_where_it_is_used() -> None:
    source, findings = read("f.yaml", b"a: &x [1, 2]\nb: *x\nc: &y text\nd: *y\n")
    assert source is not None
    assert findings == []
    assert source.data == {"a": [1, 2], "b": [1, 2], "c": "text", "d": "text"}
    assert source.at("b") == Position("f.yaml", 2, 4)
    assert source.at("b", 1) == Position("f.yaml", 1, 11)
    assert source.at("d") == Position("f.yaml", 4, 4)


@pytest.mark.usefixtures("_parser")
def test_aliases_that_explode_end_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = time.perf_counter()
    told = messages("\n".join(lines))
    assert time.perf_counter() - started < 10  # written out, they would take for ever
    assert told == ["f.yaml:6:10: the aliases (`*`) of this file stand for more than 100,000 values"]


@pytest.mark.usefixtures("_parser")
@pytest.mark.parametrize("text", ["[" * 500, "a: " + "{a: " * 500, "- " * 500])
def test_nesting_is_bounded(text: str) -> None:
    assert [line.partition(": ")[2] for line in messages(text)] == ["more than 32 levels of nesting"]


@pytest.mark.parametrize("text", ['"\\ud800": 1', 'a: "\\U0000DFFF"', 'a: "\\U99999999"', 'a: "\\x"'])
@pytest.mark.usefixtures("_parser")
def test_escapes_of_no_character_are_told(text: str) -> None:
    assert len(messages(text)) == 1


def test_both_parsers_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [COMPLETE, *(path.read_bytes().decode("latin-1") for path in sorted(BROKEN.rglob("*.yaml")))]
    with_c = [read("f.yaml", text.encode()) for text in texts]
    monkeypatch.setattr(ruamel.yaml.main, "CParser", None)
    compared = 0
    for text, (source, findings) in zip(texts, with_c, strict=True):
        other, others = read("f.yaml", text.encode())
        if source is not None and other is not None:
            assert other.data == source.data
            assert [item.message for item in others] == [finding.message for finding in findings]
            compared += 1
    assert compared > 30
