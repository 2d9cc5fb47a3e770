"""The parser events of a YAML text, and where each is. No object is constructed by its name."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from journeyman.agent_files.document import SourceLocation
from journeyman.agent_files.file_text import UnreadableError
from journeyman.errors import Problem


def yaml_events(text: str, file: str) -> Iterator[yaml.Event]:
    """Yield the events of a text. Raises UnreadableError where it is not YAML."""
    parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    except yaml.MarkedYAMLError as exc:
        raise UnreadableError(_syntax_problem(exc, text, file)) from exc
    except yaml.YAMLError as exc:
        raise UnreadableError(Problem("the file is not YAML", file)) from exc
    finally:
        parser.dispose()


def event_location(event: yaml.Event) -> SourceLocation:
    """Return where an event starts; the beginning of the file if the parser does not say it."""
    mark = event.start_mark
    return SourceLocation(mark.line + 1, mark.column + 1) if mark is not None else SourceLocation(1, 1)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = f"not valid YAML: {error.problem or error.context or 'it cannot be parsed'}"
    if mark is None:
        return Problem(message, file)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    remedy = "check indentation, colons and quotes here and in the line before"
    if "${" in line[: mark.column + 2]:
        remedy = "within { } and [ ] put ${…} in quotes"
    elif "\t" in line[: mark.column + 1]:
        remedy = "YAML is indented with spaces, not with tabs"
    return Problem(message, file, mark.line + 1, mark.column + 1, remedy)
