"""Words of other tools get the right command, and paths are arguments as well as values of -f."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import click
import pytest

from portalctl.cli import foreign_words
from portalctl.cli.commands import COMMANDS, LazyGroup
from portalctl.cli.commands import portalctl as group
from tests.conftest import Bench, portalctl


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("diff", "plan"),  # decK, kongctl; close to `drift` in spelling
        ("sync", "apply"),
        ("dump", "import"),
        ("adopt", "import"),
        ("preview", "plan"),
        ("Diff", "plan"),
        ("lint", "validate"),
        ("login", "ping"),
    ],
)
def test_a_command_of_another_tool_names_the_right_one(word: str, right: str) -> None:
    done = portalctl(word)
    assert done.code == 64
    assert f"no such command '{word}'; " in done.err
    assert f"portalctl {right}`" in done.err
    assert "did you mean" not in done.err


def test_a_misspelt_command_or_option_is_still_recognised() -> None:
    assert "no such command 'valdate'; did you mean 'validate'?" in portalctl("valdate").err
    assert "no such option '--pertol'; did you mean '--portal'?" in portalctl("plan", "--pertol").err
    assert portalctl("plan", "--zzz").err.endswith("no such option '--zzz'\n")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("apply", "--auto-approve"), "`portalctl apply --yes`"),
        (("apply", "-auto-approve"), "`portalctl apply --yes`"),
        (("apply", "--dry-run"), "`portalctl plan`"),
        (("plan", "--target", "ann@x.com"), "--developer"),
        (("plan", "-target=ann@x.com"), "--developer"),
        (("plan", "-out=plan.json"), "write --out"),
        (("drift", "--select-tag", "x"), "--developer"),
        (("validate", "--state", "kong.yaml"), "with -f"),
        (("plan", "--json"), "-o json"),
        (("apply", "--plan", "plan.json"), "`portalctl apply PLAN_FILE`"),
        (("ping", "--tls-skip-verify"), "--insecure-skip-tls-verify"),
    ],
)
def test_an_option_of_another_tool_names_the_right_one(words: tuple[str, ...], hint: str) -> None:
    done = portalctl(*words)
    assert done.code == 64
    assert hint in done.err.splitlines()[-1]
    assert f"no such option '{words[1].partition('=')[0]}'; " in done.err


def test_the_value_of_a_foreign_option_is_not_repeated() -> None:
    for words in (("--konnect-token=kpat_abc",), ("--pat", "kpat_abc")):
        done = portalctl("plan", *words)
        assert done.code == 64
        assert "kpat_abc" not in done.err
        assert "environment" in done.err


def test_every_hint_names_commands_and_options_that_exist() -> None:
    assert not foreign_words.COMMANDS.keys() & COMMANDS.keys()
    options: set[str] = set()
    with click.Context(group) as ctx:
        for name in COMMANDS:
            command = LazyGroup().get_command(ctx, name)
            assert command is not None
            inner = command.commands.values() if isinstance(command, click.Group) else [command]
            options |= {option for each in inner for param in each.params for option in param.opts}
    options |= {"--help", "--version"}
    for hint in (*foreign_words.COMMANDS.values(), *foreign_words.OPTIONS.values()):
        words = hint.replace("`", " ").replace(",", " ").replace(";", " ").split()
        assert {word for word in words if word.startswith("-")} <= options, hint
        named = {after for word, after in pairwise(words) if word == "portalctl"}
        assert {word for word in named if word.islower() and word.isalpha()} <= {
            *COMMANDS,
            "reads",
            "manages",
            "adapts",
        }


@pytest.mark.parametrize(
    "words", [("portals",), ("portals/partners.yaml",), ("-f", "portals/partners.yaml", "portals")]
)
def test_paths_are_arguments_too(bench: Bench, words: tuple[str, ...]) -> None:
    bench.people(pending=["ann@x.com"])
    bench.manifest("trusted_domains: [x.com]\n")
    Path("portals").rename("elsewhere")
    words = tuple(word.replace("portals", "elsewhere") for word in words)
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    for command, code in (("validate", 0), ("plan", 0), ("drift", 0), ("ping", 0), ("snapshot", 64), ("fmt", 0)):
        done = portalctl(*command.split(), *words, env=env)
        assert done.code == code, (command, done.err)
        assert command != "snapshot" or "--out" in done.err
    assert portalctl("list", "portals", *words).out.startswith("partners")
    assert portalctl("report", "access", *words, env=env).code == 0
    assert portalctl("plan", "--detailed-exitcode", *words, env=env).code == 2


def test_file_names_from_pre_commit_are_checked(bench: Bench) -> None:
    bench.manifest("trusted_domains: [x.com, a.com]\n")
    bench.manifest("", "other.yaml")
    done = portalctl("fmt", "--check", "portals/partners.yaml")
    assert (done.code, done.out) == (2, "portals/partners.yaml\n")
    assert portalctl("validate", "portals/partners.yaml").code == 0
    assert portalctl("validate", "portals/partners.yaml", "portals/missing.yaml").code == 65
