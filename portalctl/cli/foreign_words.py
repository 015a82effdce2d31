"""Commands and options of other tools, each with its counterpart in portalctl.

Collected from the references of Terraform, decK, kongctl, kubectl, Pulumi and octoDNS. The hints for these words come
from the tables, not from their spelling: `diff` is spelled like `drift`, but means `plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from portalctl.words import did_you_mean, quoted

_PLAN: Final = "`portalctl plan` shows what apply would change"
_APPLY: Final = "`portalctl apply` makes the portal match the manifest, after showing the plan"
_IMPORT: Final = "`portalctl import` writes a live portal as manifest files"
_DELETE: Final = "add an override with `status: revoked` or `absent` for the developer, then use `portalctl apply`"
_LOGIN: Final = "set the token in the environment (KONNECT_TOKEN, API7_TOKEN), then use `portalctl ping`"
_STATE: Final = "there is no state file: every command reads the portal; `portalctl snapshot` saves a snapshot of it"
_REFRESH: Final = "every command reads the portal anew; `portalctl drift` reports where it differs from the manifest"
_LIST: Final = "`portalctl list portals` lists portals, `portalctl report access` lists who has access"

COMMANDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("diff", "preview", "dry-run", "whatif", "what-if"), _PLAN),
    **dict.fromkeys(("sync", "up", "push", "deploy", "update", "upgrade"), _APPLY),
    **dict.fromkeys(("dump", "adopt", "export", "pull", "backup"), _IMPORT),
    **dict.fromkeys(("destroy", "delete", "reset", "remove", "down", "prune"), _DELETE),
    **dict.fromkeys(("revoke", "ban", "block", "deny"), _DELETE),
    **dict.fromkeys(
        ("invite", "add", "create", "new", "patch", "edit", "set", "grant"),
        ("add it to the manifest, then use `portalctl apply`"),
    ),
    **dict.fromkeys(("get", "ls", "view", "search"), _LIST),
    **dict.fromkeys(
        ("describe", "why", "whois", "trace"), "`portalctl explain` shows what the rules yield for a developer"
    ),
    **dict.fromkeys(("login", "logout", "auth", "configure", "config"), _LOGIN),
    **dict.fromkeys(("state", "workspace", "taint", "untaint"), _STATE),
    **dict.fromkeys(("refresh", "status", "watch", "detect"), _REFRESH),
    **dict.fromkeys(("lint", "check", "verify"), "`portalctl validate` checks manifest files"),
    "format": "`portalctl fmt` formats manifest files",
    "audit": "`portalctl report access` lists who has access and why",
    "scaffold": "`portalctl init` creates a repository",
    "gateway": "portalctl manages developer portals, not gateways; use decK for those",
    "file": "portalctl reads its own manifest files; use decK for gateway files",
    "graph": "`portalctl plan -o html` shows a plan as a page",
    "output": "commands that print a document have `-o json`",
    **dict.fromkeys(("accept", "ignore", "baseline"), "`portalctl acknowledge` accepts findings of drift"),
    "serve": "`portalctl sim serve` simulates a portal",
    "help": "use `portalctl --help`, or `portalctl COMMAND --help`",
    "version": "use `portalctl --version`",
}

_YES: Final = "`portalctl apply --yes` applies without confirmation"
_NO_DRY_RUN: Final = "`portalctl plan` shows what apply would change, and writes nothing"
_SELECT: Final = "select with --developer, --team or --only; a portal with --portal"
_SERVER: Final = "set the server in the environment (KONNECT_SERVER_URL, API7_SERVER) or `region` in the manifest"
_HIDDEN: Final = "set the token in the environment (KONNECT_TOKEN, API7_TOKEN), where other users cannot see it"
_FORM: Final = "use -o json"
_FILES: Final = "pass paths as arguments or with -f; folders are read with their subfolders"
_REPORT: Final = "`portalctl apply --report FILE` writes the result as JSON"
_LIVE: Final = "every command reads the portal anew, and nothing is cached"
_TLS: Final = "use --insecure-skip-tls-verify, or better --ca-file"
_PACE: Final = "portalctl adapts its pace to the portal; there is nothing to set"
_QUIET: Final = "without a terminal, no command asks for input"
_REMOVALS: Final = "`--allow-removals N` allows N developers to lose access in one run"
_NO_VARIABLES: Final = "manifests have no variables; write the value in the file"

OPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("--auto-approve", "--approve", "--assume-yes", "--no-prompt", "--doit", "--skip-preview"), _YES),
    **dict.fromkeys(("--confirm", "--no-confirm", "--skip-confirmation", "--noconfirm"), _YES),
    **dict.fromkeys(("--dry-run", "--dryrun", "--check-mode", "--noop", "--what-if", "--preview"), _NO_DRY_RUN),
    **dict.fromkeys(
        ("--target", "--select-tag", "--include", "--resource", "--exclude", "--filter", "--selector"), _SELECT
    ),
    **dict.fromkeys(("--user", "--email", "--address", "--account"), "use --developer ADDRESS"),
    **dict.fromkeys(("--group", "--role"), "use --team NAME"),
    **dict.fromkeys(
        ("--context", "--namespace", "--workspace", "--profile", "--env", "--stack"), "use --portal NAME"
    ),
    **dict.fromkeys(
        ("--server", "--url", "--base-url", "--konnect-addr", "--kong-addr", "--host", "--endpoint", "--api-url"),
        _SERVER,
    ),
    **dict.fromkeys(
        (
            "--token",
            "--konnect-token",
            "--konnect-token-file",
            "--pat",
            "--api-key",
            "--api-token",
            "--headers",
            "--header",
        ),
        _HIDDEN,
    ),
    **dict.fromkeys(("--json", "--json-output", "--format"), _FORM),
    **dict.fromkeys(("--recursive", "--state", "--dir", "--directory", "--chdir", "--path", "--manifest"), _FILES),
    **dict.fromkeys(("--filename", "--config", "--config-file", "--base-dir"), _FILES),
    **dict.fromkeys(("--output-file", "--save", "--plan-out"), "`portalctl plan --out FILE` saves the plan"),
    **dict.fromkeys(("--plan", "--plan-file"), "`portalctl apply PLAN_FILE` applies a saved plan"),
    **dict.fromkeys(("--execution-report-file", "--report-file"), _REPORT),
    **dict.fromkeys(
        ("--exit-code", "--non-zero-exit-code", "--fail-on-diff"),
        "`portalctl plan --detailed-exitcode` exits with 2 on a difference",
    ),
    **dict.fromkeys(("--refresh", "--cache", "--no-cache"), _LIVE),
    "--refresh-only": "`portalctl drift` reports where the portal differs from the manifest",
    **dict.fromkeys(
        ("--insecure", "--tls-skip-verify", "--skip-tls-verify", "--insecure-skip-verify", "--no-verify"), _TLS
    ),
    **dict.fromkeys(
        ("--ca-cert", "--ca-cert-file", "--cacert", "--certificate-authority", "--ca-bundle"), "use --ca-file FILE"
    ),
    **dict.fromkeys(("--parallelism", "--concurrency", "--workers", "--lock", "--lock-timeout", "--timeout"), _PACE),
    **dict.fromkeys(("--no-color", "--no-colour", "--color"), "set NO_COLOR=1 or FORCE_COLOR=1 in the environment"),
    **dict.fromkeys(("--input", "--non-interactive", "--interactive", "--batch"), _QUIET),
    **dict.fromkeys(("--force", "--destroy", "--prune", "--allow-destroy", "--delete"), _REMOVALS),
    **dict.fromkeys(("--var", "--var-file", "--set-string", "--values"), _NO_VARIABLES),
    **dict.fromkeys(("--mode", "--replace"), "use --only to choose kinds of changes, such as --only onboard"),
    "--cron": "use --only structure,onboard,expire, as the onboarding workflow does",
    **dict.fromkeys(("--baseline", "--ignore", "--ignore-file"), "`portalctl acknowledge` accepts findings of drift"),
    **dict.fromkeys(("--log-level", "--debug", "--trace"), "use --verbose"),
    "--version": "use `portalctl --version`",
}

#: Terraform's options, with one hyphen. Other words are ours: `-o json` may be written `-ojson`.
_ONE_HYPHEN: Final = frozenset(
    f"-{name}"
    for name in (
        *("auto-approve", "chdir", "destroy", "input", "json", "lock", "lock-timeout", "no-color", "parallelism"),
        *("refresh", "refresh-only", "replace", "state", "target", "var", "var-file", "out", "detailed-exitcode"),
    )
)


def unknown_command(name: str, known: Sequence[str]) -> str:
    """Return the message for a command that does not exist, with a hint for words of other tools and misspellings."""
    foreign = COMMANDS.get(name.lower())
    return f"no such command {quoted(name)}{f'; {foreign}' if foreign else did_you_mean(name, known)}"


def explained(error: click.UsageError, words: Sequence[str]) -> click.UsageError:
    """Return the error with a hint if the command line has an option of another tool; else the same error."""
    command = error.ctx.command if error.ctx is not None else None
    known = {name for param in (command.params if command is not None else ()) for name in param.opts}
    for word, option in _options(words):
        hint = OPTIONS.get(option)
        if option in known:
            if word != option and word in _ONE_HYPHEN:
                return click.UsageError(f"no such option {quoted(word)}; write {option}", error.ctx)
        elif hint is not None:
            return click.UsageError(f"no such option {quoted(word)}; {hint}", error.ctx)
    if isinstance(error, click.NoSuchOption):
        name = error.option_name
        return click.UsageError(f"no such option {quoted(name)}{did_you_mean(name, sorted(known))}", error.ctx)
    return error


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a command line without their values, as written and with two hyphens."""
    for word in words:
        name = word.partition("=")[0]
        if word == "--":
            return
        if name.startswith("--") or name in _ONE_HYPHEN:
            yield name, f"--{name.lstrip('-')}"
