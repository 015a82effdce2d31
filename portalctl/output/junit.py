"""Tested expectations as JUnit XML, which GitLab, Jenkins and other CI systems show as tests."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from xml.etree import ElementTree as Xml

from portalctl.insight.expected_access import CheckedExpectation
from portalctl.output.documents import AccessTest
from portalctl.output.escaping import terminal
from portalctl.output.github_annotations import rule_at


def access_test_junit(document: AccessTest) -> str:
    """Return a suite for each file, with a test case for each expectation; the name of a case has its line."""
    suites = Xml.Element("testsuites", {"name": "portalctl test", **_counts(document.expectations)})
    for file, tested in groupby(document.expectations, lambda item: item.file):
        cases = list(tested)
        suite = Xml.SubElement(suites, "testsuite", {"name": terminal(file), **_counts(cases)})
        suite.extend(map(_case, cases))
    Xml.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(suites, encoding="unicode")}\n'


def _counts(tested: Iterable[CheckedExpectation]) -> dict[str, str]:
    results = [item.result for item in tested]
    return {"tests": str(len(results)), "failures": str(results.count("failed")), "errors": "0", "skipped": "0"}


def _case(tested: CheckedExpectation) -> Xml.Element:
    case = Xml.Element(
        "testcase",
        name=terminal(f"{tested.subject}, {tested.on} (line {tested.line})"),
        classname=terminal(tested.portal),
        file=terminal(tested.file),
        line=str(tested.line),
    )
    if tested.problems:
        failure = Xml.SubElement(case, "failure", type="expectation", message=terminal("; ".join(tested.problems)))
        place = f"{tested.file}:{tested.line}:{tested.column}"
        failure.text = "\n".join(map(terminal, (place, *tested.problems, *map(rule_at, tested.why))))
    return case
