"""GatewaySpec: where a gateway is, and how its key is sent."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from journeyman.masking import passwords

_USUAL_URL = "LITELLM_GATEWAY_URL"
_USUAL_KEY = "LITELLM_GATEWAY_API_KEY"


class SettingNames(NamedTuple):
    """The names of a gateway's settings, for the errors that ask to correct one of them."""

    url: str = _USUAL_URL
    key: str = _USUAL_KEY

    def in_text(self, text: str) -> str:
        """Return the text with these names in the place of the usual ones."""
        return text if self == SettingNames() else text.replace(_USUAL_KEY, self.key).replace(_USUAL_URL, self.url)


OPENAI_NAMES = SettingNames("OPENAI_BASE_URL", "OPENAI_API_KEY")


class GatewaySpec(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway. The one of the settings has an empty name; the others have that of their entry in `gateways`.

    The key is sent as a bearer token, or in the header or the query parameter that is named.
    """

    name: str = ""
    url: str
    key: str = ""
    header: str = ""
    query: str = ""
    setting_names: SettingNames = SettingNames()

    def __repr__(self) -> str:
        return f"GatewaySpec({self.name!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and the credentials within the URL."""
        return (*((self.key,) if self.key else ()), *passwords(self.url))
