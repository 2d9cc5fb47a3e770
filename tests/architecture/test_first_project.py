"""What `journeyman init` writes for the image, the compose file and CI holds what our own does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from journeyman import __version__
from journeyman.cli.commands.init import create_project
from journeyman.settings import Settings


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects") / "trip"
    create_project(folder)
    return folder


def _service(project: Path) -> dict[str, Any]:
    [service] = yaml.safe_load((project / "compose.yaml").read_text())["services"].values()
    return service


def sent_to_the_image(patterns: Sequence[str], path: str) -> bool:
    """By the rules of .dockerignore: the last pattern that fits the path, or a folder above it, decides."""
    places = [str(PurePosixPath(path)), *map(str, PurePosixPath(path).parents[:-1])]
    sent = True
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        names = [PurePosixPath(place).name for place in places] if "**/" in pattern else places
        if any(fnmatchcase(name, bare) and name.count("/") == bare.count("/") for name in names):
            sent = pattern.startswith("!")
    return sent


def _patterns(project: Path) -> list[str]:
    lines = (project / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_dockerfile_passes_its_linter(project: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, project / "Dockerfile"], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_with_a_probe_and_is_checked_while_it_is_built(project: Path) -> None:
    dockerfile = (project / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert dockerfile.count("\nFROM ") == 2, "what builds does not run"
    assert "HEALTHCHECK" in dockerfile
    assert "RUN journeyman check" in dockerfile
    assert "--require-hashes -r requirements.lock" in dockerfile
    assert "AUTH_MODE=required" in dockerfile
    assert f"journeyman=={__version__}\n" in (project / "requirements.txt").read_text()


def test_our_own_image_and_this_one_run_alike(project: Path) -> None:
    """One is not mended without the other: everything from the user on is the same."""
    ours = (Path(__file__).parents[2] / "deploy/Dockerfile").read_text().partition("\nUSER ")
    theirs = (project / "Dockerfile").read_text().partition("\nUSER ")
    assert ours[2] == theirs[2]


def test_compose_listens_on_this_machine_only_with_a_key_from_a_file(project: Path) -> None:
    service = _service(project)
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (service["read_only"], service["cap_drop"], service["restart"]) == (True, ["ALL"], "unless-stopped")
    assert {name.lower() for name in service["environment"]} <= set(Settings.model_fields)
    assert "API_KEY" not in service["environment"]
    [secret] = service["secrets"]
    assert service["environment"]["API_KEY_FILE"] == f"/run/secrets/{secret}"


def test_what_compose_asks_for_is_in_the_example_of_settings(project: Path) -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (project / "compose.yaml").read_text()))
    example = (project / ".env.example").read_text()
    assert not {name for name in asked if f"{name}=" not in example}


@pytest.mark.parametrize(
    "path", ["agent.yaml", "nodes.py", "tools/distance.py", "tools/data/x.csv", "requirements.lock", "wheels/x.whl"]
)
def test_what_an_agent_reads_goes_into_the_image(project: Path, path: str) -> None:
    assert sent_to_the_image(_patterns(project), path)


@pytest.mark.parametrize(
    "path",
    [".env", "secrets/first-admin-key", "journeyman.db", "journeyman.db-wal", ".git/config", "compose.yaml",
     "tests/distance.agent-test.yaml", "tools/__pycache__/distance.pyc"],
)  # fmt: skip
def test_no_secret_no_journal_and_no_litter_does(project: Path, path: str) -> None:
    assert not sent_to_the_image(_patterns(project), path)


def test_git_does_not_take_keys_and_journals_but_takes_the_lock(project: Path) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    paths = [".env", "secrets/first-admin-key", "journeyman.db", "journeyman.db-wal", "journeyman.db.lock"]
    asked = ["git", "-C", str(project), "check-ignore", *paths, "requirements.lock", ".env.example"]
    assert subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split() == paths


def test_the_workflow_checks_and_tests(project: Path) -> None:
    [job] = yaml.safe_load((project / ".github/workflows/agent.yaml").read_text())["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["pip install -r requirements.txt", "journeyman check --offline", "journeyman test tests"]
