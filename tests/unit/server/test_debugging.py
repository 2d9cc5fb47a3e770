"""Settings on the debug page: no secret, and no password within an address."""

from __future__ import annotations

from journeyman.settings import Settings


def test_the_page_shows_settings_as_they_may_be_shown() -> None:
    """The page takes them from `Settings.shown`, whose tests are in tests/unit/test_settings.py."""
    settings = Settings.read(env_file=None, litellm_gateway_url="http://ann:hunter2@gateway.example/v1", port=1)
    shown = settings.shown()
    assert shown["LITELLM_GATEWAY_URL"] == "http://[secret]@gateway.example/v1"
    assert list(shown) == sorted(shown)
