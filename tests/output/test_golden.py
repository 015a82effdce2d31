"""A plan as people read it, word for word. After a change that is meant: `pytest tests/output/test_golden.py
--snapshot-update`, and read the difference."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.output.html.plan import plan_html
from portalctl.output.markdown.plan import plan_markdown
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask
from tests.changes.build import whole_plan
from tests.output.hostile import HOSTILE
from tests.output.plans import everyday, refused, typed


class MarkdownFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "md"


class HtmlFile(MarkdownFile):
    file_extension = "html"


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(MarkdownFile)


def fixed(*portals: PortalPlan) -> Plan:
    """Without what changes when a model gets another field."""
    return replace(whole_plan(*portals), digest=f"sha256:{'0' * 64}")


def test_everyday(golden: SnapshotAssertion) -> None:
    assert plan_markdown(fixed(everyday())) == golden


def test_refused_and_masked(golden: SnapshotAssertion) -> None:
    assert plan_markdown(masked(fixed(refused(everyday())), Mask(b"key"))) == golden


def test_cut_to_size(golden: SnapshotAssertion) -> None:
    assert plan_markdown(fixed(everyday(200)), most=5_000) == golden


def test_what_strangers_typed(golden: SnapshotAssertion) -> None:
    plan = fixed(*typed(HOSTILE[::6]).portals)
    assert plan_markdown(plan, most=10_000_000) == golden


def test_page(snapshot: SnapshotAssertion) -> None:
    page = plan_html(fixed(refused(everyday())))
    assert page[page.index("<body>") : page.index("<script>")] == snapshot.use_extension(HtmlFile)
