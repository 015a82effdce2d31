"""`portalctl ci`: report the results of other commands on GitHub or GitLab."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import click

from portalctl.changes.plan import Plan
from portalctl.changes.plan_document import MASKED
from portalctl.cli.ci_files import event_content, job_links, read_content
from portalctl.cli.console import Console
from portalctl.cli.masking import run_mask
from portalctl.cli.output_option import OutputPath, check_distinct, write_output
from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.http import Client, Server
from portalctl.integrations import gitlab as gitlab_api
from portalctl.integrations.ci_documents import Document, read
from portalctl.integrations.ci_event import Event, run_address
from portalctl.integrations.comment_text import Mode, comments, issues, summary
from portalctl.integrations.github import METHODS, GitHub, PullRequest
from portalctl.integrations.step_outputs import dotenv, outputs
from portalctl.integrations.sticky_comments import update_comments, update_issues
from portalctl.output.apply_report import Report
from portalctl.output.documents import Drift
from portalctl.output.escaping import github_output
from portalctl.output.github_annotations import command, most_severe
from portalctl.output.masked_documents import masked
from portalctl.output_file import Output, append

API = "https://api.github.com"

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def ci() -> None:
    """Report a plan, drift or an apply on GitHub or GitLab.

    FILE is the output of another command: `plan --out FILE`, `drift -o json > FILE`, `apply --report FILE`. No portal
    token is needed, so that the CI step with permission to comment can run without one.

    \b
    Examples:
      portalctl ci github plan.json
      portalctl ci gitlab plan.json --dotenv portalctl.env
    """


@dataclass(frozen=True, slots=True)
class _CommentOptions:
    """When and where to comment. None: the pull request of the job, the account of the token, no link."""

    mode: Mode
    pull_request: int | None
    author: str | None
    report: str | None


@ci.command()
@file_argument
@click.option(
    "--comment",
    type=click.Choice(["on-change", "always", "never"]),
    default="on-change",
    show_default=True,
    help="For a plan: keep one comment for each portal on the pull request.",
)
@click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="the one of the job",
    help="The pull request to comment on.",
)
@click.option("--issue", is_flag=True, help="For drift: open, update and close one issue for each portal.")
@click.option(
    "--author",
    metavar="LOGIN",
    help="The account of GITHUB_TOKEN, if it is the token of your own app: NAME[bot].",
)
@click.option("--report-url", metavar="URL", help="The address of the full report, to link it in the comment.")
@click.option("--show-emails", is_flag=True, help="Do not mask addresses, ids and the digest.")
def github(
    *,
    file: Path,
    comment: Mode,
    pull_request: int | None,
    issue: bool,
    author: str | None,
    report_url: str | None,
    show_emails: bool,
) -> None:
    """Report in a job of GitHub Actions.

    This writes annotations, outputs and the job summary, a comment for a plan, and an issue for drift. Comments and
    issues need GITHUB_TOKEN. The exit code does not depend on the content of FILE: it is 0 unless something could not
    be written.

    \b
    Examples:
      portalctl ci github plan.json
      portalctl ci github drift.json --issue
      portalctl ci github report.json
    """
    document = _read(file)
    shown = document if show_emails or _is_masked(document) else masked(document, run_mask())
    for annotation in most_severe(shown):
        click.echo(command(annotation))
    values = outputs(document, str(file), _digest(document, show_emails=show_emails))
    _append("GITHUB_OUTPUT", "".join(_entry(name, value) for name, value in values.items()))
    _append("GITHUB_STEP_SUMMARY", summary(shown, job_links(report_url)))
    if isinstance(shown, Plan) and comment != "never":
        _comment(shown, _CommentOptions(comment, pull_request, author, report_url))
    if isinstance(shown, Drift) and issue:
        _issue(shown, author)


@ci.command()
@file_argument
@click.option(
    "--dotenv",
    "dotenv_file",
    type=OutputPath(),
    help="Write PORTALCTL_DIGEST, PORTALCTL_HAS_CHANGES, PORTALCTL_REMOVALS and more, for artifacts:reports:dotenv. "
    "With PORTALCTL_MASK_KEY the digest is masked; `apply --expect-digest` accepts it if the same key is set.",
)
@click.option(
    "--note",
    type=click.Choice(["on-change", "always", "never"]),
    default="never",
    show_default=True,
    help="Keep one note for each portal on the merge request. Needs GITLAB_TOKEN with the scope api.",
)
@click.option(
    "--merge-request",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="the one of the pipeline",
    help="The merge request to write the note on.",
)
@click.option("--report-url", metavar="URL", help="The address of the full report, to link it in the note.")
@click.option("--author", metavar="NAME", help="The user name of GITLAB_TOKEN.")
@click.option("--show-emails", is_flag=True, help="Do not mask addresses, ids and the digest in the note.")
def gitlab(
    *,
    file: Path,
    dotenv_file: Output | None,
    note: Mode,
    merge_request: int | None,
    report_url: str | None,
    author: str | None,
    show_emails: bool,
) -> None:
    """Report a plan in a job of GitLab.

    This writes figures of the plan for later jobs, and a note on the merge request.

    \b
    Examples:
      portalctl ci gitlab plan.json --dotenv portalctl.env
      portalctl ci gitlab plan.json --note on-change
    """
    check_distinct()
    plan = _read(file)
    if not isinstance(plan, Plan):
        raise BadUsageError(f"{file} is not a plan", "Write one with: portalctl plan --out FILE")
    if dotenv_file is not None:
        write_output("--dotenv", dotenv_file, dotenv(plan, str(file), _digest(plan)))
    if note != "never":
        shown = plan if show_emails else masked(plan, run_mask())
        _note(shown, _CommentOptions(note, merge_request, author, report_url))


def _note(plan: Plan, options: _CommentOptions) -> None:
    pipeline = os.environ.get("CI_MERGE_REQUEST_IID", "")
    number = options.pull_request or (int(pipeline) if pipeline.isdecimal() and pipeline.isascii() else None)
    if number is None:
        click.echo("no note: this pipeline is not for a merge request", err=True)
        return
    token = secret(os.environ, "GITLAB_TOKEN")
    if token is None:
        raise BadUsageError(
            "GITLAB_TOKEN is not set", "Set it to a project access token with the scope api, or pass --note never."
        )
    url, project = (os.environ.get(name, "") for name in ("CI_API_V4_URL", "CI_PROJECT_ID"))
    if not url or not project:
        raise BadUsageError("CI_API_V4_URL or CI_PROJECT_ID is not set", "GitLab sets both in each job.")
    server = Server(url.rstrip("/"), token.value.strip(), url_source="CI_API_V4_URL", token_source=token.source)
    with Client(server, methods=gitlab_api.METHODS, observer=Console()) as client:
        head = os.environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or os.environ.get("CI_COMMIT_SHA")
        bodies = comments(plan, options.mode, head, job_links(options.report))
        update_comments(gitlab_api.MergeRequest(client, project, number), bodies, options.author)


def _is_masked(document: Document) -> bool:
    """Return whether a document is already masked. Masked again, it would have other masks than other output."""
    return isinstance(document, Report) and (document.plan is None or document.plan.startswith(MASKED))


def _digest(document: Document, *, show_emails: bool = False) -> str | None:
    """Return a plan's digest as `apply --expect-digest` accepts it: masked if there is a key. None for no plan."""
    if not isinstance(document, Plan):
        return None
    return document.digest if show_emails else run_mask().digest(document.digest) or document.digest


def _comment(plan: Plan, options: _CommentOptions) -> None:
    event = _event()
    number = options.pull_request or event.pull_request
    if number is None:
        click.echo("no comment: this run is not for a pull request", err=True)
        return
    with _client() as client:
        github = GitHub(client, event.repository, Console())
        bodies = comments(plan, options.mode, event.head, job_links(options.report))
        update_comments(PullRequest(github, number), bodies, options.author)


def _issue(drift: Drift, author: str | None) -> None:
    with _client() as client:
        github = GitHub(client, _event().repository, Console())
        update_issues(github, issues(drift, run_address(os.environ)), author or github.author())


def _client() -> Client:
    token = secret(os.environ, "GITHUB_TOKEN")
    if token is None:
        raise BadUsageError("GITHUB_TOKEN is not set", "Comments and issues on GitHub need it.")
    url = os.environ.get("GITHUB_API_URL", "").rstrip("/") or API
    server = Server(url, token.value.strip(), url_source="GITHUB_API_URL", token_source=token.source)
    return Client(server, methods=METHODS, observer=Console())


def _event() -> Event:
    return Event.of(os.environ, event_content(os.environ))


def _read(path: Path) -> Document:
    return read(read_content(path), str(path))


def _append(variable: str, text: str) -> None:
    """Append to the file that the runner names in a variable; do nothing if the variable is not set.

    Raises BadUsageError, without the value of the variable, if the file cannot be written.
    """
    name = os.environ.get(variable)
    if not name:
        return
    try:
        append(name, text)
    except OSError as error:
        raise BadUsageError(f"cannot write to the file named by {variable}: {error.strerror}") from error


def _entry(name: str, value: str) -> str:
    return github_output(name, value, secrets.token_hex(16))
