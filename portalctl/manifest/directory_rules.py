"""Checks of `directories` entries, and of the rules that name groups, beyond the form of one entry.

The caller passes in the kinds of directories and the keys that each kind allows (`Kinds`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from portalctl.errors import Finding, Position
from portalctl.identity import covers, is_freemail, is_public_suffix, normal_domain
from portalctl.manifest.consistency import at, place
from portalctl.manifest.directory_kinds import DirectoryKey, Kinds
from portalctl.manifest.file_models import DirectoryEntry, RootFile
from portalctl.manifest.file_rules import FileRules, no_domain
from portalctl.manifest.group_rules import GroupRule, TrustedGroup, group_value
from portalctl.manifest.model import Directory, PortalManifest, TrustedDomain
from portalctl.manifest.validation import Shaped
from portalctl.manifest.value_display import shown_value, type_name
from portalctl.manifest.yaml_source import YamlSource
from portalctl.reason import Reason
from portalctl.words import close, did_you_mean, quoted

_COMMON: Final = tuple(DirectoryEntry.model_fields)
_NOT_AUTHORITATIVE: Final = "a directory cannot be authoritative for it"


def directories_of(root: Shaped, kinds: Kinds) -> tuple[dict[str, Directory], list[Finding]]:
    """Return the directories that a root file declares, by name, and the findings about them."""
    entry, source = root.entry, root.source
    found: dict[str, Directory] = {}
    findings: list[Finding] = []
    for index, directory in enumerate(entry.directories if isinstance(entry, RootFile) else ()):
        path: tuple[str | int, ...] = ("directories", index)
        findings += _check_kind(source, path, directory, kinds)
        domains = [(text, normal_domain(text)) for text in directory.domains]
        for number, (text, domain) in enumerate(domains):
            if domain is None:
                findings.append(Finding(source.at(*path, "domains", number), no_domain(text)))
        if directory.name in found:
            first = at(found[directory.name].why)
            here = source.at(*path, "name")
            message = f"{quoted(directory.name)}: directory declared twice ({place(first, here)}); delete one"
            findings.append(Finding(here, message))
            continue
        found[directory.name] = Directory(
            directory.name,
            directory.kind,
            Reason.of("directories", directory.name, source.at(*path)),
            email=directory.email,
            domains=tuple(domain for _, domain in domains if domain is not None),
            ignore_without_address=directory.without_address == "ignore",
            ignore_missing=directory.missing_members == "ignore",
            options={
                key: tuple(value) if isinstance(value, list) else value
                for key, value in (directory.model_extra or {}).items()
            },
        )
    return found, findings


def _check_kind(
    source: YamlSource, path: tuple[str | int, ...], directory: DirectoryEntry, kinds: Kinds
) -> Iterator[Finding]:
    kind = kinds.get(directory.kind)
    if kind is None:
        hint = did_you_mean(directory.kind, kinds) or f"; expected one of {', '.join(kinds)}"
        yield Finding(source.at(*path, "kind"), f"{quoted(directory.kind)}: not a kind of directory{hint}")
        return
    keys = {key.name: key for key in kind.keys}
    extra: Mapping[str, object] = directory.model_extra or {}
    for name, value in extra.items():
        if value is None:
            continue  # the YAML reader has already reported the null
        if name not in keys:
            known = (*_COMMON, *keys)
            hint = did_you_mean(name, known) or f"; known here: {', '.join(known)}"
            elsewhere = any(name == key.name for other in kinds.values() for key in other.keys)
            hint = "; leave it out" if elsewhere else hint
            yield Finding(source.key_at(*path, name), f"unknown key {quoted(name)} for {kind.title}{hint}")
        elif fault := _value_fault(keys[name], value):
            yield Finding(source.at(*path, name), fault)
    for key in kind.keys:
        misspelt = any(close(name, keys) == key.name for name in extra if name not in keys)
        if key.required and key.name not in source.keys(*path) and not misspelt:
            yield Finding(source.at(*path), f"the key {quoted(key.name)} is missing here ({kind.title} needs it)")


def _value_fault(key: DirectoryKey, value: object) -> str | None:
    """Return the fault in the value of a key that only some kinds have, None if it is valid."""
    if key.form == "flag":
        return None if isinstance(value, bool) else f"expected true or false, found {type_name(value)}"
    if key.form == "texts":
        is_list = isinstance(value, list) and value and all(_is_text(item) for item in value)
        return None if is_list else "expected a list of texts"
    if not isinstance(value, str):
        return f"expected text, found {type_name(value)}"
    if key.form == "choice" and value not in key.choices:
        return f"{shown_value(value)}: expected {' or '.join(key.choices)}{did_you_mean(value, key.choices)}"
    return None if _is_text(value) else "expected one line of text, without control characters"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() == value != "" and value.isprintable()


def check_group_rules(
    directories: Mapping[str, Directory], files: Iterable[FileRules], trusted: Iterable[TrustedDomain], kinds: Kinds
) -> Iterator[Finding]:
    """Yield the findings about one portal's rules that name groups.

    Args:
        directories: those that the root file declares.
        files: the rules of every file of the portal.
        trusted: the trusted domains of the portal.
        kinds: the kinds of directories.
    """
    files = tuple(files)
    groups = [rule for file in files for rule in file.groups]
    listed = [(team, rule) for file in files for team, rule in file.member_groups]
    every: list[GroupRule] = [*groups, *(rule for _, rule in listed)]
    for rule in every:
        yield from _check_group(rule, directories, kinds)
    yield from _check_repeated([(None, rule) for rule in groups])
    yield from _check_repeated(listed)
    yield from _check_authority(groups, tuple(trusted))


def _check_group(rule: GroupRule, directories: Mapping[str, Directory], kinds: Kinds) -> Iterator[Finding]:
    here = at(rule.why)
    directory = directories.get(rule.directory)
    if directory is None:
        hint = did_you_mean(rule.directory, directories) or "; declare it under `directories` in the root file"
        yield Finding(here, f"{quoted(rule.directory)}: directory not declared{hint}")
        return
    kind = kinds.get(directory.kind)
    fault = kind.group_fault(rule.group) if kind is not None else None
    if fault is not None:
        yield Finding(here, f"{quoted(rule.group)}: {fault}")


def _check_repeated(rules: Sequence[tuple[str | None, GroupRule]]) -> Iterator[Finding]:
    """Yield a finding for each rule with a group that an earlier rule names (for members: of the same team)."""
    first: dict[tuple[str | None, str], Position] = {}
    for team, rule in rules:
        here = at(rule.why)
        other = first.setdefault((team, group_value(rule)), here)
        if other != here:
            yield Finding(here, f"{quoted(group_value(rule))}: group already named in {place(other, here)}")


def _check_authority(groups: Sequence[TrustedGroup], trusted: Sequence[TrustedDomain]) -> Iterator[Finding]:
    """Yield a finding for each domain of `authoritative_for` that is public, or trusted by another rule."""
    for rule in groups:
        here = at(rule.why)
        for domain in rule.authoritative_for:
            if is_public_suffix(domain):
                yield Finding(here, f"{shown_value(domain)} is a public suffix; {_NOT_AUTHORITATIVE}")
            elif is_freemail(domain):
                yield Finding(here, f"{shown_value(domain)} is a freemail domain; {_NOT_AUTHORITATIVE}")
            for trust in trusted:
                if covers(trust.domain, domain, subdomains=trust.subdomains):
                    there = at(trust.why)
                    text = f"{shown_value(domain)} (`authoritative_for`) is also a trusted domain"
                    yield Finding(here, f"{text} ({place(there, here)}); keep one of them")
                    text = f"{place(here, there)} makes a directory authoritative for {shown_value(domain)}"
                    yield Finding(there, f"{text}; this domain cannot also be trusted")


def check_same_directories(portals: Iterable[PortalManifest]) -> Iterator[Finding]:
    """Yield a finding at both places for each directory that two root files define differently.

    The environment variables with its address and secret contain its name, so one name means one directory.
    """
    first: dict[str, Directory] = {}
    for portal in portals:
        for name, directory in portal.directories.items():
            other = first.setdefault(name, directory)
            if other == directory:
                continue
            for declared, conflicting in ((directory, other), (other, directory)):
                here, there = at(declared.why), at(conflicting.why)
                text = f"{quoted(name)}: {place(there, here)} defines this directory differently"
                yield Finding(here, f"{text}; write the same definition in both files, or use another name")
