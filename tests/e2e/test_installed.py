"""The wheel as pip would install it: `init` writes a project, and what its workflow and its image run works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml

from benchmarks.child import Child, free_port
from benchmarks.servers import ROOT, environment
from journeyman.cli.commands.init import create_project

COMMAND = [sys.executable, "-m", "journeyman"]
KEY = "k" * 40


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel holds: on PYTHONPATH it comes before the source tree."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    asked = [sys.executable, "-c", "import journeyman; print(journeyman.__file__)"]
    found = subprocess.run(
        asked, env=environment(PYTHONPATH=str(folder / "site")), capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).is_relative_to(folder), "the source tree came first"
    return folder / "site"


def _run(installed: Path, arguments: Sequence[str], cwd: Path) -> str:
    env = environment(PYTHONPATH=str(installed))
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(installed: Path, tmp_path: Path) -> Path:
    made = json.loads(_run(installed, ["init", "trip", "--json"], tmp_path))["made"]
    assert {"trip/Dockerfile", "trip/compose.yaml", "trip/.github/workflows/agent.yaml"} <= set(made)
    return tmp_path / "trip"


def test_the_commands_of_the_workflow_pass(installed: Path, project: Path) -> None:
    [job] = yaml.safe_load((project / ".github/workflows/agent.yaml").read_text())["jobs"].values()
    commands = [step["run"].split() for step in job["steps"] if step.get("run", "").startswith("journeyman ")]
    printed = [_run(installed, command[1:], project) for command in commands]
    assert len(printed) == 2
    assert "Agent trip can be served" in printed[0]
    assert printed[1].endswith("1 passed, 0 failed\n")


def test_a_server_with_the_settings_of_the_image_answers_whoever_has_the_first_key(
    installed: Path, project: Path, tmp_path: Path
) -> None:
    """There is no engine here that could build the image: its settings and its command, without the walls."""
    (tmp_path / "first-admin-key").write_text(KEY + "\n")
    port = free_port()
    settings = dict(re.findall(r"^ +([A-Z_]+)=(\S+)", (project / "Dockerfile").read_text(), re.MULTILINE))
    assert settings["HOST"] == "0.0.0.0"
    settings |= {"HOST": "127.0.0.1", "PORT": str(port), "AGENT_PATH": str(project), "PYTHONPATH": str(installed)}
    settings |= {"DATABASE_URL": f"sqlite:///{tmp_path}/data.db", "API_KEY_FILE": str(tmp_path / "first-admin-key")}
    child = Child("server", [*COMMAND, "serve"], tmp_path, environment(**settings), cwd=tmp_path)
    try:
        child.wait_http(f"http://127.0.0.1:{port}/readyz", 30)
        body = json.dumps({"user_input": "What is the distance? origin: Oslo, destination: Rome"}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/process", body, headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert " km" in json.load(answer)["response"]
    finally:
        child.kill_group()


@pytest.mark.long
def test_the_requirements_of_a_project_can_be_installed_and_make_the_same_project(tmp_path: Path) -> None:
    """No index is asked: the wheel in the project is what runs here."""
    create_project(tmp_path / "trip", distribution("journeyman"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path / "site"),
    ]
    subprocess.run([*install, "-r", "requirements.txt"], cwd=tmp_path / "trip", check=True, timeout=60)
    _run(tmp_path / "site", ["init", "again/trip"], tmp_path)

    def contents(project: Path) -> dict[str, bytes]:
        return {str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*") if path.is_file()}

    assert contents(tmp_path / "again/trip") == contents(tmp_path / "trip")
