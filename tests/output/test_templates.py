"""No template can print text without the one escaping module, whatever it does."""

from __future__ import annotations

from importlib.resources import files

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import TemplateAssertionError

from portalctl.output.escaping import terminal
from portalctl.output.html.environment import code, environment, phrase
from tests.output.hostile import HOSTILE
from tests.output.reading import read

TEMPLATES = sorted(
    (package, item.name)
    for package in ("portalctl.output.html", "portalctl.controller.page")
    for item in files(package).joinpath("templates").iterdir()
    if item.name.endswith(".html")
)


def printed(template: str, **values: object) -> str:
    return environment().from_string(template).render(**values)


@pytest.mark.parametrize(
    "template",
    [
        "{{ text }}",
        "{% macro shown(text) %}{{ text }}{% endmacro %}{{ shown(text) }}",
        "{% set kept %}{{ text }}{% endset %}{{ kept }}",
        "{{ code(text) }}",
    ],
)
def test_text_is_escaped_however_it_is_printed(template: str) -> None:
    for text in HOSTILE:
        shown = read(printed(template, text=text))
        assert shown.text == terminal(text)
        assert shown.tags <= {"code"}


@pytest.mark.parametrize("text", ["\u202emoc.live", "a\u200bb", "\x1b[31m", "<img src=x>", "\u2066x"])
def test_an_attribute_is_escaped_too(text: str) -> None:
    page = read(printed('<i title="{{ text }}">', text=text))
    assert page.elements == [("i", {"title": terminal(text)})]


@pytest.mark.parametrize("template", ["{{ text|safe }}", "{{ text|e }}", "{{ text|replace('a', 'b') }}"])
def test_filters_that_could_make_text_html_do_not_exist(template: str) -> None:
    with pytest.raises((TemplateAssertionError, TemplateSyntaxError)):
        printed(template, text="<b>")


def test_a_name_that_is_not_there_is_an_error_and_not_blank() -> None:
    with pytest.raises(UndefinedError):
        printed("{{ missing }}")


def test_only_foreign_parts_of_a_phrase_are_code() -> None:
    assert phrase(lambda safe: f"joins {safe('<b>')}") == "joins <code>&lt;b&gt;</code>"
    assert code("\u202e") == r"<code>\u202e</code>"


@pytest.mark.parametrize(("package", "name"), TEMPLATES)
def test_no_template_joins_text_with_html_by_itself(package: str, name: str) -> None:
    """`~`, `+` and `%` with HTML on one side would escape the other side without the escaping module."""
    source = files(package).joinpath("templates", name).read_text(encoding="utf-8")
    tree = environment().parse(source)
    assert not list(tree.find_all((nodes.Concat, nodes.Add, nodes.Mod, nodes.Mul, nodes.MarkSafe)))
    assert not list(tree.find_all(nodes.ScopedEvalContextModifier)), "{% autoescape false %}"
