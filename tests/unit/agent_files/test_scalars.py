from __future__ import annotations

from journeyman.agent_files.document import Document
from journeyman.agent_files.yaml_reader import read_document
from journeyman.errors import Problem


def read(text: str | bytes) -> tuple[Document | None, tuple[Problem, ...]]:
    return read_document(text.encode() if isinstance(text, str) else text, "agent.yaml")


def data(text: str) -> object:
    document, problems = read(text)
    assert not problems
    assert document is not None
    return document.data


def test_plain_values_follow_the_core_schema() -> None:
    assert data("{a: no, b: on, c: yes, d: y, e: true, f: null, g: 1, h: 1.5, i: -3, j: 1e3, k: 12:30}") == {
        **{"a": "no", "b": "on", "c": "yes", "d": "y", "e": True, "f": None, "g": 1, "h": 1.5, "i": -3, "j": 1000.0},
        "k": "12:30",
    }
    assert data("{a: 007, b: 1_000, c: 0x10, d: 2024-01-01, e: '1', f: , g: ~}") == {
        **{"a": "007", "b": "1_000", "c": "0x10", "d": "2024-01-01", "e": "1", "f": None, "g": None},
    }
