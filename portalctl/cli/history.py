"""`portalctl history`: the runs, changes and decisions of the controller, each with its user and reason."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from portalctl.cli.console import show, style_for
from portalctl.cli.controller_client import ControllerPlace, controller
from portalctl.cli.database_option import DatabaseOptions, database_options, open_store
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.output_option import OutputPath, write_output
from portalctl.cli.session import read_file
from portalctl.errors import BadUsageError, Finding, InputError, PortalctlError, Position
from portalctl.output.apply_report import Report
from portalctl.output.documents import read, render
from portalctl.output.escaping import terminal
from portalctl.output.history import History
from portalctl.output_file import Output
from portalctl.run_context import utc_now
from portalctl.words import plural, quoted

portal_option = click.option("--portal", metavar="NAME", help="Only this portal.")
since_option = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="Only from this day on (UTC, YYYY-MM-DD).",
)


@click.group(invoke_without_command=True)
@database_options
@click.option("--server", metavar="URL", help="Ask this controller, instead of its database.")
@click.option(
    "--ca-file", type=click.Path(path_type=Path, dir_okay=False), help="Certificates (PEM) to trust for --server."
)
@click.option("--developer", metavar="ADDRESS", help="Only this developer: an address or a developer id.")
@portal_option
@since_option
@form_option("history")
@mask_option
@click.pass_context
def history(
    ctx: click.Context,
    *,
    place: DatabaseOptions,
    server: str | None,
    ca_file: Path | None,
    developer: str | None,
    portal: str | None,
    since: datetime | None,
    output: str,
) -> None:
    """Show the controller's history: runs, changes with their reasons, decisions, drift, and changes by others.

    It begins with the time from which it is complete and the writers that it covers. Of each kind the newest 1,000
    entries are shown; `export` has all. No developer's access is decided from it.

    \b
    Examples:
      portalctl history --portal partners
      portalctl history --developer ann@example.com --server http://127.0.0.1:8350
      portalctl history import report.json
    """
    if ctx.invoked_subcommand is not None:
        _check_no_options(ctx)
        return
    if server is not None:
        document = _asked(ControllerPlace(server, "--server", ca_file), portal, developer, since)
    else:
        with open_store(place, "history") as store:
            document = store.history(utc_now(), portal=portal, developer=developer, since=_utc(since))
    style = style_for(sys.stdout)
    show(render(shown(document), output, style), style)


def _asked(place: ControllerPlace, portal: str | None, developer: str | None, since: datetime | None) -> History:
    """Return the history that a controller answers with. Raises PortalctlError."""
    day = since.strftime("%Y-%m-%d") if since is not None else None
    params = {"portal": portal, "developer": developer, "since": day}
    with controller(place) as api:
        content = api.get_text("/v1/history", {name: value for name, value in params.items() if value is not None})
    document = read(content, f"{place.url}/v1/history")
    if not isinstance(document, History):
        raise PortalctlError(f"{place.url} returned a {document.kind} instead of its history", "Check --server.")
    return document


@history.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="REPORT...")
@database_options
def import_(*, files: tuple[Path, ...], place: DatabaseOptions) -> None:
    """Add reports of applies outside the controller (`apply --report`), such as those of CI.

    A report that is already there changes nothing.

    \b
    Examples:
      portalctl history import report.json
      portalctl history import --state /var/lib/portalctl report.json
    """
    with open_store(place, "history import") as store:
        from portalctl.controller.report_import import check_report, import_report

        reports = [(file, _report(file)) for file in files]
        for file, report in reports:
            check_report(report, str(file), utc_now())
        for file, report in reports:
            new = import_report(store, report)
            changes = sum(len(portal.changes) for portal in report.portals)
            text = f"imported, {plural(len(new), 'run')} with {plural(changes, 'change')}" if new else "nothing new"
            click.echo(f"{terminal(str(file))}: {text}")


@history.command()
@database_options
@portal_option
@since_option
@click.option("--evidence", is_flag=True, help="One document for each run with changes: see `history evidence`.")
@click.option("--out", type=OutputPath(), metavar="FILE", help="Write to this file (mode 0600).  [default: stdout]")
@mask_option
def export(
    *, place: DatabaseOptions, portal: str | None, since: datetime | None, evidence: bool, out: Output | None
) -> None:
    """Write the whole history as JSON lines.

    \b
    Examples:
      portalctl history export --since 2026-01-01 --out history.jsonl
      portalctl history export --evidence --portal partners --out evidence.jsonl
    """
    now = utc_now()
    with open_store(place, "history export") as store:
        document = store.history(now, portal=portal, since=_utc(since), limit=None)
        if evidence:
            changed = {change.run for change in document.changes}
            runs = [store.evidence(run.id, now) for run in document.runs if run.id in changed]
            text = "".join(render(shown(run), "jsonl") for run in runs if run is not None)
        else:
            text = render(shown(document), "jsonl")
    if out is None:
        show(text, style_for(sys.stdout))
    else:
        write_output("--out", out, text)


@history.command("evidence")
@click.argument("run")
@database_options
@form_option("evidence")
@mask_option
def evidence_(*, run: str, place: DatabaseOptions, output: str) -> None:
    """Show the evidence of one run: plan, approver, commit, result of each change, and the drift afterwards.

    RUN is its id, or the beginning of it.

    \b
    Examples:
      portalctl history evidence 4f2a90c1d7e3
      portalctl history evidence 4f2a90c1d7e3 -o html
    """
    with open_store(place, "history evidence") as store:
        document = store.evidence(run, utc_now())
    if document is None:
        raise BadUsageError(f"{quoted(run)}: no single run has this id", "portalctl history lists the runs.")
    style = style_for(sys.stdout)
    show(render(shown(document), output, style), style)


def _report(file: Path) -> Report:
    document = read(read_file(file, "report"), str(file))
    if not isinstance(document, Report):
        message = f"this is a {document.kind}; expected a report of an apply"
        raise InputError((Finding(Position(str(file), 1, 1), message),))
    return document


def _utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day is not None else None


def _check_no_options(ctx: click.Context) -> None:
    """Raise BadUsageError for an option before a subcommand, which would have no effect."""
    for param in ctx.command.params:
        if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            option, command = param.opts[0], f"{ctx.command_path} {ctx.invoked_subcommand}"
            raise BadUsageError(f"{option} has no effect before a subcommand", f"Use: {command} {option} …")
