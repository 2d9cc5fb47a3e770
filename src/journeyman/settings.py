"""The environment, read once: one frozen object, every problem of it at once."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from journeyman.errors import ConfigurationError, Problem
from journeyman.events.quota import Quota
from journeyman.masking import passwords
from journeyman.resilience.rate_limit import MOST, Rate

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_SEED = re.compile(r"[A-Za-z0-9_-]{32,512}")
Names = Annotated[tuple[str, ...], NoDecode]  # a comma list


class Settings(BaseSettings):
    """Every setting, by the name of its variable in lower case.

    `Settings.read()` is the way to one: it turns what cannot be used into one ConfigurationError. Arguments win over
    the environment, the environment over `.env`; an empty value is an unset one. Paths are as given: relative ones
    count from the working directory.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # the gateway and the models
    litellm_gateway_url: str | None = None
    litellm_gateway_api_key: SecretStr | None = None
    default_model: str | None = None
    timeout_seconds: float = Field(30, gt=0, le=86_400)  # silence of a model or HTTP call; a tool's total
    max_retries: int = Field(3, ge=0, le=20)  # tries after the first
    prices_path: Path | None = None

    # agents and tools
    agent_path: Path | None = None
    tools_path: Path | None = None
    default_agent: str | None = None
    agent_type: str = "react_agent"  # these four: an agent without a file
    agent_name: str | None = None
    agent_prompt: str | None = None
    agent_tools: Names = ()
    tools_security: Literal["off", "warn", "enforce"] = "warn"
    tools_isolation: Literal["inline", "process"] | None = None
    enable_cache: bool = True
    cache_ttl: float = Field(3600, ge=0)

    # the journal
    database_url: str = "sqlite:///journeyman.db"
    batch_size: int = Field(100, ge=1, le=10_000)  # events that one group commit gathers at most
    retention_days: float | None = Field(None, gt=0)
    redis_url: SecretStr | None = None

    # the server
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)  # 0: any free one
    root_path: str = ""
    allowed_hosts: Names = ()
    cors_origins: Names = ()
    trusted_proxies: Names = ()
    request_wait_seconds: float = Field(120, gt=0, le=3600)
    enable_ssl: bool | None = None
    ssl_cert_path: Path | None = None
    ssl_key_path: Path | None = None
    debug: bool = False
    log_level: Level = "INFO"
    log_format: str | None = None  # json | console | a %-style pattern; None: console on a terminal, else json

    # who may do what, and how much
    auth_mode: Literal["off", "required"] = "off"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    journeyman_api_key: SecretStr | None = None  # what commands send to a server
    jwt_secret_key: SecretStr | None = None
    jwt_jwks_url: str | None = None
    jwt_algorithm: Literal["HS256", "RS256", "ES256"] | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    rate_limit_enabled: bool | None = None  # None: where callers are told apart (AUTH_MODE=required)
    rate_limit_requests: int = Field(100, ge=1, le=MOST)
    rate_limit_period: float = Field(60, gt=0, le=86_400)
    quota_tokens_per_day: int | None = Field(None, ge=0, le=10**15)
    quota_usd_per_day: float | None = Field(None, ge=0, le=10**9)
    quota_concurrent_runs: int | None = Field(None, ge=1, le=10_000)

    @classmethod
    def read(cls, env_file: Path | str | None = ".env", **given: Any) -> Self:
        """The settings of this process; `given` (lower-case names, None: not given) win.

        Raises ConfigurationError that lists every unusable value with what to do.
        """
        chosen = {name: value for name, value in given.items() if value is not None}
        try:
            return cls(**{"_env_file": env_file, **chosen})
        except ValidationError as exc:
            raise ConfigurationError("The settings cannot be used:", map(_problem, exc.errors())) from None
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{env_file} cannot be read: {exc}. Make it a UTF-8 file of NAME=value.") from exc

    @property
    def request_rate(self) -> Rate | None:
        """How often any caller may ask; None: as often as they like."""
        enabled = self.auth_mode == "required" if self.rate_limit_enabled is None else self.rate_limit_enabled
        return Rate(self.rate_limit_requests, self.rate_limit_period) if enabled else None

    @property
    def quota(self) -> Quota:
        """What each principal may use."""
        return Quota(self.quota_tokens_per_day, self.quota_usd_per_day, self.quota_concurrent_runs)

    @property
    def counts_requests(self) -> bool:
        """Whether anybody may be counted: everybody, or the keys that have a rate of their own."""
        return self.request_rate is not None or self.auth_mode == "required"

    @property
    def tls(self) -> bool:
        return self.enable_ssl is not False and self.ssl_cert_path is not None

    @property
    def database_path(self) -> Path | None:
        """The journal's file; None for `memory://`."""
        scheme, _, rest = self.database_url.partition(":///")
        return Path(rest) if scheme == "sqlite" else None

    @property
    def seed_key(self) -> str | None:
        """The first admin key: API_KEY, or the first line of API_KEY_FILE."""
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        return None if self.api_key_file is None else _first_line(self.api_key_file)

    @property
    def jwt_configured(self) -> bool:
        return self.jwt_secret_key is not None or self.jwt_jwks_url is not None

    @property
    def token_algorithm(self) -> str:
        """The one algorithm of tokens: what is set, else what fits the key."""
        return self.jwt_algorithm or ("HS256" if self.jwt_secret_key is not None else "RS256")

    def secrets(self) -> tuple[str, ...]:
        """Every secret value known here, for masking; passwords within addresses too."""
        values = [getattr(self, name) for name in type(self).model_fields]
        known = tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))
        known += tuple(found for value in values if isinstance(value, str) for found in passwords(value))
        return known if self.api_key_file is None else (*known, _first_line(self.api_key_file))

    # --- what is refused; each sentence says what to do

    @field_validator("agent_tools", "allowed_hosts", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _comma_list(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("log_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is None or value in ("json", "console"):
            return value
        try:
            logging.Formatter(value)
        except ValueError as exc:
            raise ValueError("write json, console or a pattern such as %(asctime)s %(levelname)s %(message)s") from exc
        return value

    @field_validator("litellm_gateway_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("write the gateway's address with http:// or https://, such as http://127.0.0.1:4000")
        return value.rstrip("/") if value else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith(("postgresql:", "postgres:")):
            raise ValueError("PostgreSQL comes with a later release; use sqlite:///journeyman.db")
        path = value.removeprefix("sqlite:///")
        if value != "memory://" and (path == value or not path or path.startswith(":memory:") or "?" in path):
            raise ValueError("write sqlite:///FILE (sqlite:////FILE from the root) or memory://")
        return value

    @field_validator("root_path")
    @classmethod
    def _rooted(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError("begin it with a slash, such as /agents")
        return value.rstrip("/")

    @field_validator("api_key", "api_key_file")
    @classmethod
    def _long_key(cls, value: Any) -> Any:
        if isinstance(value, Path) and not value.is_file():
            raise ValueError("there is no such file: write the first admin key into it, one line")
        secret = _first_line(value) if isinstance(value, Path) else value.get_secret_value() if value else None
        if secret is not None and not _SEED.fullmatch(secret):
            raise ValueError(
                "write at least 32 of A-Z a-z 0-9 _ and -, such as what `python -c 'import secrets; "
                "print(secrets.token_urlsafe(32))'` prints"
            )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError as exc:
                raise ValueError("write addresses or networks, such as 10.0.0.5, 172.16.0.0/12") from exc
        return value

    @field_validator("jwt_jwks_url")
    @classmethod
    def _safe_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError("write the address of the issuer's key set with https://")
        return value

    @model_validator(mode="after")
    def _not_open_to_the_world(self) -> Self:
        if self.auth_mode == "off" and not is_loopback(self.host):
            raise ValueError(
                f"HOST={self.host} is open to others, and AUTH_MODE=off asks nobody who they are: set "
                "AUTH_MODE=required and make the first key with `journeyman keys create admin --scopes admin`, or set "
                "HOST=127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _whole_token_policy(self) -> Self:
        """Half a policy would be an open door: all of it, or none."""
        rest = {"JWT_AUDIENCE": self.jwt_audience, "JWT_ISSUER": self.jwt_issuer}
        if not self.jwt_configured:
            given = [name for name, value in (*rest.items(), ("JWT_ALGORITHM", self.jwt_algorithm)) if value]
            if given:
                raise ValueError(
                    f"{given[0]} is set without a key: set JWT_SECRET_KEY or JWT_JWKS_URL too, or unset it"
                )
            return self
        if self.jwt_secret_key is not None and self.jwt_jwks_url is not None:
            raise ValueError("JWT_SECRET_KEY and JWT_JWKS_URL are both set: tokens have one kind of key, unset one")
        if missing := [name for name, value in rest.items() if not value]:
            raise ValueError(
                f"tokens are accepted only for one audience and from one issuer: set {' and '.join(missing)}"
            )
        if self.jwt_secret_key is not None and len(self.jwt_secret_key.get_secret_value().encode()) < 32:
            raise ValueError("JWT_SECRET_KEY is shorter than 32 bytes: take 32 random ones or more")
        if (self.token_algorithm == "HS256") is (self.jwt_jwks_url is not None):
            raise ValueError(
                "JWT_ALGORITHM does not fit the key: HS256 with JWT_SECRET_KEY, RS256 or ES256 with JWT_JWKS_URL"
            )
        return self

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        given = [path for path in (self.ssl_cert_path, self.ssl_key_path) if path is not None]
        if len(given) == 1:
            raise ValueError("SSL_CERT_PATH and SSL_KEY_PATH go together: set both, or neither")
        if self.enable_ssl and not given:
            raise ValueError("ENABLE_SSL=true needs SSL_CERT_PATH and SSL_KEY_PATH: set both, or leave ENABLE_SSL out")
        missing = [path for path in given if self.tls and not path.is_file()]
        if missing:
            raise ValueError(f"there is no file {', '.join(map(str, missing))}: correct SSL_CERT_PATH and SSL_KEY_PATH")
        return self


def _first_line(path: Path) -> str:
    """Raises ValueError."""
    try:
        return (path.read_text("utf-8").splitlines() or [""])[0].strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ValueError(f"it cannot be read: {exc}") from exc


def is_loopback(host: str) -> bool:
    """Does this name or address lead to the machine itself, whatever a resolver says?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _problem(error: Any) -> Problem:
    """One pydantic complaint as a sentence. A secret's value is never part of it."""
    name = ".".join(str(part) for part in error["loc"]).upper()
    advice = error["msg"].removeprefix("Value error, ")
    if not name:
        return Problem(advice)
    field = Settings.model_fields.get(name.lower())
    secret = field is None or "SecretStr" in str(field.annotation)
    value = "" if secret else f" (it is {str(error['input'])[:100]!r})"
    return Problem(f"{name}{value}: {advice[:1].lower()}{advice[1:]}", file=_origin(name))


def _origin(name: str) -> str:
    return "environment" if any(key.upper() == name for key in os.environ) else ".env"
