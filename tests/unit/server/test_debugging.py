"""Settings on the debug page: no secret, and no password within an address."""

from __future__ import annotations

from journeyman.masking import MARK
from journeyman.server.debugging import masked_page
from journeyman.settings import Settings


def test_secrets_are_shown_as_set_and_addresses_without_their_user() -> None:
    settings = Settings.read(
        env_file=None, api_key="k" * 43, litellm_gateway_url="http://ann:hunter2@gateway.example/v1", port=1
    )
    shown = masked_page(settings)
    assert (shown["API_KEY"], shown["PORT"], shown["JWT_SECRET_KEY"]) == (MARK, 1, None)
    assert "hunter2" not in str(shown["LITELLM_GATEWAY_URL"])
    assert list(shown) == sorted(shown)
