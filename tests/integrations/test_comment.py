"""One comment for each portal on a pull request: ours, found on any page, kept up to date, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from portalctl.insight.base import Base
from portalctl.integrations.marker import Posted, marked, ours
from tests.changes.build import developer, planned, portal, snapshot, team, trusted
from tests.integrations.conftest import EVERYDAY, HEAD, NOTHING, Job
from tests.integrations.stand_in import BOT, MOST, TOKEN, GitHub, Refusal
from tests.output.hostile import HOSTILE
from tests.output.plans import refused

pytestmark = pytest.mark.slow

COMMENTS = "/repos/club/portal/issues/7/comments"
MARK = "<!-- portalctl plan of partners -->\n"


def test_a_comment_is_made_once_and_then_kept_up_to_date(job: Job) -> None:
    assert job.run(job.plan(EVERYDAY)).code == 0
    (comment,) = job.github.comments
    assert comment.body is not None
    assert comment.body.startswith(MARK + "## Portal access · `partners`: ")
    assert "`portals/partners.yaml:11`" in comment.body
    assert f"commit `{HEAD}`" in comment.body
    assert job.run(job.plan(EVERYDAY)).code == 0
    assert job.github.writes == [f"POST {COMMENTS}"], "the same again is not sent"

    assert job.run(job.plan(NOTHING)).code == 0
    (comment,) = job.github.comments
    assert "nothing to do" in str(comment.body), "what was said before is no longer so"


@pytest.mark.parametrize("page_size", [2, 1, 30, 100])
def test_ours_is_found_on_whatever_page_it_is(job: Job, page_size: int) -> None:
    """However many the server gives for a page, though a hundred were asked for."""
    job.github.page_size = page_size
    for number in range(page_size * 2 + 1):
        job.github.comment("ann", f"comment {number}")
    ours = job.github.comment(BOT, MARK + "old")
    job.github.comment(BOT, "<!-- portalctl plan of others -->\nanother portal's")
    before = [each.body for each in job.github.comments]
    assert job.run(job.plan(EVERYDAY)).code == 0
    changed = [each for each, body in zip(job.github.comments, before, strict=True) if each.body != body]
    assert changed == [ours]


@pytest.mark.parametrize("login", ["mallory", None])
def test_a_comment_of_someone_else_is_not_touched_though_it_has_our_mark(job: Job, login: str | None) -> None:
    theirs = job.github.comment(login, MARK + "everything is fine, merge it")
    assert job.run(job.plan(EVERYDAY)).code == 0
    assert theirs.body == MARK + "everything is fine, merge it"
    assert [each.login for each in job.github.comments] == [login, BOT]


@pytest.mark.parametrize(
    ("login", "words", "author"), [("Robot", (), "robot"), (None, ("--author", "club[bot]"), "club[bot]")]
)
def test_ours_is_what_the_token_wrote(job: Job, login: str | None, words: tuple[str, ...], author: str) -> None:
    """The token of a person tells whose it is; that of an app has to be told."""
    job.github.login = login
    others, ours = job.github.comment(BOT, MARK + "old"), job.github.comment(author, MARK + "old")
    assert job.run(job.plan(EVERYDAY), *words).code == 0
    assert others.body == MARK + "old"
    assert ours.body != MARK + "old"


def test_a_comment_that_would_not_be_found_again_is_an_error(job: Job) -> None:
    job.github.app = "club[bot]"
    done = job.run(job.plan(EVERYDAY))
    assert (done.code, "--author club[bot]" in done.err) == (1, True)
    assert job.run(job.plan(EVERYDAY), "--author", "club[bot]").code == 0
    assert len(job.github.comments) == 1


def test_addresses_are_masked_unless_they_are_asked_for(job: Job) -> None:
    done = job.run(job.plan(EVERYDAY))
    said = f"{job.github.comments[0].body}{job.summary}{done.out}{done.err}"
    assert "@arsenal.com" in said
    assert "peter" not in said
    assert job.run(job.plan(EVERYDAY), "--show-emails").code == 0
    assert "`peter@arsenal.com`" in str(job.github.comments[0].body)


@pytest.mark.parametrize(("mode", "made"), [("on-change", 0), ("always", 1), ("never", 0)])
def test_a_plan_that_changes_nothing_is_worth_a_comment_only_when_asked(job: Job, mode: str, made: int) -> None:
    assert job.run(job.plan(NOTHING), "--comment", mode).code == 0
    assert len(job.github.comments) == made
    assert "nothing to do" in job.summary


def test_a_change_that_takes_a_portal_out_is_worth_a_comment(job: Job) -> None:
    (gone,) = Base({"second": replace(portal(), name="second")}).without({}).notices()
    assert job.run(job.plan(replace(NOTHING, notices=(gone,)))).code == 0
    (comment,) = job.github.comments
    assert "portal second is in the base only" in str(comment.body)


def test_a_refused_plan_is_told_and_is_no_error_of_the_telling(job: Job) -> None:
    assert job.run(job.plan(refused(EVERYDAY))).code == 0
    assert "### Refused" in str(job.github.comments[0].body)


def test_each_portal_has_its_own_and_one_that_fails_holds_up_no_other(job: Job) -> None:
    job.github.refusals.append(Refusal("POST", COMMENTS, 422))
    done = job.run(job.plan(replace(EVERYDAY, name="one"), replace(EVERYDAY, name="two", portal_id="p-2")))
    assert done.code == 1
    assert "GitHub returned 422 to POST" in done.err
    assert [str(each.body).partition("\n")[0] for each in job.github.comments] == ["<!-- portalctl plan of two -->"]


def test_a_comment_that_cannot_be_made_is_an_error_after_all_else_was_told(job: Job) -> None:
    job.github.can_write = False
    done = job.run(job.plan(EVERYDAY))
    assert done.code == 1
    assert "GitHub returned 403 to POST" in done.err
    assert "pull-requests: write" in done.err
    assert "### Removals" in job.summary
    assert job.outputs["has-changes"] == "true"


@pytest.mark.parametrize(
    ("env", "code", "said"),
    [
        ({"GITHUB_TOKEN": "ghs_wrong"}, 1, "GitHub returned 401"),
        ({"GITHUB_TOKEN": ""}, 64, "GITHUB_TOKEN is not set"),
        ({"GITHUB_API_URL": "http://github.example"}, 64, "plain http"),
        ({"GITHUB_REPOSITORY": "../../other"}, 64, "GITHUB_REPOSITORY"),
        ({"GITHUB_EVENT_PATH": "nowhere.json"}, 64, "cannot read 'nowhere.json': No such file"),
        ({"GITHUB_STEP_SUMMARY": "/nowhere/summary"}, 64, "GITHUB_STEP_SUMMARY"),
    ],
)
def test_what_is_wrong_around_it_is_said_without_the_token(
    job: Job, env: dict[str, str], code: int, said: str
) -> None:
    done = job.run(job.plan(EVERYDAY), **env)
    assert (done.code, said in done.err) == (code, True), done.err
    assert TOKEN not in done.err + done.out
    assert "ghs_wrong" not in done.err + done.out
    assert job.github.writes == []


def test_an_answer_that_is_not_githubs_is_an_error(job: Job) -> None:
    with GitHub(odd={"/user": [{"name": "an index of files"}]}) as other:
        done = Job(job.folder, other).run(job.plan(EVERYDAY))
    assert (done.code, "Check that GITHUB_API_URL is the address of GitHub's API." in done.err) == (1, True)


def test_the_api_of_an_enterprise_server_has_a_path(job: Job) -> None:
    with GitHub(prefix="/api/v3") as github:
        assert Job(job.folder, github).run(job.plan(EVERYDAY)).code == 0
        assert len(github.comments) == 1


def test_outside_a_pull_request_there_is_nothing_to_comment_on(job: Job) -> None:
    job.pull_request = None
    assert job.run(job.plan(EVERYDAY)).code == 0
    assert job.github.calls == []
    assert job.run(job.plan(EVERYDAY), "--pull-request", "7").code == 0
    assert len(job.github.comments) == 1


def test_the_largest_comment_has_room(job: Job) -> None:
    """GitHub counts characters, and every one of these takes several bytes."""
    name = "ä" * 60
    manifest = portal(trusted_domains=(trusted("club.example", name),), teams=(team(name),))
    people = [developer(f"{'x' * 40}{number}@club.example", "pending", f"p{number}") for number in range(1000)]
    assert job.run(job.plan(planned(manifest, snapshot(*people))), "--show-emails").code == 0
    body = str(job.github.comments[0].body)
    assert 50_000 < len(body.encode()) < MOST
    assert "more** grants" in body


def test_a_plan_that_was_edited_is_refused(job: Job) -> None:
    path = Path(job.plan(EVERYDAY))
    plan = json.loads(path.read_text())
    plan["portals"][0]["changes"].clear()
    path.write_text(json.dumps(plan))
    assert (job.run(str(path)).code, job.github.calls) == (3, [])


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "drift"}', "[]", '{"kind": []}', '{"kind": "other"}', "\0"])
def test_what_is_no_document_is_bad_input(job: Job, content: str) -> None:
    (job.folder / "x.json").write_text(content)
    assert job.run(str(job.folder / "x.json")).code == 65


def test_a_mark_counts_at_the_beginning_and_for_one_portal_only() -> None:
    mine = marked("plan", "partners", "text")
    assert ours([Posted(1, BOT, mine)], "plan", "partners", BOT) is not None
    for other in (f"> {mine}", mine.replace("partners", "partners-2"), marked("drift", "partners", "text")):
        assert ours([Posted(1, BOT, other)], "plan", "partners", BOT) is None
    for text in HOSTILE:
        assert ours([Posted(1, text, mine)], "plan", "partners", BOT) is None
