"""`journeyman init`: a first project that answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from journeyman.cli.options import Json
from journeyman.cli.output import Output
from journeyman.errors import ConfigurationError, Problem

AGENT = """\
# An agent: `journeyman serve` serves it, `journeyman check` checks it, `journeyman schema` prints all that it may say.
type: react_agent
name: {name}
description: Tells how far things are
prompt: |
  You are a short and friendly assistant. Use your tools for facts; never guess.
# model: gpt-5-mini            # through LITELLM_GATEWAY_URL; without a gateway the offline model answers
tools:
  - distance
  - current_time
  - calculator
"""

TOOL = '''\
"""Tools of this agent: every function under @tool in this folder. Files that begin with _ are not scanned."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from journeyman import tool

CITIES = {"berlin": (52.52, 13.40), "lisbon": (38.72, -9.14), "oslo": (59.91, 10.75), "rome": (41.90, 12.50)}


@tool(effects="none")
async def distance(origin: str, destination: str) -> str:
    """Distance between two cities as the crow flies.

    Args:
        origin: Berlin, Lisbon, Oslo or Rome.
        destination: Another of them.
    """
    for city in (origin, destination):
        if city.lower() not in CITIES:
            raise ValueError(f"no such city: {city}; known: {', '.join(sorted(CITIES))}")
    (lat1, lon1), (lat2, lon2) = (CITIES[city.lower()] for city in (origin, destination))
    a = sin(radians(lat2 - lat1) / 2) ** 2
    b = cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lon2 - lon1) / 2) ** 2
    return f"{origin} to {destination}: {2 * 6371 * asin(sqrt(a + b)):.0f} km"
'''

ENVIRONMENT = """\
# Copy to .env. An empty value is an unset one. Every setting: docs/reference/settings.md of Journeyman.
LITELLM_GATEWAY_URL=
LITELLM_GATEWAY_API_KEY=
DEFAULT_MODEL=
DATABASE_URL=sqlite:///journeyman.db
PORT=8000
LOG_LEVEL=INFO
"""

AGENT_TEST = """\
# A test of the agent: `journeyman test tests`. No model is asked: it says what stands under `model`, and the tools run.
# Any stored run becomes such a test: `journeyman runs export RUN --as-test -o tests/NAME.agent-test.yaml`.
agent: ../agent.yaml
description: It measures before it answers
input: How far is it from Oslo to Rome?
model:
  - tool_calls: [{name: distance, arguments: {origin: Oslo, destination: Rome}}]
  - text: It is about 2,000 km.
expect:
  status: finished
  text: {contains: km}
  calls:
    - {tool: distance, arguments: {destination: Rome}, result: {regex: "2[0-9]{3} km"}}
  limits: {steps: 2}
"""

IGNORED = "__pycache__/\n.env\n*.db\n*.db-*\n*.db.cache*\n*.lock\n"


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")], json: Json = False
) -> None:
    """Make a project: an agent, one tool, one test, an example of settings. Nothing is ever overwritten."""
    made = create(directory)
    lines = [f"made {path}" for path in made]
    step = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    Output(json=json).show(
        {"made": [str(path) for path in made]}, "\n".join([*lines, "", f"next: {step}journeyman serve"])
    )


def create(directory: Path) -> list[Path]:
    """Write the files. Raises ConfigurationError, before anything is written, if one of them exists."""
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in directory.resolve().name.lower()).strip("-")
    texts = {
        "agent.yaml": AGENT.format(name=name or "agent"),
        "tools/distance.py": TOOL,
        "tests/distance.agent-test.yaml": AGENT_TEST,
        ".env.example": ENVIRONMENT,
        ".gitignore": IGNORED,
    }
    files = {directory / part: text for part, text in texts.items()}
    taken = [path for path in files if path.exists()]
    if taken:
        problems = [Problem("exists already", str(path), remedy="choose another folder") for path in taken]
        raise ConfigurationError("Nothing was written:", problems)
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as exc:
        raise ConfigurationError(f"{directory} cannot be written ({exc.strerror}): choose another folder") from exc
    return list(files)
