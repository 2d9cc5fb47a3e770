"""`journeyman init`: makes a first project."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from journeyman import __version__
from journeyman.cli.output import CommandOutput, Json
from journeyman.errors import ConfigurationError, Problem

_TEMPLATES = files("journeyman.cli") / "first_project"
FILES = {  # path in the project -> name of its template
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
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder, made if it does not exist.")],
    json: Json = False,
) -> None:
    """Make a project with an agent, a tool, a test, and files for an image and for CI. No file is overwritten."""
    made = create_project(directory)
    lines = [f"made {path}" for path in made]
    change_folder = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    CommandOutput(json=json).show(
        {"made": [str(path) for path in made]}, "\n".join([*lines, "", f"next: {change_folder}journeyman serve"])
    )


def create_project(directory: Path) -> list[Path]:
    """Write the project's files and return their paths.

    Raises ConfigurationError, before anything is written, if one of them exists.
    """
    texts = {directory / path: _text(template, directory.resolve().name) for path, template in FILES.items()}
    existing = [path for path in texts if path.exists()]
    if existing:
        problems = [Problem("the file exists already", str(path), remedy="choose another folder") for path in existing]
        raise ConfigurationError("Nothing was written, because files exist already:", problems)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as exc:
        raise ConfigurationError(
            f"The folder {directory} cannot be written ({exc.strerror}). Choose another folder."
        ) from exc
    return list(texts)


def _text(template: str, folder: str) -> str:
    """Return a template's text, with the agent named after the folder."""
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in folder.lower()).strip("-")
    text = (_TEMPLATES / template).read_text("utf-8")
    return text.replace("@NAME@", name or "agent").replace("@VERSION@", __version__)
