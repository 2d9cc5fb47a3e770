from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from journeyman.agent_tests.comparison import Comparison, Difference
from journeyman.agent_tests.junit import junit_xml
from journeyman.agent_tests.run_test import AgentTestResult
from journeyman.errors import ConfigurationError

FILE = Path("x.agent-test.yaml")


def test_results_as_junit_xml() -> None:
    bad = Comparison(differences=(Difference("it \x1b differs", ("a & b",)),))
    xml = junit_xml(
        [
            AgentTestResult(path=FILE, name="good", seconds=0.25),
            AgentTestResult(path=FILE, name="bad", comparison=bad),
            AgentTestResult(path=FILE, name="ugly", problem=ConfigurationError("no")),
        ]
    )
    suite = ElementTree.fromstring(xml)[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    assert [case.get("name") for case in suite] == ["good", "bad", "ugly"]
    assert suite[1][0].text == "it \N{REPLACEMENT CHARACTER} differs\n  a & b"
    assert suite[2][0].tag == "error"
