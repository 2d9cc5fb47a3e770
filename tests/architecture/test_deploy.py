"""The files of a deployment hold what they promise: the image, the compose file, the workflow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from journeyman.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FIRST_PROJECT = ROOT / "src/journeyman/cli/first_project"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def _compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_the_dockerfile_passes_its_linter() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_with_a_probe_and_hashed_parts() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE
    assert DOCKERFILE.count("--require-hashes") == 2
    assert DOCKERFILE.count("\nFROM ") == 2, "what builds does not run"
    assert "AUTH_MODE=required" in DOCKERFILE


def test_the_build_needs_nothing_that_is_not_locked() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    [backend] = re.findall(r"requires = \[\"(hatchling==[0-9.]+)\"\]", project)
    assert backend in (DEPLOY / "requirements-build.txt").read_text()


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for names in copied for name in names.split()} <= kept


def test_every_service_has_an_image_with_a_digest_and_starts_again() -> None:
    services = _compose()["services"]
    assert set(services) == {"journeyman", "litellm", "redis", "prometheus", "grafana"}
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        image = service.get("image", f"built:here@sha256:{'0' * 64}")
        assert re.search(r":(?!latest)[^:/@]+@sha256:[0-9a-f]{64}$", image.rstrip("}")), name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} listens to the world"


def test_files_that_compose_mounts_are_there() -> None:
    for service in _compose()["services"].values():
        for volume in service.get("volumes", ()):
            source = str(volume).partition(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_file(), source


def test_the_variables_of_compose_are_settings_and_named_in_the_example() -> None:
    given = _compose()["services"]["journeyman"]["environment"]
    assert {name.lower() for name in given} <= set(Settings.model_fields)
    example = (DEPLOY / ".env.example").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text())) - {"LITELLM_IMAGE"}
    assert not {name for name in asked if f"{name}=" not in example}


def test_the_server_reads_its_secrets_from_files_and_gets_no_key_that_changes_its_proxy() -> None:
    compose = _compose()
    server, proxy = compose["services"]["journeyman"], compose["services"]["litellm"]
    files = {name: value for name, value in server["environment"].items() if name.endswith("_FILE")}
    assert files == {
        "API_KEY_FILE": "/run/secrets/first-admin-key",
        "LITELLM_GATEWAY_API_KEY_FILE": "/run/secrets/gateway-key",
    }
    assert set(server["secrets"]) == {path.rpartition("/")[2] for path in files.values()} <= set(compose["secrets"])
    assert not {name for name in server["environment"] if name.endswith("_KEY")}
    assert "MASTER" not in str(server)
    assert proxy["secrets"] == ["gateway-key"]
    assert "custom_auth: litellm_auth.user_api_key_auth" in (DEPLOY / "litellm.yaml").read_text()


def test_base_images_are_named_by_their_digest() -> None:
    for path in (DEPLOY / "Dockerfile", FIRST_PROJECT / "Dockerfile"):
        [base] = re.findall(r"^ARG PYTHON=(.+)$", path.read_text(), re.MULTILINE)
        assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", base), path


def test_actions_are_named_by_their_commit() -> None:
    for path in (ROOT / ".github/workflows/ci.yml", FIRST_PROJECT / "workflow.yaml"):
        used = re.findall(r"uses: (.+)$", path.read_text(), re.MULTILINE)
        assert used
        assert not [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", name)], path


def test_what_looks_at_the_server_cannot_reach_its_proxy() -> None:
    networks = {name: set(service["networks"]) for name, service in _compose()["services"].items()}
    assert not networks["grafana"] & networks["litellm"]
    assert not networks["prometheus"] & networks["redis"]
    assert networks["journeyman"] == networks["litellm"] | networks["prometheus"]


def test_the_workflow_calls_make() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step.get("run") for job in jobs.values() for step in job["steps"]]
    assert {"make test", "make lint", "make test-long"} <= set(steps)
