"""The acknowledgements file: drift findings that were reviewed and accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from portalctl.errors import Finding, InputError, Position
from portalctl.manifest.file_models import AcknowledgementFile
from portalctl.manifest.files import File, read_files
from portalctl.manifest.typography import near
from portalctl.manifest.validation_messages import described
from portalctl.manifest.value_display import type_name
from portalctl.manifest.yaml_source import Source, read


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An accepted finding. `finding` is a fingerprint.

    `expires` is the last day it holds, UTC; None: without an end.
    """

    finding: str
    reason: str
    expires: date | None
    at: Position


def load_acknowledgements(path: Path) -> tuple[Acknowledgement, ...]:
    """Return the acknowledgements of a file, in its order. Raises InputError with every error at its place."""
    files, findings = read_files([path])
    read_in = [acknowledgements(file) for file in files]
    if findings:
        raise InputError(tuple(findings))
    return tuple(item for one in read_in for item in one)


def acknowledgements(file: File) -> tuple[Acknowledgement, ...]:
    """See `load_acknowledgements`. Does no I/O."""
    source, findings = read(file.shown, file.content)
    entries = _entries(source, findings) if source is not None else None
    if source is None or entries is None:
        findings += near(file.shown, file.content, tuple(findings), before=source is None)
        raise InputError(tuple(dict.fromkeys(findings)))
    found = tuple(
        Acknowledgement(entry.finding, entry.reason, entry.expires, source.at("acknowledgements", index))
        for index, entry in enumerate(entries.acknowledgements)
    )
    findings += _repeated(source, found)
    if findings:
        raise InputError(tuple(dict.fromkeys(findings)))
    return found


def _entries(source: Source, findings: list[Finding]) -> AcknowledgementFile | None:
    """None: see `findings`"""
    if not isinstance(source.data, dict):
        findings.append(
            Finding(source.at(), f"expected a mapping that begins with `version: 1`; found {type_name(source.data)}")
        )
        return None
    try:
        return AcknowledgementFile.model_validate(source.data)
    except ValidationError as error:
        findings += described(source, AcknowledgementFile, error.errors(include_url=False))
        return None


def _repeated(source: Source, found: Sequence[Acknowledgement]) -> Iterator[Finding]:
    first: dict[str, Position] = {}
    for index, item in enumerate(found):
        if item.finding in first:
            at = source.at("acknowledgements", index, "finding")
            yield Finding(at, f"this finding is acknowledged in line {first[item.finding].line} already")
        first.setdefault(item.finding, item.at)
