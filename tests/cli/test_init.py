"""`init`: a repository that is right from the start, or nothing at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from portalctl.characters import is_invisible
from portalctl.cli.init_files import ACTION, WORKFLOWS, Answers, manifests, team_files
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble
from tests.conftest import Done, named_schema, portalctl

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
    assert refused.err.startswith("portals/teams/big-city.yaml:9:")


def test_what_must_not_be_committed_is_ignored() -> None:
    assert init(*KONNECT, "--ci", "none").code == 0
    assert {".portalctl/", "plan.json", "snapshot.json"} <= set(Path(".gitignore").read_text().split())


def test_an_ignore_file_that_is_there_stays_and_what_it_lacks_is_told() -> None:
    Path(".gitignore").write_text("*.pyc\nplan.json\n")
    done = init(*KONNECT, "--ci", "none")
    assert (done.code, written(Path())) == (0, {".gitignore", "CODEOWNERS", "portals/partners.yaml", SCHEMA})
    assert Path(".gitignore").read_text() == "*.pyc\nplan.json\n"
    (told,) = [line for line in done.err.splitlines() if ".gitignore" in line]
    assert told.partition("was there: ")[2].split()[:2] == [".portalctl/", "snapshot.json"]


@pytest.mark.parametrize("name", ["CODEOWNERS", "portals/partners.yaml", ".github/CODEOWNERS"])
def test_what_is_there_is_named_and_nothing_is_written(name: str) -> None:
    there = Path("out", name)
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    Path("out/.gitignore").symlink_to("nowhere")
    done = init(*KONNECT, "--ci", "github", "--out", "out")
    assert (done.code, done.out) == (64, "")
    assert f"out/{name}" in done.err
    assert "out/.gitignore" in done.err
    assert written(Path()) == {f"out/{name}"}
    assert there.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (KONNECT[2:], "--portal is missing"),
        (KONNECT[:6], "--portal-id or --title is missing"),
        (KONNECT, "--ci is missing"),
        ((*KONNECT, "--portal-id", "x"), "give one"),
        ((*KONNECT, "--ci", "none", "--team", "city"), "NAME=@OWNER"),
        ((*KONNECT, "--ci", "none", "--owner", "me"), "@NAME"),
        (("--portal", "../x", *KONNECT[2:], "--ci", "none"), "no valid manifest"),
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
    answers = Answers("partners", "konnect", None, title, {"region": "eu"}, "none", "@me", teams)
    files = [File(path, path, f"/{path}", text.encode()) for path, text in manifests(answers).items()]
    portal = assemble(files).portals["partners"]
    assert portal.title == title
    assert {team.name for team in portal.teams} == set(teams)
    assert len(set(team_files(answers).values())) == len(teams)


def conversation(folder: Path, words: tuple[str, ...], *answers: tuple[str, str]) -> int:
    """How `init` ends, on a terminal where each question is answered."""
    child = pexpect.spawn(sys.executable, ["-m", "portalctl", "init", *words], cwd=folder, encoding="utf-8")
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
        ("Who reviews the files .@your-org", "@org/admins"),
        ("A team", "city"),
        ("NAME=@OWNER(.|\n)*A team", "city=@org/city"),
        ("A team", ""),
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
