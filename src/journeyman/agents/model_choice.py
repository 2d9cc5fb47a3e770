"""Which model an agent uses. Production never falls silently to the offline model."""

from __future__ import annotations

OFFLINE = "offline"
BUILT_IN = ("offline", "script:", "replay:")  # these need no gateway


def needs_gateway(model: str) -> bool:
    return model != OFFLINE and not model.startswith(("script:", "replay:"))


def resolve_model(named: str | None, default_model: str | None, gateway_configured: bool, offline: bool) -> str:
    """The model to use: the agent's own, else `default_model`, else `offline` when there is no gateway.

    `offline` (serve --offline) replaces every model that needs a gateway. Raises ValueError, with a sentence that
    says what to do, when no model is left or the model needs a gateway that is not configured.
    """
    model = named or default_model
    if offline:
        return model if model and not needs_gateway(model) else OFFLINE
    if model is None or not model:
        if gateway_configured:
            raise ValueError("no model is named: write `model: NAME`, or set DEFAULT_MODEL")
        return OFFLINE
    if needs_gateway(model) and not gateway_configured:
        origin = "" if named else " (from DEFAULT_MODEL)"
        raise ValueError(
            f"the model {model}{origin} needs a gateway: set LITELLM_GATEWAY_URL, or start with serve --offline"
        )
    return model
