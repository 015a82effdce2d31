"""`import` writes a live portal of both vendors as files with an empty first plan, and overwrites nothing."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML

from portalctl.cli.import_ import import_
from portalctl.portals.models import Snapshot
from portalctl.simulator.api7.records import State
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator
from portalctl.simulator.server import Simulator
from tests.changes.odd_portals import ADDRESSES, NAMES, odd_portals
from tests.conftest import PORTAL_ID, Bench, Done, named_schema, portalctl

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # many cases, each with a simulator of its own
WORDS = ("--portal", "partners", "--provider", "konnect", "--portal-id", PORTAL_ID)


def imported(bench: Bench, *words: str) -> Done:
    return portalctl(
        "import", *WORDS, *words, env={"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def odd(bench: Bench) -> Bench:
    """A portal on which hardly anything has an ordinary name."""
    addresses = dict.fromkeys(each for each in ADDRESSES if each)
    for index, address in enumerate(addresses):
        status = ("approved", "pending", "revoked", "rejected")[index % 4]
        bench.emails[address] = bench.sim.store.add_developer(PORTAL_ID, address, NAMES[index], status)
    for name in ("a: b", "x\\ud800", "../../etc", "##[error]x"):
        bench.team(name, *list(addresses)[:9], description="odd: #1")
    return bench


@pytest.mark.parametrize("split", [pytest.param((), marks=pytest.mark.slow), ("--split", "teams")])
def test_the_first_plan_is_empty_and_the_first_drift_run_quiet(odd: Bench, split: tuple[str, ...]) -> None:
    done = imported(odd, "--out", "portals", *split)
    assert done.code == 0, done.err
    assert odd.writes == []
    files = [path for path in odd.folder.rglob("*.yaml") if not path.name.startswith(".")]
    assert len(files) == (4 if split else 1)
    assert {named_schema(path) for path in files} == {(odd.folder / "manifest.v1.schema.json").resolve()}
    assert odd.run("plan", "--detailed-exitcode").code == 0
    drift = odd.run("drift")
    assert (drift.code, odd.run("drift", "-o", "json").json["notices"]) == (0, [])
    assert odd.run("validate").err == ""
    assert odd.run("fmt", "--check").code == 0
    Path("none.yaml").write_text("version: 1\nacknowledgements: []\n")
    assert odd.run("drift", "--acknowledge", "none.yaml").code == 2


def test_only_its_owner_can_read_what_is_written(bench: Bench) -> None:
    bench.team("city")
    done = imported(bench, "--out", "new/place", "--split", "teams")
    files = [Path("CODEOWNERS"), *(path for path in Path("new").rglob("*") if path.is_file())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    shown, _, after = done.out.partition("\n\n")
    assert sorted(shown.splitlines()) == sorted(map(str, files))
    assert after.splitlines() == [
        "1 team with 0 members. 0 approved developers and 0 pending developers keep their status.",
        "Next:  portalctl plan new/place",
        "       portalctl drift new/place",
        "       portalctl init     adds workflows, CODEOWNERS and .gitignore",
        "       Check the owners of each team's file in CODEOWNERS.",
    ]


def test_a_team_s_file_can_contain_that_team_alone(bench: Bench) -> None:
    """Each file is granted its own team, nothing but these files is granted anything, and admins own the rest."""
    long = "a team with a name that is " + "long " * 40 + "enough"
    for name in ("city", "Reds: & {Co}, #1", long):
        bench.team(name)
    done = imported(bench, "--out", "portals", "--split", "teams", "--owner", "@club/admins")
    assert done.code == 0, done.err
    for command in (("validate",), ("fmt", "--check"), ("plan", "--detailed-exitcode")):
        then = bench.run(*command)
        assert then.code == 0, (command, then.err)
    files = sorted(path.relative_to("portals").as_posix() for path in Path("portals/teams").iterdir())
    granted = YAML(typ="safe").load(Path("portals/partners.yaml"))["delegate"]
    assert {file: YAML(typ="safe").load(Path("portals", file))["teams"][0]["name"] for file in files} == {
        file: grant["teams"][0] for file, grant in granted.items()
    }
    first, *others = Path("CODEOWNERS").read_text().splitlines()
    assert first == "* @club/admins"
    owned = [line for line in others if line and not line.startswith("#")]
    assert sorted(owned) == [f"/portals/{file} @club/admins @club/{Path(file).stem}" for file in files]
    city = Path("portals/teams/city.yaml")
    city.write_text(city.read_text().replace("- name: city", "- name: admins"))
    refused = bench.run("plan")
    assert refused.code == 65
    assert "'admins': team not granted to this file (portals/partners.yaml:" in refused.err
    city.rename("portals/teams/other.yaml")
    assert "grants nothing to this file" in bench.run("plan").err


def test_a_team_that_the_identity_provider_owns_stays_in_the_root_file(bench: Bench) -> None:
    """`membership: idp` is never delegated; and without any split file nothing is granted to any."""
    bench.team("city")
    bench.sim.store.set_settings(PORTAL_ID, idp_mapping_enabled=True)
    assert imported(bench, "--out", "portals", "--split", "teams").code == 0
    assert not Path("portals/teams").exists()
    assert bench.run("plan", "--detailed-exitcode").code == 0
    assert bench.run("fmt", "--check").code == 0
    Path("portals/more.yaml").write_text("version: 1\nportal: partners\nteams: [{name: admins}]\n")
    assert bench.run("validate").code == 65


@pytest.mark.parametrize("name", ["CODEOWNERS", ".github/CODEOWNERS"])
def test_owners_that_are_there_stay(bench: Bench, name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("* @me\n")
    bench.team("city")
    done = imported(bench, "--out", "portals", "--split", "teams")
    assert (done.code, Path(name).read_text()) == (0, "* @me\n")
    assert f"{name} exists and is unchanged: add the line `* @your-org/portal-admins`" in done.out


def test_owners_are_written_at_the_top_of_the_repository(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.team("city")
    Path(".git").mkdir()
    Path("below here").mkdir()
    monkeypatch.chdir("below here")
    assert imported(bench, "--out", "portals", "--split", "teams").code == 0
    owners = Path("../CODEOWNERS").read_text()
    assert "/below\\ here/portals/teams/city.yaml @your-org/portal-admins @your-org/city\n" in owners


def test_without_out_the_manifest_is_the_output(bench: Bench) -> None:
    bench.people(approved=["ann@x.com"], revoked=["bob@x.com"])
    done = imported(bench)
    assert (done.code, tree(bench.folder)) == (0, {})
    (bench.folder / "partners.yaml").write_text(done.out)
    assert "bob@x.com" in done.out
    assert "$schema" not in done.out  # there is no such file
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_a_file_may_be_named(bench: Bench) -> None:
    bench.people(approved=["ann@x.com"])
    (bench.folder / "other.txt").write_text("here first")
    assert imported(bench, "--out", "portals/p.yml").code == 0
    assert sorted(tree(bench.folder)) == [".partners.acknowledged.yaml", "other.txt", "p.yml"]
    assert named_schema(bench.folder / "p.yml") is None
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_a_file_beside_the_schema_names_it(bench: Bench) -> None:
    (bench.folder / "manifest.v1.schema.json").write_text("{}")
    assert imported(bench, "--out", "portals/p.yml").code == 0
    assert named_schema(bench.folder / "p.yml") == (bench.folder / "manifest.v1.schema.json").resolve()
    assert (bench.folder / "manifest.v1.schema.json").read_text() == "{}"


def words_only(*words: str) -> Done:
    """With a server that must not be asked."""
    return portalctl("import", *WORDS, *words, env={"KONNECT_SERVER_URL": "http://127.0.0.1:1", "KONNECT_TOKEN": "x"})


@pytest.mark.wide(2)
@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("there", "out"),
    [
        ("portals/x", "portals"),
        ("portals/.hidden", "portals"),
        ("portals/p.yaml", "portals/p.yaml"),
        ("portals/p", "portals/p"),
    ],
)
def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, out: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portals").mkdir()
    Path(there).write_text("here first")
    done = words_only("--out", out)
    assert done.code == 64
    assert "nothing was read or written" in done.err
    assert tree(tmp_path) == {there: b"here first"}


def test_what_is_found_in_the_way_only_when_writing_is_not_overwritten_either(bench: Bench) -> None:
    Path("portals/p.yaml").symlink_to("../elsewhere.yaml")
    Path("portals/.partners.acknowledged.yaml").write_text("here first")
    for out in ("portals/p.yaml", "portals/q.yaml"):
        done = imported(bench, "--out", out)
        assert done.code == 64
        assert "nothing was written" in done.err
    assert not Path("elsewhere.yaml").exists()
    assert tree(bench.folder) == {".partners.acknowledged.yaml": b"here first"}
    assert sorted(path.name for path in bench.folder.iterdir()) == [".partners.acknowledged.yaml", "p.yaml"]


@pytest.mark.wide(2)
@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--portal", "Not A Handle"), "--portal: expected lower-case words"),
        (("--portal-id", "portal-1"), "expected a UUID"),
        (("--portal-id", "../x", "--provider", "api7"), "--portal-id: expected an id"),
        (("--provider", "api7", "--region", "eu"), "API7 Enterprise has no key 'region'"),
        (("--split", "teams"), "--split teams writes several files"),
        (("--owner", "@me"), "--owner requires --split teams"),
        (("--title", "Partners"), "expected either --portal-id or --title"),
        (("--split", "teams", "--out", "p.yaml"), "--split teams writes several files"),
    ],
)
def test_wrong_words_are_told_before_anything_is_read(words: tuple[str, ...], said: str) -> None:
    done = words_only(*words)
    assert done.code == 64
    assert said in done.err


def test_a_portal_that_cannot_be_read_leaves_nothing(bench: Bench) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    assert imported(bench, "--portal-id", missing, "--out", "new").code == 1
    assert not Path("new").exists()


def api7_env(sim: Api7Simulator) -> dict[str, str]:
    return {"API7_SERVER": sim.url, "API7_TOKEN": sim.token}


API7_WORDS = ("import", "--portal", "fans", "--provider", "api7", "--portal-id", "portal-1")


def fill_api7(sim: Api7Simulator, live: Snapshot | None, portal_id: str) -> None:
    sim.store.add_portal(portal_id, portal_id)
    people = [(each.email, each.status) for each in live.developers] if live else [(a, "approved") for a in ADDRESSES]
    for index, (address, status) in enumerate(people):
        state: State = "Active" if status == "approved" else "Pending"
        sim.store.sign_up(portal_id, address, NAMES[index], developer_id=f"{portal_id}_{index}", state=state)


def test_api7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Api7Simulator() as sim:
        fill_api7(sim, None, "portal-1")
        done = portalctl(*API7_WORDS, "--suggest-domains", "2", "--out", "portals", env=api7_env(sim))
        assert done.code == 0, done.err
        assert "#   - x.com  # " in Path("portals/fans.yaml").read_text()
        assert portalctl("plan", "--detailed-exitcode", env=api7_env(sim)).code == 0
        assert portalctl("drift", env=api7_env(sim)).code == 0


def test_the_examples_of_its_help(bench: Bench, tmp_path: Path) -> None:
    assert import_.help is not None
    text = import_.help.partition("Examples:\n")[2].replace("\\\n", " ")
    first, second = [shlex.split(line) for line in text.strip().splitlines()]
    bench.people(approved=["ann@x.com"])
    bench.folder.rmdir()
    assert (
        portalctl(*first[1:], env={"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}).code == 0
    )
    assert first[-4:] == ["--out", "portals/", "--split", "teams"]
    assert second[-2:] == [">", "portals/fans.yaml"]
    with Api7Simulator() as sim:
        sim.store.add_portal("portal-2", "Fans")
        done = portalctl(*second[1:-2], env=api7_env(sim))
    (tmp_path / second[-1]).write_text(done.out)
    assert portalctl("validate").out.splitlines()[-1] == "2 files are valid."


@pytest.fixture(scope="module")
def konnect() -> Iterator[Simulator]:
    with Simulator(seed={"portals": []}) as sim:
        yield sim


@pytest.fixture(scope="module")
def api7() -> Iterator[Api7Simulator]:
    with Api7Simulator(behaviour=Api7Behaviour()) as sim:
        yield sim


def check_first_day(name: str, words: tuple[str, ...], env: dict[str, str], *split: str) -> None:
    """Imported, the portal has an empty plan, quiet drift, and files that are valid and in canonical form."""
    with TemporaryDirectory() as folder:
        done = portalctl("import", "--portal", name, *words, "--out", f"{folder}/new", *split, env=env)
        assert done.code == 0, done.err
        for command in (
            ("plan", "--detailed-exitcode"),
            ("drift",),
            ("validate",),
            ("fmt", "--check"),
        ):
            then = portalctl(command[0], "-f", f"{folder}/new", *command[1:], env=env)
            assert then.code == 0, (command, then.out, then.err)
            assert command[0] != "validate" or then.err == ""


def sent(text: str) -> str:
    """What can be sent in UTF-8: half a character cannot."""
    return text.encode(errors="replace").decode()


@pytest.mark.slow
@settings(max_examples=60)
@given(odd_portals())
def test_any_konnect_portal(konnect: Simulator, live: Snapshot) -> None:
    classic = len(live.developers) % 3 == 0
    portal_id = konnect.store.add_portal(classic=classic)
    taken: set[str] = set()
    ids = {}
    for each in live.developers:
        if each.email and each.email not in taken and each.status != "asleep":
            taken.add(each.email)
            ids[each.id] = konnect.store.add_developer(portal_id, each.email, sent(each.full_name or ""), each.status)
    for name, team in {sent(team.name): team for team in live.teams}.items():
        team_id = konnect.store.add_team(portal_id, name, description=sent(team.description or ""))
        konnect.store.add_members(team_id, [ids[each] for each in live.members[team.id] if each in ids])
    settings = {"idp_mapping_enabled": bool(live.settings.team_mapping)}
    konnect.store.set_settings(portal_id, **settings)
    env = {"KONNECT_SERVER_URL": konnect.url, "KONNECT_TOKEN": konnect.token}
    split = ("--split", "teams") if len(live.teams) % 2 else ()
    provider = "konnect-v2" if classic else "konnect"
    check_first_day("partners", ("--provider", provider, "--portal-id", portal_id), env, *split)


@pytest.mark.slow
@settings(max_examples=60)
@given(odd_portals())
def test_any_api7_portal(api7: Api7Simulator, live: Snapshot) -> None:
    portal_id = f"portal-{len(api7.store.portals())}"
    fill_api7(api7, live, portal_id)
    check_first_day("fans", ("--provider", "api7", "--portal-id", portal_id), api7_env(api7))


def test_by_title_the_files_name_the_id(bench: Bench) -> None:
    bench.people(approved=["ann@x.com"])
    words = ("import", "--portal", "partners", "--provider", "konnect", "--title")
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl(*words, "Partners", "--out", "new", env=env)
    assert done.code == 0, done.err
    assert f"  id: {PORTAL_ID}\n" in Path("new/partners.yaml").read_text()
    assert portalctl("drift", "new", env=env).code == 0
    wrong = portalctl(*words, "Partner", "--out", "other", env=env)
    assert wrong.code == 1
    assert not Path("other").exists()


DOMAINS = ("a.example", "b.example", "c.example", "d.example")


@pytest.mark.parametrize("chosen", [("a.example",), ("c.example",), ("a.example", "d.example"), DOMAINS])
def test_following_the_comment_on_domains_leaves_the_file_canonical(bench: Bench, chosen: tuple[str, ...]) -> None:
    """Whichever of the suggested domains somebody trusts."""
    bench.people(approved=[f"{name}@{domain}" for name in ("x", "y", "z") for domain in reversed(DOMAINS)])
    bench.team("city", "x@a.example")
    assert imported(bench, "--out", "portals").code == 0
    file = Path("portals/partners.yaml")
    text = file.read_text().replace("# trusted_domains:", "trusted_domains:")
    for domain in chosen:
        text = text.replace(f"#   - {domain}", f"  - {domain}")
    file.write_text(text)
    assert bench.run("fmt", "--check").code == 0, bench.run("fmt", "--diff").out
    checked = bench.run("validate")
    assert (checked.code, checked.err) == (0, "")
    assert f"{len(chosen)} trusted domain" in checked.out
    file.write_text(text.replace("#   - ", "  - "))
    assert bench.run("fmt", "--check").code == 0


def test_approved_members_outside_trusted_domains_are_no_finding(bench: Bench) -> None:
    everyone = [f"p{number}@d{number}.example" for number in range(40)]
    bench.people(approved=everyone, pending=["new@z.example"])
    bench.team("city", *everyone, "new@z.example")
    assert imported(bench, "--out", "portals").code == 0
    assert (bench.run("validate").code, bench.run("validate").err) == (0, "")
    assert bench.run("snapshot", "--out", "s.json").code == 0
    checked = bench.run("validate", "--snapshot", "s.json")
    assert checked.err.count("warning PC006") == 1, "of the pending sign-up"
