from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.server.setting_origins import ShownSetting, shown_settings
from journeyman.settings import Settings

SECRET = "s3cret-of-the-gateway"


def shown(**given: object) -> dict[str, ShownSetting]:
    settings = Settings.read(**given)  # type: ignore[arg-type]
    return {each.name: each for each in shown_settings(settings)}


def test_each_value_has_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("PORT=81\nHOST=10.0.0.1\n")
    Path("key").write_text(f"{SECRET}\n")
    for name, value in {"host": "127.0.0.1", "ROOT_PATH": "", "LITELLM_GATEWAY_API_KEY_FILE": "key"}.items():
        monkeypatch.setenv(name, value)
    found = shown(batch_size=7)
    names = ("HOST", "PORT", "BATCH_SIZE", "ROOT_PATH", "LITELLM_GATEWAY_API_KEY", "LITELLM_GATEWAY_API_KEY_FILE")
    origins = ["environment", ".env", "program", "default", "file", "environment"]
    assert [found[name].origin for name in names] == origins
    assert shown(port=9).get("PORT") == ShownSetting(name="PORT", value=9, default=8000, origin="program", secret=False)
    assert (found["PORT"].value, found["PORT"].default) == (81, 8000)
    assert (found["LITELLM_GATEWAY_API_KEY"].secret, found["PORT"].secret) == (True, False)
    assert SECRET not in str(found)
    assert len(found) == len(Settings.model_fields)
