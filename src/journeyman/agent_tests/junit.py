"""Verdicts as JUnit XML, which CI systems show. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from journeyman.agent_tests.run_test import AgentTestResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(verdicts: Sequence[AgentTestResult]) -> bytes:
    """One suite; a test that did not hold is a failure, one that could not be tried an error."""
    failures = sum(not verdict.passed and verdict.problem is None for verdict in verdicts)
    errors = sum(verdict.problem is not None for verdict in verdicts)
    seconds = sum(verdict.seconds for verdict in verdicts)
    counts = {"tests": str(len(verdicts)), "failures": str(failures), "errors": str(errors), "time": f"{seconds:.3f}"}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "journeyman", **counts})
    for verdict in verdicts:
        _case(suite, verdict)
    ElementTree.indent(suites)
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: ElementTree.Element, verdict: AgentTestResult) -> None:
    about = {"name": _clean(verdict.name), "classname": _clean(str(verdict.path)), "time": f"{verdict.seconds:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", about)
    if not verdict.passed:
        text = _clean(verdict.text())
        kind = "error" if verdict.problem is not None else "failure"
        ElementTree.SubElement(case, kind, {"message": text.partition("\n")[0]}).text = text


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
