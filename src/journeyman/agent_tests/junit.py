"""Writes the results of agent tests as JUnit XML, which CI systems display."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from journeyman.agent_tests.run_test import AgentTestResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: Sequence[AgentTestResult]) -> bytes:
    """Return one test suite. A failed test is a failure; a test that could not be run is an error."""
    failures = sum(not result.passed and result.problem is None for result in results)
    errors = sum(result.problem is not None for result in results)
    seconds = sum(result.seconds for result in results)
    counts = {"tests": str(len(results)), "failures": str(failures), "errors": str(errors), "time": f"{seconds:.3f}"}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "journeyman", **counts})
    for result in results:
        _case(suite, result)
    ElementTree.indent(suites)
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: ElementTree.Element, result: AgentTestResult) -> None:
    about = {"name": _clean(result.name), "classname": _clean(str(result.path)), "time": f"{result.seconds:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", about)
    if not result.passed:
        text = _clean(result.text())
        kind = "error" if result.problem is not None else "failure"
        ElementTree.SubElement(case, kind, {"message": text.partition("\n")[0]}).text = text


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
