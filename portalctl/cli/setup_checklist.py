"""Lists the steps that remain after `init`: all secrets, variables, environments and settings to create. Pure.

Most of them are read from the workflows, so that the list is always complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from portalctl.cli.init_files import Variables

_OPTIONAL: Final = {
    "PORTALCTL_MASK_KEY": "optional: the same masks in every run; create it with: openssl rand -hex 32",
    "PORTALCTL_NOTIFY_URL": "optional: a webhook for notifications",
}
_ENVIRONMENTS: Final = {
    "portal-read": "for the branch main only",
    "portal-production": "for the branch main only, with required reviewers",
    "portal-write": "for the branch main only",
}
_GITLAB_VARIABLES: Final = re.compile(r"\$\{?((?:PORTALCTL|KONNECT|API7|GITLAB)_[A-Z0-9_]+)")
Step = tuple[str, list[str]]  # a sentence, and lines below it


def github_steps(texts: Iterable[str], variables: Variables) -> Iterator[Step]:
    """Yield the steps for GitHub. `texts` are the workflows."""
    workflows = [_loaded(text) for text in texts]
    jobs = [job for workflow in workflows for job in workflow.get("jobs", {}).values()]
    repository = {name for job in jobs if "environment" not in job for name in _secrets(job)}
    environments: dict[str, set[str]] = {}
    for job in jobs:
        if "environment" in job:
            environments.setdefault(str(job["environment"]), set()).update(_secrets(job) - repository)
    lines = [
        f"{name}  {_ENVIRONMENTS.get(name, 'for the branch main only')}; {_secret_words(secrets)}"
        for name, secrets in sorted(environments.items())
    ]
    yield "Create the environments (Settings > Environments):", lines
    shared = [f"variable {name}  the address of {title}" for name, title in variables.servers.items()]
    shared += [f"secret {name}  {_OPTIONAL.get(name, 'required')}" for name in sorted(repository - {"GITHUB_TOKEN"})]
    if shared:
        yield "Set for the repository (Settings > Secrets and variables > Actions):", shared
    checks = [
        job.get("name", key)
        for workflow in workflows
        if "pull_request" in workflow.get("on", workflow.get(True, {}))
        for key, job in workflow.get("jobs", {}).items()
    ]
    yield (
        "Protect the branch main (Settings > Rules):",
        [
            "require a pull request with a review from Code Owners",
            *([f"require the status checks: {', '.join(checks)}"] if checks else []),
        ],
    )
    yield (
        "Keep the repository private (Settings > General): snapshots and plans hold addresses of developers.",
        [],
    )
    yield (
        "Commit, and push to main. Pull requests are planned from the snapshot that 'portal snapshot' makes there.",
        [],
    )


def gitlab_steps(text: str, variables: Variables) -> Iterator[Step]:
    """Yield the steps for GitLab. `text` is the pipeline."""
    pipeline = _loaded(text)
    jobs = {name: job for name, job in pipeline.items() if isinstance(job, dict) and not name.startswith(".")}
    active = json.dumps(jobs)
    scopes = sorted({str(job["environment"]["name"]) for job in jobs.values() if "environment" in job})
    lines = [
        f"{token}  masked, for the environment {scope}{', protected' if scope == 'portal-production' else ''}"
        for token in variables.tokens
        for scope in scopes
    ]
    lines += [f"{name}  the address of {title}" for name, title in variables.servers.items()]
    known = {*variables.tokens, *variables.servers, *pipeline.get("variables", {}), "PORTALCTL_DIGEST"}
    used = {"PORTALCTL_MASK_KEY", *_GITLAB_VARIABLES.findall(active)} - known
    lines += [f"{name}  masked; {_OPTIONAL.get(name, 'see .gitlab-ci.yml')}" for name in sorted(used)]
    yield "Set the variables (Settings > CI/CD > Variables):", lines
    if "portal-production" in scopes:
        yield (
            "Protect the environment portal-production, with approvers (Settings > CI/CD > Protected environments).",
            [],
        )
    schedules = sorted(set(re.findall(r'\$PORTAL_JOB == \\"(\w+)\\"', active)))
    every = {"onboard": "every 20 minutes", "drift": "every weekday"}
    if schedules:
        yield (
            "Create schedules for the branch main (Build > Pipeline schedules):",
            [f"PORTAL_JOB={name}  {every.get(name, 'every hour')}" for name in schedules],
        )
    yield "Protect the branch main and all tags (Settings > Repository), and require approval from code owners.", []
    yield "Keep the project private (Settings > General): plans hold addresses of developers.", []
    yield "Commit, and push.", []


def local_steps(variables: Variables) -> Iterator[Step]:
    """Yield the steps without CI."""
    lines = [f"{name}  the address of {title}" for name, title in variables.servers.items()]
    lines += [f"{name}  a token for {title}" for name, title in variables.tokens.items()]
    yield "Set in the environment:", lines
    yield "Check the connection: portalctl ping", []
    yield "Commit.", []


def _secret_words(secrets: Iterable[str]) -> str:
    names = sorted(secrets)
    if not names:
        return "no secret"
    words = [f"{name} ({_OPTIONAL[name]})" if name in _OPTIONAL else name for name in names]
    return f"{'secret' if len(words) == 1 else 'secrets'} {', '.join(words)}"


def _secrets(job: Mapping[str, Any]) -> set[str]:
    return set(re.findall(r"secrets\.([A-Z0-9_]+)", json.dumps(job)))


def _loaded(text: str) -> dict[Any, Any]:
    loaded = YAML(typ="safe", pure=True).load(text)
    assert isinstance(loaded, dict)  # noqa: S101 (our own examples)
    return loaded


def numbered(steps: Iterable[Step]) -> str:
    """Return the steps as a numbered list."""
    lines = []
    for number, (sentence, below) in enumerate(steps, start=1):
        lines.append(f"{number:>3}. {sentence}")
        width = max((len(line.partition("  ")[0]) for line in below if "  " in line), default=0)
        for line in below:
            name, gap, rest = line.partition("  ")
            lines.append(f"       {name:<{width}}  {rest}" if gap else f"       {line}")
    return "".join(f"{line}\n" for line in lines)
