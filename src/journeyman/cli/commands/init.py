"""`journeyman init`: makes a first project."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from journeyman import __version__
from journeyman.cli.output import CommandOutput, Json
from journeyman.errors import ConfigurationError, Problem

_TEMPLATES = files("journeyman.cli") / "first_project"
FILES = {  # path in the project -> name of its template
    "agent.yaml": "agent.yaml",
    "tools/distance.py": "distance.py",
    "tests/distance.agent-test.yaml": "distance.agent-test.yaml",
    "README.md": "readme.md",
    "requirements.txt": "requirements.txt",
    ".env.example": "env.example",
    "Dockerfile": "Dockerfile",
    "compose.yaml": "compose.yaml",
    ".dockerignore": "dockerignore",
    ".github/workflows/agent.yaml": "workflow.yaml",
    ".gitignore": "gitignore",
}
SCHEMA = "agent.schema.json"
_WITH_WHEEL = """\
# Journeyman was not installed from a package index here, so its wheel is in this project. Renew it after an upgrade:
#   pip wheel --no-deps -w wheels PATH-OF-JOURNEYMAN
# Once your index has Journeyman, write `journeyman==VERSION` instead, and remove wheels/ here and in the Dockerfile.
./wheels/"""
_FIRST_QUESTION = "How far is it from Oslo to Rome?"


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder, made if it does not exist.")],
    json: Json = False,
) -> None:
    """Make a project with an agent, a tool, a test, and files for an image and for CI. No file is overwritten."""
    made = create_project(directory, _installed())
    command = _command()
    change_folder = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    lines = [f"made {path}" for path in made]
    lines += ["", f"next: {change_folder}{command} serve"]
    lines += [f'then, in a second terminal: {change_folder}{command} run "{_FIRST_QUESTION}"']
    CommandOutput(json=json).show({"made": [str(path) for path in made]}, "\n".join(lines))


def create_project(directory: Path, installed: Distribution | None = None) -> list[Path]:
    """Write the project's files and return their paths.

    `installed` is the installation of Journeyman. If it came from no package index, the project has its wheel. None: it
    is not installed. Raises ConfigurationError, before anything is written, if one of the files exists.
    """
    contents = {directory / path: content for path, content in _contents(directory.resolve().name, installed).items()}
    existing = [path for path in contents if path.exists()]
    if existing:
        problems = [Problem("the file exists already", str(path), remedy="choose another folder") for path in existing]
        raise ConfigurationError("Nothing was written, because files exist already:", problems)
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as exc:
        raise ConfigurationError(
            f"The folder {directory} cannot be written ({exc.strerror}). Choose another folder."
        ) from exc
    return list(contents)


def _contents(folder: str, installed: Distribution | None) -> dict[str, bytes]:
    """Return the content of each file by its path, with the agent named after the folder."""
    from journeyman.agent_files.file_model import agent_file_schema
    from journeyman.cli.own_wheel import build_wheel, is_from_index, wheel_name

    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in folder.lower()).strip("-") or "agent"
    values = {"@NAME@": name, "@REQUIREMENT@": f"journeyman=={__version__}", "@WHEELS@": ""}
    wheels = {}
    if installed is not None and not is_from_index(installed):
        wheel = wheel_name(installed)
        wheels[f"wheels/{wheel}"] = build_wheel(installed, files("journeyman"))
        values |= {"@REQUIREMENT@": f"{_WITH_WHEEL}{wheel}", "@WHEELS@": "COPY wheels wheels\n"}
    made = {path: _text(template, values).encode() for path, template in FILES.items()}
    schema = msgspec.json.format(msgspec.json.encode(agent_file_schema()), indent=2) + b"\n"
    return {**made, SCHEMA: schema, **wheels}


def _text(template: str, values: dict[str, str]) -> str:
    text = (_TEMPLATES / template).read_text("utf-8")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def _installed() -> Distribution | None:
    """Return the installation of Journeyman. None: it runs from its source tree only."""
    try:
        return distribution("journeyman")
    except PackageNotFoundError:
        return None


def _command() -> str:
    """Return how to call this command from another folder."""
    used = Path(sys.argv[0])
    found = shutil.which(used.name)
    if used.name != "journeyman" or (found is not None and Path(found).resolve() == used.resolve()):
        return "journeyman"
    return str(used.resolve())
