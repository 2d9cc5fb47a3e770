"""`journeyman init`: a first project that answers at once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from journeyman import __version__
from journeyman.cli.output import CommandOutput, Json
from journeyman.errors import ConfigurationError, Problem

_TEMPLATES = files("journeyman.cli") / "first_project"
FILES = {  # where it stands in a project -> its template
    "agent.yaml": "agent.yaml",
    "tools/distance.py": "distance.py",
    "tests/distance.agent-test.yaml": "distance.agent-test.yaml",
    "requirements.txt": "requirements.txt",
    ".env.example": "env.example",
    "Dockerfile": "Dockerfile",
    "compose.yaml": "compose.yaml",
    ".dockerignore": "dockerignore",
    ".github/workflows/agent.yaml": "workflow.yaml",
    ".gitignore": "gitignore",
}


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")], json: Json = False
) -> None:
    """Make a project: an agent, one tool, one test, an image, a workflow. Nothing is ever overwritten."""
    made = create_project(directory)
    lines = [f"made {path}" for path in made]
    step = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    CommandOutput(json=json).show(
        {"made": [str(path) for path in made]}, "\n".join([*lines, "", f"next: {step}journeyman serve"])
    )


def create_project(directory: Path) -> list[Path]:
    """Write the files. Raises ConfigurationError, before anything is written, if one of them exists."""
    texts = {directory / place: _text(template, directory.resolve().name) for place, template in FILES.items()}
    taken = [path for path in texts if path.exists()]
    if taken:
        problems = [Problem("exists already", str(path), remedy="choose another folder") for path in taken]
        raise ConfigurationError("Nothing was written:", problems)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as exc:
        raise ConfigurationError(f"{directory} cannot be written ({exc.strerror}): choose another folder") from exc
    return list(texts)


def _text(template: str, folder: str) -> str:
    """A template with the agent named after its folder."""
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in folder.lower()).strip("-")
    text = (_TEMPLATES / template).read_text("utf-8")
    return text.replace("@NAME@", name or "agent").replace("@VERSION@", __version__)
