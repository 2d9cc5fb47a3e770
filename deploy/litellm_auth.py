"""Who may use the LiteLLM proxy: Journeyman, with the key that both read from a file, and for its models only.

This key asks models and lists them. It cannot change the proxy, as LITELLM_MASTER_KEY can, which the server never gets.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

KEY = Path(os.environ.get("GATEWAY_KEY_FILE", "/run/secrets/gateway-key")).read_text("utf-8").strip().encode()
ROUTES = ("/v1/chat/completions", "/v1/responses", "/v1/models")


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Return the user of the key. Raises HTTPException for another key or route."""
    is_known = bool(KEY) and secrets.compare_digest(api_key.removeprefix("Bearer ").encode(), KEY)
    if not is_known or request.url.path not in ROUTES:
        raise HTTPException(status_code=401, detail="This key does not open this route of the proxy.")
    return UserAPIKeyAuth(api_key=api_key, user_role=LitellmUserRoles.INTERNAL_USER)
