"""`portalctl acknowledge`: accept drift findings, in the file that the root file names."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import click
from pydantic import ValidationError

from portalctl import flow
from portalctl.cli.completers import one_more_of
from portalctl.cli.masking import mask_option
from portalctl.cli.options import Target, choices, target_options_only
from portalctl.cli.paths import manifest_paths
from portalctl.cli.prompts import ask
from portalctl.cli.session import Session, open_session
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.insight.acknowledged_drift import acknowledged, all_findings, has_ended
from portalctl.insight.drift import FAILING, KINDS, DriftFinding, PortalDrift
from portalctl.manifest.acknowledgements_file import (
    Acknowledgement,
    is_complete,
    named_acknowledgements,
    read_acknowledgements,
)
from portalctl.manifest.acknowledgements_text import edited_text, entry, new_text
from portalctl.manifest.file_models import AcknowledgementEntry
from portalctl.manifest.model import NamedFile
from portalctl.output.escaping import terminal
from portalctl.output_file import PRIVATE, check_stdout, replace_file, rewrite
from portalctl.words import did_you_mean, plural, quoted

_ID = re.compile(r"f[0-9a-f]{12}")


def _ids(ctx: click.Context, param: click.Parameter, values: Iterable[str]) -> tuple[str, ...]:
    found = []
    for value in values:
        text = value.strip().strip("[]").lower()  # `drift` prints ids in brackets
        if not _ID.fullmatch(text):
            hint = "; name files and folders with -f" if os.path.lexists(value) else ""
            raise click.BadParameter(
                f"{quoted(value)} is not the id of a finding; expected f and 12 hexadecimal digits{hint}",
                ctx=ctx,
                param=param,
            )
        found.append(text)
    return tuple(dict.fromkeys(found))


def _day(ctx: click.Context, param: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise click.BadParameter(f"{quoted(value)} is not a date; expected YYYY-MM-DD", ctx=ctx, param=param)


@dataclass(frozen=True, slots=True)
class _Request:
    """The findings to acknowledge, and how."""

    ids: tuple[str, ...]
    kinds: frozenset[str] | None
    every: bool
    prune: bool
    expires: date | None

    @property
    def adds(self) -> bool:
        return bool(self.ids or self.kinds or self.every)

    def selects(self, finding: DriftFinding) -> bool:
        kinds = self.kinds or (FAILING if self.every else frozenset())
        return finding.fingerprint in self.ids or finding.kind in kinds


@dataclass(slots=True)
class _Edit:
    """The changes of one file: entries to write, with their findings, and acknowledgements to remove."""

    named: NamedFile
    add: dict[str, tuple[DriftFinding, AcknowledgementEntry]] = field(default_factory=dict)
    remove: dict[str, Acknowledgement] = field(default_factory=dict)


@click.command()
@click.argument("ids", nargs=-1, metavar="[FINDING]...", callback=_ids)
@target_options_only
@click.option("--reason", metavar="TEXT", help="The reason for accepting the findings.")
@click.option(
    "--expires",
    metavar="DAY",
    callback=_day,
    help="The last day of the acknowledgement (YYYY-MM-DD, UTC).  [default: no end]",
)
@click.option("--all", "every", is_flag=True, help="Accept all findings that make `portalctl drift` exit with 2.")
@click.option(
    "--kind",
    "kinds",
    callback=choices(KINDS),
    shell_complete=one_more_of(KINDS),
    metavar="KIND,…",
    help=f"Accept all findings of these kinds: {', '.join(KINDS)}.",
)
@click.option("--prune", is_flag=True, help="Remove entries that have expired or match no finding.")
@mask_option
def acknowledge(
    *,
    ids: tuple[str, ...],
    target: Target,
    reason: str | None,
    expires: date | None,
    every: bool,
    kinds: frozenset[str] | None,
    prune: bool,
) -> None:
    """Accept drift findings: `portalctl drift` lists them separately and no longer fails because of them.

    FINDING is an id from the output of `portalctl drift`. The entries are written to the file that the root file
    names as `acknowledgements`; it is created if necessary. Commit this file. Each entry names the developer or team
    of its finding. If a finding changes, its id changes too, and it counts again. Cannot write to a portal.

    \b
    Examples:
      portalctl acknowledge f426e35a58521 --reason "Contractor until March" --expires 2027-03-31
      portalctl acknowledge --kind unruled_grant --reason "Approved before the import"
      portalctl acknowledge --prune
    """
    request = _Request(ids, kinds, every, prune, expires)
    if not request.adds and not prune:
        raise BadUsageError(
            "nothing to acknowledge",
            "Pass the ids of findings (portalctl drift lists them), or --kind, --all or --prune.",
        )
    text = _reason(reason) if request.adds else ""
    session = open_session(target)
    today = session.run.clock().date()
    if expires is not None and expires < today:
        raise BadUsageError(f"--expires: {expires} has passed", "Pass today or a later day.")
    paths = manifest_paths(target.paths)
    known = named_acknowledgements(session.manifest.portals.values(), paths)
    drift = flow.drift(session.manifest, session.run)
    every_entry = dict.fromkeys(entry for entries in known.values() for entry in entries)
    drift = acknowledged(drift, every_entry, today)
    _check_ids(ids, drift)
    edits = _edits(session, drift, request, text)
    if prune:
        _prune(edits, session, drift, known, today)
    changed = [edit for edit in edits.values() if edit.add or edit.remove]
    _write(changed, paths)
    _show(changed)


def _reason(reason: str | None) -> str:
    """Return the reason; None: ask for it. Raises BadUsageError for a text that the file cannot contain."""

    def read(text: str) -> str:
        try:
            return entry(
                finding=f"f{'0' * 12}", kind="setting", developer=None, team=None, reason=text.strip()
            ).reason
        except ValidationError as error:
            message = "expected a line of text of at most 1,000 characters without control characters"
            raise click.BadParameter(message) from error

    if reason is None:
        return ask("--reason", "Reason for accepting these findings", read)
    try:
        return read(reason)
    except click.BadParameter as error:
        raise BadUsageError(f"--reason: {error.message}") from None


def _check_ids(ids: Iterable[str], drift: Sequence[PortalDrift]) -> None:
    """Check that this run has a finding with each id. Raises BadUsageError."""
    found = [finding.fingerprint for portal in drift for finding in all_findings(portal)]
    for name in ids:
        if name not in found:
            raise BadUsageError(
                f"{quoted(name)}: no finding has this id{did_you_mean(name, found)}; nothing was written",
                "The id of a finding changes with the finding. List the findings: portalctl drift.",
            )


def _edits(session: Session, drift: Iterable[PortalDrift], request: _Request, reason: str) -> dict[str, _Edit]:
    """Return the edits by file path. Raises BadUsageError for a root file without the key `acknowledgements`."""
    edits: dict[str, _Edit] = {}
    for portal in drift:
        findings = all_findings(portal) if request.ids else portal.findings
        chosen = [finding for finding in findings if request.selects(finding)]
        if chosen:
            named = _named(session, portal.name)
            edit = edits.setdefault(named.path, _Edit(named))
            for finding in chosen:
                edit.add[finding.fingerprint] = finding, _entry(finding, reason, request.expires)
    return edits


def _named(session: Session, portal: str) -> NamedFile:
    """Return the file for the acknowledgements of a portal. Raises BadUsageError if the root file names none."""
    root = session.manifest.portals[portal]
    if root.acknowledgements is None:
        raise BadUsageError(
            f"portal {portal}: the root file has no key `acknowledgements`; nothing was written",
            f"Add to {root.at.file}:  acknowledgements: .{portal}.acknowledged.yaml",
        )
    return root.acknowledgements


def _entry(finding: DriftFinding, reason: str, expires: date | None) -> AcknowledgementEntry:
    return entry(
        finding=finding.fingerprint,
        kind=finding.kind,
        developer=finding.developer,
        team=finding.team,
        reason=reason,
        expires=expires,
    )


def _prune(
    edits: dict[str, _Edit],
    session: Session,
    drift: Iterable[PortalDrift],
    known: Mapping[str, Sequence[Acknowledgement]],
    today: date,
) -> None:
    """Add the removal of entries without effect. Raises BadUsageError for a file that other portals also use."""
    found = {finding.fingerprint for portal in drift for finding in all_findings(portal)}
    for portal, entries in known.items():
        named = _named(session, portal)
        if not is_complete(session.manifest, named):
            raise BadUsageError(
                f"--prune: {named.shown} also belongs to a portal that is not selected; nothing was written",
                "Run it without --portal.",
            )
        edit = edits.setdefault(named.path, _Edit(named))
        stale = [item for item in entries if item.finding not in found or has_ended(item, today)]
        edit.remove |= {item.finding: item for item in stale if item.finding not in edit.add}


def _write(edits: Iterable[_Edit], paths: tuple[Path, ...]) -> None:
    """Write each file completely or not at all. All texts are made before the first file is written."""
    check_stdout()
    with ExitStack() as locks:
        texts = []
        for edit in edits:
            path = Path(edit.named.path)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                locks.enter_context(_locked(path.parent))
            except OSError as error:
                raise _unwritable(edit, error) from error
            texts.append((edit, path, _text(edit, paths)))
        for edit, path, text in texts:
            try:
                rewrite(path, text) if path.exists() else replace_file(path, text, PRIVATE)
            except OSError as error:
                raise _unwritable(edit, error) from error


def _unwritable(edit: _Edit, error: OSError) -> PortalctlError:
    return PortalctlError(f"{edit.named.shown} cannot be written: {error.strerror or error}")


def _text(edit: _Edit, paths: tuple[Path, ...]) -> str:
    add = [new for _, new in edit.add.values()]
    file = read_acknowledgements(edit.named, paths)  # once more, now under the lock
    if file is None:
        return new_text(add)
    return edited_text(file, add, edit.remove.keys())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other runs of `acknowledge`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _show(changed: Sequence[_Edit]) -> None:
    if not changed:
        click.echo("Nothing to change: no finding to accept, and no entry to remove.")
    for edit in changed:
        click.echo(f"{terminal(edit.named.shown)}: {_counts(edit)}")
        for finding, _ in edit.add.values():
            click.echo(f"  + {finding.fingerprint}  {_about(finding.kind, finding.developer, finding.team)}")
        for item in edit.remove.values():
            click.echo(f"  - {item.finding}  {_about(item.kind, item.developer, item.team)}".rstrip())


def _counts(edit: _Edit) -> str:
    counts: list[tuple[int, Callable[[int], str]]] = [
        (len(edit.add), lambda count: f"{plural(count, 'finding')} acknowledged"),
        (len(edit.remove), lambda count: f"{plural(count, 'acknowledgement')} removed"),
    ]
    return ", ".join(words(count) for count, words in counts if count)


def _about(kind: str | None, developer: str | None, team: str | None) -> str:
    words = [
        kind.replace("_", " ") if kind else "",
        terminal(developer or ""),
        f"team {terminal(team)}" if team else "",
    ]
    return "  ".join(filter(None, words))
