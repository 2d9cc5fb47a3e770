"""The files under deploy/ hold what docs/seed.md says of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from journeyman.settings import Settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
IMAGE = (DEPLOY / "Dockerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def test_the_image_is_locked_and_without_rights() -> None:
    installs = re.findall(r"pip install ([^\n]*)", IMAGE)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs), installs
    assert re.findall(r"^(?:USER|CMD|STOPSIGNAL) .*$", IMAGE, re.MULTILINE) == [
        "USER 10001:10001",
        "STOPSIGNAL SIGTERM",
        'CMD ["journeyman", "serve"]',
    ]
    assert IMAGE.count("\nFROM ") == 2, "what builds does not run"
    assert "HEALTHCHECK" in IMAGE


def test_the_stack_has_the_server_and_its_gateway() -> None:
    assert {"journeyman", "litellm", "prometheus", "grafana"} <= set(SERVICES)
    server = SERVICES["journeyman"]
    assert (server["read_only"], server["cap_drop"]) == (True, ["ALL"])
    assert all(port.startswith("127.0.0.1:") for service in SERVICES.values() for port in service.get("ports", ()))
    assert any(volume.endswith(":/agent:ro") for volume in server["volumes"]), "the agent is mounted"


def test_what_the_samples_set_is_a_setting() -> None:
    named = set(re.findall(r"\b([A-Z][A-Z_]+)=", IMAGE)) - {"PYTHON", "PIP_NO_CACHE_DIR", "PATH", "PYTHONUNBUFFERED"}
    named -= {"PIP_DISABLE_PIP_VERSION_CHECK"}
    assert {name.lower() for name in named | set(SERVICES["journeyman"]["environment"])} <= set(Settings.model_fields)
    asked = re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text())
    assert all(f"{name}=" in (DEPLOY / ".env.example").read_text() for name in asked)
