"""The forms of each kind of document. Imports no other module, so that help and option parsing are fast."""

from __future__ import annotations

from collections.abc import Mapping

COMMON = ("text", "json", "markdown", "html")  # every document has these
# The function that renders each form of each document. JSON is generated from the model. Without a function for
# Markdown or HTML, these forms show the text.
FORMS: Mapping[str, Mapping[str, str]] = {
    "plan": {
        "text": "portalctl.output.text.plan:plan_text",
        "markdown": "portalctl.output.markdown.plan:plan_markdown",
        "html": "portalctl.output.html.plan:plan_html",
        "gitlab": "portalctl.output.gitlab_reports:terraform_json",
    },
    "report": {
        "text": "portalctl.output.text.apply:report_text",
        "markdown": "portalctl.output.markdown.report:report_markdown",
        "html": "portalctl.output.html.pages:report_html",
    },
    "snapshot": {"text": "portalctl.output.text.snapshot:snapshot_text"},
    "drift": {
        "text": "portalctl.output.text.drift:drift_text",
        "markdown": "portalctl.output.markdown.drift:drift_markdown",
        "html": "portalctl.output.html.pages:drift_html",
    },
    "explanation": {
        "text": "portalctl.output.text.explain:explanation_text",
        "markdown": "portalctl.output.markdown.explain:explanation_markdown",
        "html": "portalctl.output.html.pages:explanation_html",
    },
    "access": {
        "text": "portalctl.output.text.access:access_text",
        "markdown": "portalctl.output.markdown.access:access_markdown",
        "html": "portalctl.output.html.access:access_html",
        "csv": "portalctl.output.access_csv:access_csv",
    },
    "ping": {"text": "portalctl.output.text.ping:ping_text"},
    "validation": {
        "text": "portalctl.output.text.validation:validation_text",
        "markdown": "portalctl.output.markdown.validation:validation_markdown",
        "html": "portalctl.output.html.pages:validation_html",
        "github": "portalctl.output.github_annotations:validation_commands",
        "gitlab": "portalctl.output.gitlab_reports:validation_code_quality",
    },
    "test": {
        "text": "portalctl.output.text.access_test:access_test_text",
        "github": "portalctl.output.github_annotations:access_test_commands",
        "junit": "portalctl.output.junit:access_test_junit",
    },
    "portals": {"text": "portalctl.output.text.portals:portals_text"},
    "live_portals": {"text": "portalctl.output.text.portals:live_portals_text"},
    "history": {
        "text": "portalctl.output.text.history:history_text",
        "jsonl": "portalctl.output.history:history_lines",
    },
    "evidence": {
        "text": "portalctl.output.text.history:evidence_text",
        "jsonl": "portalctl.output.history:evidence_line",
    },
    "directories": {"text": "portalctl.output.text.directories:directories_text"},
}


def forms(kind: str) -> tuple[str, ...]:
    """Return the forms that a kind of document has."""
    return tuple(dict.fromkeys((*COMMON, *FORMS[kind])))


def every_form() -> tuple[str, ...]:
    """Return the forms of all kinds of documents, each once."""
    return tuple(dict.fromkeys(form for kind in FORMS for form in forms(kind)))
