"""`portalctl ci`: tell the CI service, and so the people who review, what the other commands found or did."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import click

from portalctl.changes.plan import Plan
from portalctl.changes.plan_document import MASKED
from portalctl.cli.ci_files import event_content, read_content
from portalctl.cli.console import Console
from portalctl.cli.masking import run_mask
from portalctl.cli.output_option import OutputPath, check_distinct, write_output
from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.http import Client, Server
from portalctl.integrations.ci_documents import Document, read
from portalctl.integrations.ci_event import Event, run_address
from portalctl.integrations.comment_text import Mode, comments, issues, summary
from portalctl.integrations.github import METHODS, GitHub
from portalctl.integrations.step_outputs import dotenv, outputs
from portalctl.integrations.sticky_comments import keep_comments, keep_issues
from portalctl.output.apply_report import Report
from portalctl.output.documents import Drift
from portalctl.output.escaping import github_output
from portalctl.output.github_annotations import command, worst
from portalctl.output.masked_documents import masked
from portalctl.output_file import Output, append

API = "https://api.github.com"

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def ci() -> None:
    """Tell GitHub or GitLab of a plan, of drift, or of an apply.

    FILE is what the other commands wrote: `plan --out FILE`, `drift -o json > FILE`, `apply --report FILE`. No token
    of a portal is needed here, so a step that may write comments needs to know none.

    \b
    Examples:
      portalctl ci github plan.json
      portalctl ci gitlab plan.json --dotenv portalctl.env
    """


@dataclass(frozen=True, slots=True)
class _Comment:
    """When to comment, where (None: on the pull request of the event), and as whom (None: whoever the token is)."""

    mode: Mode
    pull_request: int | None
    author: str | None


@ci.command()
@file_argument
@click.option(
    "--comment",
    type=click.Choice(["on-change", "always", "never"]),
    default="on-change",
    show_default=True,
    help="A plan: keep one comment for each portal on the pull request.",
)
@click.option("--pull-request", type=click.IntRange(min=1), metavar="N", show_default="that of the event")
@click.option("--issue", is_flag=True, help="Drift: open, update and close one issue for each portal.")
@click.option(
    "--author",
    metavar="LOGIN",
    help="Whom GITHUB_TOKEN writes as, where it is that of an app of yours: NAME[bot].",
)
@click.option("--show-emails", is_flag=True, help="Don't mask addresses, ids and the digest.")
def github(
    *, file: Path, comment: Mode, pull_request: int | None, issue: bool, author: str | None, show_emails: bool
) -> None:
    """Annotations, outputs and the job's summary on GitHub Actions; a comment for a plan, an issue for drift.

    Comments and issues need GITHUB_TOKEN. What is in FILE does not change the exit code: 0 unless something could
    not be told.

    \b
    Examples:
      portalctl ci github plan.json
      portalctl ci github drift.json --issue
      portalctl ci github report.json
    """
    document = _read(file)
    shown = document if show_emails or _is_masked(document) else masked(document, run_mask())
    for each in worst(shown):
        click.echo(command(each))
    _append(
        "GITHUB_OUTPUT",
        "".join(
            _entry(*each) for each in outputs(document, str(file), _digest(document, show_emails=show_emails)).items()
        ),
    )
    _append("GITHUB_STEP_SUMMARY", summary(shown))
    if isinstance(shown, Plan) and comment != "never":
        _comment(shown, _Comment(comment, pull_request, author))
    if isinstance(shown, Drift) and issue:
        _issue(shown, author)


@ci.command()
@file_argument
@click.option(
    "--dotenv",
    "dotenv_file",
    type=OutputPath(),
    required=True,
    help="Write PORTALCTL_DIGEST, PORTALCTL_HAS_CHANGES, PORTALCTL_REMOVALS and more, for artifacts:reports:dotenv. "
    "With PORTALCTL_MASK_KEY the digest is masked; `apply --expect-digest` accepts it where the same key is set.",
)
def gitlab(file: Path, dotenv_file: Output) -> None:
    """What later jobs on GitLab may need to know of a plan.

    \b
    Examples:
      portalctl ci gitlab plan.json --dotenv portalctl.env
      portalctl ci gitlab removals.json --dotenv removals.env
    """
    check_distinct()
    plan = _read(file)
    if not isinstance(plan, Plan):
        raise BadUsageError(f"{file} is no plan; `portalctl plan --out FILE` writes one")
    write_output("--dotenv", dotenv_file, dotenv(plan, str(file), _digest(plan)))


def _is_masked(document: Document) -> bool:
    """Whether a masked run wrote it. Masked again, its masks would differ from those shown elsewhere."""
    return isinstance(document, Report) and (document.plan is None or document.plan.startswith(MASKED))


def _digest(document: Document, *, show_emails: bool = False) -> str | None:
    """A plan's digest for later jobs, in a form that `apply --expect-digest` accepts: keyed where there is a key."""
    if not isinstance(document, Plan):
        return None
    return document.digest if show_emails else run_mask().digest(document.digest) or document.digest


def _comment(plan: Plan, wanted: _Comment) -> None:
    event = _event()
    number = wanted.pull_request or event.pull_request
    if number is None:
        click.echo("no comment: this run is not for a pull request", err=True)
        return
    with _client() as client:
        github = GitHub(client, event.repository, Console())
        bodies = comments(plan, wanted.mode, event.head, run_address(os.environ))
        keep_comments(github, number, bodies, wanted.author or github.author())


def _issue(drift: Drift, author: str | None) -> None:
    with _client() as client:
        github = GitHub(client, _event().repository, Console())
        keep_issues(github, issues(drift, run_address(os.environ)), author or github.author())


def _client() -> Client:
    token = secret(os.environ, "GITHUB_TOKEN")
    if token is None:
        raise BadUsageError("no GITHUB_TOKEN in the environment", "Comments and issues on GitHub need it.")
    url = os.environ.get("GITHUB_API_URL", "").rstrip("/") or API
    server = Server(url, token.value.strip(), url_source="GITHUB_API_URL", token_source=token.source)
    return Client(server, methods=METHODS, observer=Console())


def _event() -> Event:
    return Event.of(os.environ, event_content(os.environ))


def _read(path: Path) -> Document:
    return read(read_content(path), str(path))


def _append(variable: str, text: str) -> None:
    """Append to the file that the runner names in a variable; do nothing if it is not set.

    Raises BadUsageError, without the variable's value, if that file cannot be written to.
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
