"""`init`: a repository that is right from the start, or nothing at all."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from portalctl.characters import is_invisible
from portalctl.cli.code_owners import code_owners
from portalctl.cli.examples import examples
from portalctl.cli.init_files import (
    ACTION,
    NO_COMMIT,
    WORKFLOWS,
    Answers,
    Examples,
    PortalPlace,
    Variables,
    ci_files,
    manifests,
    team_files,
)
from portalctl.errors import BadUsageError
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble
from tests.conftest import PORTAL_ID, Bench, Done, named_schema, portalctl

pytestmark = pytest.mark.slow

KONNECT = ("--portal", "partners", "--provider", "konnect", "--region", "eu", "--title", "Partners")
COMMIT = "1a2b3c4d" * 5
SCHEMA = "portals/manifest.v1.schema.json"
API7 = ("--portal", "fans", "--provider", "api7", "--portal-id", "portal-1")


def init(*words: str) -> Done:
    return portalctl("init", *words)


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        (*KONNECT, "--ci", "github", "--team", "city=@org/city", "--team", "Reds & Co=@org/reds"),
        (*KONNECT, "--ci", "gitlab"),
        (*API7, "--ci", "github"),
        (*API7, "--ci", "none"),
    ],
)
def test_what_it_writes_is_valid_canonical_and_has_no_findings(words: tuple[str, ...], offline: None) -> None:  # noqa: ARG001
    done = init(*words)
    assert done.code == 0, done.err
    assert set(done.out.splitlines()) == written(Path())
    checked = portalctl("validate")
    assert (checked.code, checked.err) == (0, "")
    assert portalctl("fmt", "--check").code == 0
    assert json.loads(Path(SCHEMA).read_text()) == portalctl("schema", "manifest").json
    assert {named_schema(path) for path in Path("portals").rglob("*.yaml")} == {Path(SCHEMA).resolve()}


@pytest.mark.parametrize(
    ("installed", "action"),
    [
        (None, ACTION),
        ({"url": "file:///src/portalctl", "dir_info": {}}, ACTION),
        ({"url": "https://evil.example/a/b", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, ACTION),
        ({"url": "https://github.com/club/portalctl", "vcs_info": {"vcs": "git", "commit_id": "main"}}, ACTION),
        (
            {"url": "https://github.com/club/portalctl.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"club/portalctl/.github/actions/portalctl@{COMMIT}",
        ),
    ],
)
def test_github_gets_workflows_with_the_action_at_the_commit_that_is_installed(
    installed: object, action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip leaves it (PEP 610). A name on an index or an unknown place is never guessed."""
    info = tmp_path / "site" / "portalctl-9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: portalctl\nVersion: 9\n")
    if installed is not None:
        (info / "direct_url.json").write_text(json.dumps(installed))
    monkeypatch.syspath_prepend(tmp_path / "site")
    done = init(*KONNECT, "--ci", "github", "--out", "new")
    assert done.code == 0
    assert written(Path("new/.github")) == {f"workflows/{name}" for name in WORKFLOWS}
    for name in WORKFLOWS:
        assert f"uses: {action} #" in Path("new/.github/workflows", name).read_text()
    assert (ACTION in done.err) == (action == ACTION)
    assert init(*KONNECT, "--ci", "gitlab", "--out", "lab").code == 0
    text = Path("lab/.gitlab-ci.yml").read_text()
    assert (COMMIT in text) == (NO_COMMIT not in text) == (installed is not None and COMMIT in str(installed))


def test_on_api7_the_workflows_have_its_token_and_server() -> None:
    assert init(*API7, "--ci", "github").code == 0
    for name in WORKFLOWS:
        workflow = YAML(typ="safe", pure=True).load(Path(".github/workflows", name))
        assert workflow["env"] == {"API7_SERVER": "${{ vars.API7_SERVER }}"}
        text = Path(".github/workflows", name).read_text()
        assert "konnect" not in text.lower()
        assert name == "portal-plan.yml" or "api7-token: ${{ secrets.API7_TOKEN }}" in text


def test_on_api7_gitlab_s_pipeline_names_its_variables() -> None:
    assert init(*API7, "--ci", "gitlab").code == 0
    text = Path(".gitlab-ci.yml").read_text()
    assert "konnect" not in text.lower()
    assert "Set API7_SERVER (the Dashboard), and API7_TOKEN as a masked variable" in text


def test_gitlab_gets_a_pipeline() -> None:
    assert init(*KONNECT, "--ci", "gitlab").code == 0
    assert written(Path()) == {".gitlab-ci.yml", ".gitignore", "CODEOWNERS", "portals/partners.yaml", SCHEMA}


def test_a_team_reviews_its_file_and_can_speak_of_itself_alone() -> None:
    assert init(*KONNECT, "--ci", "none", "--owner", "@org/admins", "--team", "Big City=@org/city").code == 0
    first, *others = Path("CODEOWNERS").read_text().splitlines()
    assert first == "* @org/admins"
    owned = [line for line in others if line and not line.startswith("#")]
    assert owned == ["/portals/teams/big-city.yaml @org/city"]
    file = Path("portals/teams/big-city.yaml")
    file.write_text(file.read_text() + "  - name: admins\n")
    refused = portalctl("validate")
    assert refused.code == 65
    assert refused.err.startswith("portals/teams/big-city.yaml:10:")


def test_what_must_not_be_committed_is_ignored() -> None:
    assert init(*KONNECT, "--ci", "none").code == 0
    assert {".portalctl/", "plan.json", "snapshot.json"} <= set(Path(".gitignore").read_text().split())


def test_an_ignore_file_that_is_there_stays_and_what_it_lacks_is_told() -> None:
    Path(".gitignore").write_text("*.pyc\nplan.json\n")
    done = init(*KONNECT, "--ci", "none")
    assert (done.code, written(Path())) == (0, {".gitignore", "CODEOWNERS", "portals/partners.yaml", SCHEMA})
    assert Path(".gitignore").read_text() == "*.pyc\nplan.json\n"
    below = done.err.partition("Add to .gitignore:\n")[2].split()
    assert below[:5] == [".portalctl/", "snapshot.json", "access.csv", "access.html", "access.json"]


@pytest.mark.parametrize(
    "name", ["CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", ".github/workflows/portal-drift.yml", SCHEMA]
)
def test_a_file_that_exists_stays_as_it_is(name: str) -> None:
    there = Path("out", name)
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    Path("out/.gitignore").symlink_to("nowhere")
    done = init(*KONNECT, "--ci", "github", "--out", "out")
    assert done.code == 0, done.err
    unchanged = next(line for line in done.err.splitlines() if "unchanged" in line)
    assert f"out/{name}" in unchanged
    assert "out/.gitignore" in unchanged
    assert there.read_text() == "mine"
    assert Path("out/.gitignore").is_symlink()
    assert f"out/{name}" not in done.out.splitlines()
    assert ("out/CODEOWNERS" in done.out.splitlines()) == (not name.endswith("CODEOWNERS"))


def test_an_invalid_manifest_is_an_error_at_its_place_and_nothing_is_written() -> None:
    Path("portals").mkdir()
    Path("portals/partners.yaml").write_text("mine")
    done = init(*KONNECT, "--ci", "github")
    assert (done.code, done.out) == (65, "")
    assert done.err.startswith("portals/partners.yaml:1:1: ")
    assert written(Path()) == {"portals/partners.yaml"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (KONNECT[2:], "--portal is missing"),
        (KONNECT[:6], "--portal-id or --title is missing"),
        (KONNECT, "--ci is missing"),
        ((*KONNECT, "--portal-id", "x"), "pass one of them"),
        ((*KONNECT, "--ci", "none", "--source", "portalctl@main"), "expected https://HOST/OWNER/REPOSITORY@COMMIT"),
        ((*KONNECT, "--ci", "none", "--import", "--team", "a=@b"), "pass --split teams"),
        ((*KONNECT, "--ci", "none", "--split", "teams"), "--split requires --import"),
        ((*KONNECT, "--ci", "none", "--team", "city"), "NAME=@OWNER"),
        ((*KONNECT, "--ci", "none", "--owner", "me"), "@NAME"),
        (("--portal", "../x", *KONNECT[2:], "--ci", "none"), "the new manifest would not be valid"),
        ((*KONNECT[:6], "--portal-id", "x", "--ci", "none"), "UUID"),
        ((*API7, "--ci", "none", "--team", "city=@org/city"), "has no teams"),
        ((*API7, "--ci", "none", "--region", "eu"), "API7 Enterprise has no key 'region'"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_is_written(words: tuple[str, ...], said: str) -> None:
    done = init(*words)
    assert (done.code, done.out) == (64, "")
    assert said in done.err
    assert written(Path()) == set()


SEEN = st.characters(exclude_categories=["C", "Z"]).filter(lambda char: not is_invisible(char))
NAMES = st.text(SEEN, min_size=1, max_size=12)


@given(NAMES, st.dictionaries(NAMES, st.just("@org/team"), max_size=4))
def test_whatever_title_and_teams_are_called_they_are_meant_so(title: str, teams: dict[str, str]) -> None:
    answers = Answers("partners", "konnect", None, title, {"region": "eu"}, tuple(teams))
    files = [File(path, path, f"/{path}", text.encode()) for path, text in manifests(answers).items()]
    portal = assemble(files).portals["partners"]
    assert portal.title == title
    assert {team.name for team in portal.teams} == set(teams)
    assert len(set(team_files(answers).values())) == len(teams)


def conversation(
    folder: Path, words: tuple[str, ...], *answers: tuple[str, str], env: Mapping[str, str] = MappingProxyType({})
) -> int:
    """Return the exit code of `init` on a terminal where each question is answered."""
    command = ["-m", "portalctl", "init", *words]
    child = pexpect.spawn(sys.executable, command, cwd=folder, encoding="utf-8", env={**os.environ, **env})
    for question, answer in answers:
        child.expect(question, timeout=20)
        child.sendline(answer)
    child.expect(pexpect.EOF, timeout=20)
    child.close()
    return int(child.exitstatus)


def test_on_a_terminal_it_asks_and_asks_again(tmp_path: Path) -> None:
    answers = (
        ("Name of the portal", "Bad Name"),
        ("expected lower-case words(.|\n)*Name of the portal", "partners"),
        ("Provider .konnect", "konect"),
        ("did you mean 'konnect'(.|\n)*Provider", "konnect"),
        ("unique name", "Partners"),
        ("Region", "eu"),
        ("Workflows", "none"),
        ("Owner of the files .@your-org", "@org/admins"),
        ("Team with", "city"),
        ("expected NAME=@OWNER(.|\n)*Team with", "city=@org/city"),
        ("Team with", ""),
    )
    assert conversation(tmp_path, ("--out", "new"), *answers) == 0
    assert portalctl("validate", "-f", "new/portals").err == ""
    files = {"CODEOWNERS", ".gitignore", "portals/partners.yaml", "portals/teams/city.yaml", SCHEMA}
    assert written(Path("new")) == files
    assert Path("new/CODEOWNERS").read_text().startswith("* @org/admins\n")


def test_who_gives_all_that_is_needed_is_asked_nothing(tmp_path: Path) -> None:
    assert conversation(tmp_path, (*KONNECT, "--ci", "none")) == 0


def test_if_one_file_cannot_be_made_none_is() -> None:
    Path(".github").write_text("a file in the way of a folder")
    done = init(*KONNECT, "--ci", "github")
    assert (done.code, done.out) == (64, "")
    assert "nothing was written" in done.err
    assert written(Path()) == {".github"}
    assert not Path("portals").exists()


def test_ci_installs_portalctl_from_the_given_source() -> None:
    source = f"https://git.club.example/tools/portalctl.git@{COMMIT}"
    assert init(*KONNECT, "--ci", "gitlab", "--source", source).code == 0
    variables = YAML(typ="safe", pure=True).load(Path(".gitlab-ci.yml"))["variables"]
    assert variables == {
        "PORTALCTL_SOURCE": "https://git.club.example/tools/portalctl.git",
        "PORTALCTL_COMMIT": COMMIT,
    }
    done = init("--ci", "github", "--source", f"https://github.com/club/portalctl@{COMMIT}")
    assert ACTION not in done.err
    assert (
        f"club/portalctl/.github/actions/portalctl@{COMMIT}" in Path(".github/workflows/portal-drift.yml").read_text()
    )


@pytest.mark.parametrize(
    ("stem", "line"),
    [
        ("city @attacker", "/portals/teams/city\\ @attacker.yaml @org/admins @org/city-attacker"),
        ("a b #c", "/portals/teams/a\\ b\\ \\#c.yaml @org/admins @org/a-b-c"),
        ("@attacker", "/portals/teams/@attacker.yaml @org/admins @org/attacker"),
        ("x, @a/b".replace("/", "∕"), "/portals/teams/x,\\ @a∕b.yaml @org/admins @org/x-a-b"),
        ("größe_1.2", "/portals/teams/größe_1.2.yaml @org/admins @org/größe_1.2"),
        ("@ @", "/portals/teams/@\\ @.yaml @org/admins @org/admins"),
    ],
)
def test_the_name_of_a_file_names_no_other_owner(stem: str, line: str) -> None:
    assert init(*KONNECT, "--ci", "none", "--team", "city=@org/city").code == 0
    _rename("city.yaml", f"{stem}.yaml")
    Path("CODEOWNERS").unlink()
    done = init("--ci", "none", "--owner", "@org/admins")
    assert done.code == 0, done.err
    assert line in Path("CODEOWNERS").read_text().splitlines()
    assert len(re.findall("(?<!\\\\) @", line)) == 2
    assert init("--ci", "none", "--owner", "@org/admins").err.find("Add to CODEOWNERS") == -1


def _rename(old: str, new: str) -> None:
    root = Path("portals/partners.yaml")
    root.write_text(root.read_text().replace(f"teams/{old}", json.dumps(f"teams/{new}", ensure_ascii=False)))
    Path("portals/teams", old).rename(Path("portals/teams", new))


@pytest.mark.parametrize("stem", ["a\n* @attacker", "a\r* @attacker", "a\x1b[2K", "a\u2028b"])
def test_a_file_whose_name_has_a_line_break_is_refused(stem: str) -> None:
    assert init(*KONNECT, "--ci", "none", "--team", "city=@org/city").code == 0
    _rename("city.yaml", f"{stem}.yaml")
    Path("CODEOWNERS").unlink()
    done = init("--ci", "none", "--owner", "@org/admins")
    assert done.code != 0
    assert not Path("CODEOWNERS").exists()
    with pytest.raises(BadUsageError, match="CODEOWNERS cannot name this file"):
        code_owners("@org/admins", {f"portals/{stem}.yaml": "@org/city"})


def test_in_place_it_adds_what_is_missing_for_all_portals_of_the_manifest() -> None:
    """Two portals of two vendors, one with delegated files: every token is passed, and nobody else's file changes."""
    assert init(*KONNECT, "--ci", "none", "--team", "city=@org/city").code == 0
    assert init(*API7, "--ci", "none").code == 0
    before = {name: Path(name).read_bytes() for name in written(Path())}
    for name in ("CODEOWNERS", ".gitignore", SCHEMA):
        Path(name).unlink()
    done = init("--ci", "github", "--owner", "@org/admins")
    assert done.code == 0, done.err
    new = {"CODEOWNERS", ".gitignore", SCHEMA, *(f".github/workflows/{name}" for name in WORKFLOWS)}
    assert set(done.out.splitlines()) == new == written(Path()) - (before.keys() - new)
    assert "/portals/teams/city.yaml @org/admins @org/city" in Path("CODEOWNERS").read_text().splitlines()
    assert {name for name in before.keys() - new if Path(name).read_bytes() != before[name]} == set()
    for name in WORKFLOWS:
        workflow = YAML(typ="safe", pure=True).load(Path(".github/workflows", name))
        assert workflow["env"] == {"API7_SERVER": "${{ vars.API7_SERVER }}"}
        steps = [step for job in workflow["jobs"].values() for step in job["steps"] if step.get("uses") == ACTION]
        for step in steps:
            given = {key for key in step["with"] if key.endswith("-token")}
            assert given == (set() if name == "portal-plan.yml" else {"konnect-token", "api7-token"})
    assert init("--ci", "github").out == ""
    assert portalctl("validate").err == ""


def test_a_portal_of_a_plug_in_has_its_token_in_one_block_of_each_step() -> None:
    """Two keys of one name would make the workflow invalid."""
    texts = {name: (examples() / "github" / name).read_text() for name in WORKFLOWS}
    variables = Variables({}, {"PORTALCTL_CLUB_TOKEN": "the club", "KONNECT_TOKEN": "Konnect"})
    made = ci_files("github", variables, Examples(texts, ""), None, "portals/")
    apply = YAML(typ="safe", pure=True).load(made[".github/workflows/portal-apply.yml"])
    steps = [step["with"] for step in apply["jobs"]["apply"]["steps"] if step.get("uses") == ACTION]
    lines = [f"{name}=${{{{ secrets.{name} }}}}" for name in ("PORTALCTL_CLUB_TOKEN", "PORTALCTL_NOTIFY_URL")]
    assert [step["environment"].splitlines() for step in steps] == [lines, lines]
    assert "the secrets PORTALCTL_CLUB_TOKEN and KONNECT_TOKEN" in made[".github/workflows/portal-apply.yml"]
    eu, any_region = PortalPlace("konnect", "eu"), PortalPlace("konnect", None)
    assert set(Variables.of({"a": any_region}).servers) == {"KONNECT_SERVER_URL"}
    both = Variables.of({"a-b": any_region, "b": eu})
    assert set(both.servers) == {"PORTALCTL_A_B_SERVER_URL"} or set(both.servers) == {"PORTALCTL_A_B_SERVER"}
    assert set(both.tokens) == {"PORTALCTL_A_B_TOKEN", "KONNECT_TOKEN"}


@pytest.mark.parametrize("words", [KONNECT, API7])
@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_the_list_of_what_is_left_names_all_that_the_files_use(words: tuple[str, ...], ci: str) -> None:
    done = init(*words, "--ci", ci)
    texts = [path.read_text() for path in Path().rglob("*.yml")]
    used = {name for text in texts for name in re.findall(r"(?:secrets|vars)\.([A-Z0-9_]+)", text)} - {"GITHUB_TOKEN"}
    used |= {name for text in texts for name in re.findall(r"^ +environment: (portal-\S+)", text, re.MULTILINE)}
    lab = YAML(typ="safe", pure=True).load(texts[0]) if ci == "gitlab" else {}
    active = {name: job for name, job in lab.items() if isinstance(job, dict) and not name.startswith(".")}
    used |= {job["environment"]["name"] for job in active.values() if "environment" in job}
    used |= set(re.findall(r'PORTAL_JOB == "(\w+)"', "".join(str(job) for job in active.values())))
    used |= {"KONNECT_TOKEN" if words is KONNECT else "API7_TOKEN", "PORTALCTL_MASK_KEY"}
    assert len(used) >= 5
    assert {name for name in used if name not in done.err} == set()
    for setting in ("ode owners", "Owners", "CODEOWNERS"):
        assert setting in done.err or setting != "CODEOWNERS"
    assert "Protect the branch main" in done.err


def test_following_the_comments_of_new_files_leaves_them_canonical_and_valid() -> None:
    assert init(*KONNECT, "--ci", "none", "--team", "city=@org/city").code == 0
    root, team = Path("portals/partners.yaml"), Path("portals/teams/city.yaml")
    text = root.read_text()
    block = text[text.index("# trusted_domains:") :].partition("\n\n")[0]
    root.write_text(text.replace(block, "\n".join(line.removeprefix("# ") for line in block.splitlines())))
    team.write_text(team.read_text().replace("    members: []\n", "    members:\n      - ann@partner.example\n"))
    assert portalctl("fmt", "--check").code == 0, portalctl("fmt", "--check", "--diff").out
    checked = portalctl("validate")
    assert (checked.code, checked.err) == (0, "")
    assert "1 trusted domain, 1 team, 1 member" in checked.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--portal-id", PORTAL_ID), None),
        (("--provider", "api7"), "--provider: 'api7' contradicts portals/partners.yaml:"),
        (("--title", "Other"), "--title: 'Other' contradicts"),
        (("--region", "us"), "--region: 'us' contradicts"),
        (("--team", "city=@org/city"), "--team: a manifest exists in portals/"),
        (("--import",), "--import: a manifest exists in portals/"),
    ],
)
def test_options_that_contradict_the_manifest_are_refused(words: tuple[str, ...], said: str | None) -> None:
    assert init(*KONNECT, "--ci", "none").code == 0
    done = init("--portal", "partners", *words, "--ci", "github")
    assert done.code == (0 if said is None else 64)
    if said is not None:
        assert said in done.err
        assert not Path(".github").exists()


def test_a_second_portal_joins_the_manifest_and_is_checked_together_with_it() -> None:
    assert init(*KONNECT, "--ci", "none").code == 0
    done = init(*API7, "--ci", "none")
    assert done.code == 0, done.err
    assert "portals/fans.yaml" in done.out.splitlines()
    again = init("--portal", "twin", *KONNECT[2:], "--ci", "none")
    assert (again.code, again.out) == (64, "")
    assert "is the same portal as 'partners'" in again.err
    assert not Path("portals/twin.yaml").exists()


def test_a_manifest_in_one_file_is_what_the_workflows_read() -> None:
    assert init(*KONNECT, "--ci", "none").code == 0
    Path("portals/partners.yaml").rename("portal.yaml")
    for name in written(Path("portals")):
        Path("portals", name).unlink()
    done = init("--ci", "github")
    assert done.code == 0, done.err
    text = "".join(Path(".github/workflows", name).read_text() for name in WORKFLOWS)
    assert "portals/" not in text
    assert "portal.yaml" in Path(".github/workflows/portal-plan.yml").read_text()
    assert "- portal.yaml" not in done.out
    refused = init(*API7, "--ci", "none")
    assert (refused.code, "Move portal.yaml to portals/" in refused.err) == (64, True)


def test_a_live_portal_is_imported_first(bench: Bench) -> None:
    bench.people(approved=["ann@x.com"], revoked=["bob@x.com"])
    bench.team("city", "ann@x.com")
    bench.folder.rmdir()
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    words = (*KONNECT[:6], "--portal-id", PORTAL_ID, "--ci", "github", "--import", "--split", "teams")
    done = portalctl("init", *words, env=env)
    assert done.code == 0, done.err
    assert set(done.out.splitlines()) == written(Path())
    assert stat.S_IMODE(Path("portals/teams/city.yaml").stat().st_mode) == 0o600
    assert "1 team with 1 member; 1 override for revoked or rejected developers" in done.err
    for command in (("plan", "--detailed-exitcode"), ("drift",), ("validate",), ("fmt", "--check")):
        then = portalctl(*command, env=env)
        assert then.code == 0, (command, then.out, then.err)
    assert bench.writes == []


def test_on_a_terminal_with_a_token_it_offers_to_import(bench: Bench, tmp_path: Path) -> None:
    bench.people(approved=["ann@x.com"], revoked=["bob@x.com"])
    (tmp_path / "new").mkdir()
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    answers = (
        ("Name of the portal", "partners"),
        ("Provider", "konnect"),
        ("unique name", "Partners"),
        ("Region", "eu"),
        ("Import the portal as it is now", "y"),
        ("Workflows", "none"),
        ("Owner of the files", ""),
    )
    assert conversation(tmp_path / "new", (), *answers, env=env) == 0
    assert "bob@x.com" in Path("new/portals/partners.yaml").read_text()


def test_the_schema_of_another_version_is_told() -> None:
    assert init(*KONNECT, "--ci", "none").code == 0
    Path(SCHEMA).write_text("{}")
    done = init("--ci", "none")
    assert f"Update the schema for editors: portalctl schema manifest > {SCHEMA}" in done.err
    assert Path(SCHEMA).read_text() == "{}"


def test_a_manifest_without_acknowledgements_is_told_the_key() -> None:
    Path("portals").mkdir()
    Path("portals/p.yaml").write_text("version: 1\nportal: {name: p, provider: api7, id: x}\n")
    done = init("--ci", "none")
    assert done.code == 0
    assert "add to portals/p.yaml:\n       acknowledgements: .p.acknowledged.yaml\n" in done.err
