"""What GitHub may return to a call: rate limits, pages, posts that are gone, and what is not allowed."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from portalctl.integrations.github import rate_limit
from tests.integrations.conftest import EVERYDAY, NOTHING, Job
from tests.integrations.stand_in import BOT, TOKEN, GitHub, Refusal

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # many cases, each with a simulator of its own
COMMENTS = "/repos/club/portal/issues/7/comments"
MARK = "<!-- portalctl plan of partners -->\n"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def reset(seconds: int) -> dict[str, str]:
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + seconds)}


@pytest.mark.wide(2)
@pytest.mark.parametrize("ending", [COMMENTS, "/user"])
@pytest.mark.parametrize(
    ("status", "headers"),
    [(403, {"Retry-After": "1"}), (403, reset(0)), (429, {"Retry-After": "1"})],
)
def test_a_rate_limit_is_waited_for(job: Job, ending: str, status: int, headers: dict[str, str]) -> None:
    """403 means a missing permission only without the marks of a rate limit."""
    method = "GET" if ending == "/user" else "POST"
    job.github.refusals.append(Refusal(method, ending, status, "API rate limit exceeded", headers))
    done = job.run(job.plan(EVERYDAY))
    assert done.code == 0, done.err
    assert "waiting " in done.err
    assert ("GitHub requested it (rate limit)" in done.err) == (status == 403)
    assert [comment.login for comment in job.github.comments] == [BOT]
    assert job.github.writes == [f"POST {COMMENTS}"] * (1 if method == "GET" else 2)


@pytest.mark.parametrize("ending", [COMMENTS, "/user"])
@pytest.mark.parametrize("headers", [reset(3000), {"Retry-After": "3000"}])
def test_no_run_waits_for_an_hour(job: Job, ending: str, headers: dict[str, str]) -> None:
    job.github.refusals.append(Refusal("GET", ending, 403, "API rate limit exceeded", headers))
    done = job.run(job.plan(EVERYDAY))
    assert (done.code, job.github.writes) == (1, [])
    assert f"GitHub returned 403 to GET {ending}" in done.err
    assert "Run the job again after the rate limit is reset" in done.err
    assert "permissions:" not in done.err


def test_which_refusals_are_rate_limits() -> None:
    now = 1_800_000_000
    date = {"date": formatdate(now, usegmt=True)}
    none, left = {"x-ratelimit-remaining": "0"}, {"x-ratelimit-remaining": "4999"}
    assert rate_limit(403, left, "Resource not accessible by integration") is None
    assert rate_limit(404, none, "Not Found") is None
    assert rate_limit(200, none, "") is None
    assert rate_limit(403, {**none, **date, "x-ratelimit-reset": str(now + 20)}, "") == 21
    assert rate_limit(403, {**none, **date, "x-ratelimit-reset": str(now - 20)}, "") == 1
    for odd in ("", "soon", "-1", "1e9", "9" * 400, "٣"):
        assert rate_limit(403, {**none, **date, "x-ratelimit-reset": odd}, "") == 60
    assert rate_limit(403, {"retry-after": "7", **none}, "") == 7
    assert rate_limit(403, {"retry-after": "soon"}, "") == 60
    assert rate_limit(403, left, SECONDARY) == 60
    assert rate_limit(403, left, "You have triggered an abuse detection mechanism") == 60
    assert rate_limit(429, {}, "") == 60


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (403, "Unable to create comment because issue is locked.", "Unlock the conversation on GitHub"),
        (403, "Resource not accessible by integration", "pull-requests: write"),
        (404, "Not Found", "pull-requests: write"),
        (410, "Issues are disabled for this repo", "Enable issues in the repository settings"),
        (422, "Body is too long (maximum is 65536 characters)", "each with --portal NAME"),
        (301, "Moved Permanently", "Check GITHUB_REPOSITORY"),
        (502, "Server Error", "https://www.githubstatus.com"),
    ],
)
def test_each_refusal_has_its_own_advice(job: Job, status: int, message: str, advice: str) -> None:
    job.github.refusals.append(Refusal("POST", COMMENTS, status, message))
    done = job.run(job.plan(EVERYDAY))
    assert done.code == 1
    assert f"error: GitHub returned {status} to POST {COMMENTS}: {message}\n" in done.err
    assert advice in done.err
    assert ("permissions:" in done.err) == (advice == "pull-requests: write")
    assert job.github.writes == [f"POST {COMMENTS}"], "sent once"
    assert TOKEN not in done.err


@pytest.mark.parametrize("status", [404, 410])
def test_a_comment_that_is_deleted_meanwhile_is_posted_anew(job: Job, status: int) -> None:
    gone = job.github.comment(BOT, MARK + "old")
    job.github.refusals.append(Refusal("PATCH", f"/issues/comments/{10_000 + gone.number}", status, "Not Found"))
    assert job.run(job.plan(EVERYDAY)).code == 0
    assert [call.partition(" ")[0] for call in job.github.writes] == ["PATCH", "POST"]
    assert str(job.github.comments[-1].body).startswith(MARK + "## Portal access")


def test_a_deleted_comment_that_has_nothing_to_say_stays_away(job: Job) -> None:
    gone = job.github.comment(BOT, MARK + "old")
    job.github.before = lambda call: job.github.comments.clear() if call.startswith("PATCH") else None
    assert job.run(job.plan(NOTHING)).code == 0
    assert job.github.comments == []
    assert gone.body == MARK + "old"


@pytest.mark.parametrize("has_links", [True, False])
def test_pages_are_followed_by_links_and_without_them_by_number(job: Job, has_links: bool) -> None:
    job.github.page_size, job.github.has_links = 2, has_links
    for number in range(5):
        job.github.comment("ann", f"comment {number}")
    ours = job.github.comment(BOT, MARK + "old")
    assert job.run(job.plan(EVERYDAY)).code == 0
    assert ours.body != MARK + "old"
    assert job.github.calls.count(f"GET {COMMENTS}") == (3 if has_links else 4)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9/repos/x", "https://evil.example/", "//evil.example/", "/repos", "{}.evil.example/x"],
)
def test_the_token_follows_no_link_to_another_server(job: Job, address: str) -> None:
    job.github.page_size, job.github.next_page = 1, address.format(job.github.url)
    for number in range(2):
        job.github.comment("ann", f"comment {number}")
    done = job.run(job.plan(EVERYDAY))
    assert done.code == 1
    assert f"the next page of GET {COMMENTS}?per_page=100 is not on the API server" in done.err
    assert job.github.writes == []


def test_a_list_without_end_is_an_error(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.integrations.github.MOST_PAGES", 5)
    job.github.page_size, job.github.next_page = 1, f"{job.github.url}{COMMENTS}?per_page=1&page=1"
    for number in range(2):
        job.github.comment("ann", f"comment {number}")
    done = job.run(job.plan(EVERYDAY))
    assert (done.code, f"GET {COMMENTS}: no last page" in done.err) == (1, True)


def test_pages_of_an_enterprise_server(job: Job) -> None:
    with GitHub(prefix="/api/v3", page_size=1) as github:
        for number in range(3):
            github.comment("ann", f"comment {number}")
        ours = github.comment(BOT, MARK + "old")
        assert Job(job.folder, github).run(job.plan(EVERYDAY)).code == 0
        assert ours.body != MARK + "old"


def test_the_token_may_be_in_a_file(job: Job) -> None:
    (job.folder / "token").write_text(f"{TOKEN}\n")
    assert job.run(job.plan(EVERYDAY), GITHUB_TOKEN="", GITHUB_TOKEN_FILE=str(job.folder / "token")).code == 0
    assert len(job.github.comments) == 1
