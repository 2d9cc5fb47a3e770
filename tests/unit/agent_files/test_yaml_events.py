"""Events of a YAML text, and where each is."""

from __future__ import annotations

import pytest
import yaml

from journeyman.agent_files.file_text import UnreadableError
from journeyman.agent_files.yaml_events import event_location, yaml_events


def test_events_tell_where_they_are() -> None:
    scalars = [event for event in yaml_events("a: 1\nb:\n  - 2", "f") if isinstance(event, yaml.ScalarEvent)]
    assert [(event.value, *event_location(event)) for event in scalars] == [
        ("a", 1, 1),
        ("1", 1, 4),
        ("b", 2, 1),
        ("2", 3, 5),
    ]


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("a: 1\n  b: 2", 2, "check indentation"),
        ("a: 1\n\tb: 2", 2, "spaces, not with tabs"),
        ("a: {b: ${X}}", 1, "put ${…} in quotes"),
    ],
)
def test_what_is_not_yaml_is_a_problem_with_a_remedy(text: str, line: int, remedy: str) -> None:
    with pytest.raises(UnreadableError) as error:
        list(yaml_events(text, "f"))
    assert (error.value.problem.line, remedy in (error.value.problem.remedy or "")) == (line, True)
