"""The language of the repository: the glossary and the deny-list of `dialect.py`, over everything that is read."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from functools import cache

import pytest

from tests.project.dialect import GLOSSARY_DENIES, IN_NAMES, IN_TEXTS, PUBLISHED, Denied
from tests.project.prose import ROOT, Passage, of_python, of_schema, of_text, of_yaml

CONTRIBUTING = ROOT / ".github/CONTRIBUTING.md"

# Packages that other work is bringing to this language; a package leaves this list with the change that does so.
NOT_YET = ("tests/",)
# Packages with class names that other packages also have; a package leaves this list when its classes are renamed.
SHARED_CLASS_NAMES = ("portalctl/directories/",)
# The definitions of the deny-list quote what they deny.
OWN = ("tests/project/dialect.py", "tests/project/test_language.py", "CHANGELOG.md")
TEXTS = {".md", ".html", ".jinja", ".css"}


@cache
def tracked() -> tuple[str, ...]:
    """Return the paths of all files under version control, or in the folder where there is no Git."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\n") if done.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    return tuple(name for name in names if name and (ROOT / name).is_file() and not name.startswith(OWN))


def passages(name: str) -> list[Passage]:
    """Return the passages of a file; none where it is not read by anyone."""
    path = ROOT / name
    if path.suffix == ".py":
        return list(of_python(path, name))
    if name.startswith("schemas/"):
        return list(of_schema(path, name))
    if path.suffix in {".yml", ".yaml"} and not name.startswith("tests/"):
        return list(of_yaml(path, name))
    if path.suffix in TEXTS and not name.startswith("tests/"):
        return list(of_text(path, name))
    return []


def broken(passage: Passage) -> list[str]:
    """Return a message for each rule that a passage breaks."""
    if passage.name and {passage.text, f"{passage.path}:{passage.text}"} & PUBLISHED.keys():
        return []
    rules = IN_NAMES if passage.name else IN_TEXTS
    return [
        f"{passage.path}:{passage.line}: '{found}': {rule.rule}; write: {rule.better}"
        for rule in rules
        if (found := rule.found(passage)) is not None
    ]


@pytest.mark.slow
def test_no_text_breaks_a_rule_of_the_language() -> None:
    held = [name for name in tracked() if not name.startswith(NOT_YET)]
    assert [message for name in held for passage in passages(name) for message in broken(passage)] == []


def test_every_exception_is_needed() -> None:
    """A package on the list of exceptions has passages to bring up; else it leaves the list."""
    for prefix in NOT_YET:
        names = [name for name in tracked() if name.startswith(prefix)]
        assert any(broken(passage) for name in names for passage in passages(name)), f"remove {prefix} from NOT_YET"


@pytest.mark.parametrize("rule", [*IN_TEXTS, *IN_NAMES], ids=lambda rule: rule.bad[:40])
def test_each_rule_finds_its_example_and_not_the_better_wording(rule: Denied) -> None:
    name = rule in IN_NAMES
    assert rule.found(Passage("x", 1, rule.bad, name=name)) is not None
    assert rule.found(Passage("x", 1, rule.good, name=name)) is None


def glossary() -> list[tuple[str, str, str]]:
    """Return the rows of the glossary in CONTRIBUTING: word, meaning, words not to use."""
    text = CONTRIBUTING.read_text(encoding="utf-8").partition("## Glossary")[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in re.findall(r"^\|.*\|$", text, re.M)
    ]
    return [(row[0], row[1], row[2]) for row in rows[2:]]


def test_the_glossary_has_at_most_thirty_words_and_each_once() -> None:
    words = [word for row in glossary() for word in re.split(r", | \(.*\)", row[0]) if word]
    assert len(glossary()) <= 30
    assert len(set(words)) == len(words)
    assert all(meaning for _, meaning, _ in glossary())


def test_each_word_that_the_glossary_replaces_is_denied() -> None:
    """Words of its third column are found by a rule, or are listed with the reason why they are not."""
    replaced = {word.strip() for row in glossary() for word in re.split(r"[,;]", re.sub(r"\(.*?\)", "", row[2]))} - {
        ""
    }
    for word in replaced:
        denied = any(rule.found(Passage("x", 1, f"the {word} here")) for rule in IN_TEXTS)
        denied = denied or any(rule.found(Passage("x", 1, word, name=True)) for rule in IN_NAMES)
        assert denied != (word in GLOSSARY_DENIES), word


def test_a_class_name_means_one_thing() -> None:
    """No two classes of portalctl have one name; the same part of two vendors, in files of one name, may."""
    places: dict[str, set[str]] = defaultdict(set)
    for name in tracked():
        if (
            name.startswith("portalctl/")
            and name.endswith(".py")
            and not name.startswith(NOT_YET + SHARED_CLASS_NAMES)
        ):
            for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    places[node.name].add(re.sub(r"/(konnect|api7)/", "/VENDOR/", name))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
