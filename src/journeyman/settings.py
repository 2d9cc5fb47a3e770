"""The server's settings: environment variables, read once into a frozen object, with all mistakes reported at once."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from journeyman.environment import Environment, read_env_file
from journeyman.errors import ConfigurationError, Problem
from journeyman.events.quota import Quota
from journeyman.llm.gateway.address import check_credentials, check_url
from journeyman.llm.gateway.gateway_spec import OPENAI_NAMES, GatewaySpec, SettingNames
from journeyman.masking import MARK, passwords, without_credentials
from journeyman.resilience.rate_limit import Rate, parse_rate

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
Names = Annotated[tuple[str, ...], NoDecode]  # comma-separated in the environment
ACCESS_PREFIXES = ("AUTH_", "API_KEY", "JWT_")  # settings that say who may call
_SECRETS_OF_FILES = (
    "litellm_gateway_api_key",
    "openai_api_key",
    "redis_url",
    "api_key",
    "journeyman_api_key",
    "jwt_secret_key",
)
_SEED_KEY = re.compile(r"[A-Za-z0-9_-]{32,512}")


class Settings(BaseSettings):
    """All settings; each field is named like its environment variable, in lower case.

    Create it with `Settings.read()`, which reports all invalid values in one ConfigurationError. Arguments override the
    environment, which overrides `.env`; an empty value counts as unset, and one in the environment hides that of
    `.env`. A secret that is not set is read from its `…_FILE`, and the environment is not changed. Relative paths are
    relative to the working directory.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore", frozen=True
    )
    _environment: Environment = PrivateAttr()
    _given: frozenset[str] = PrivateAttr()

    # the gateway and the models
    litellm_gateway_url: str | None = None
    litellm_gateway_api_key: SecretStr | None = None
    litellm_gateway_api_key_file: Path | None = None  # this and each `…_file` of a secret: its value is the first line
    openai_base_url: str | None = None  # counts only together with the key, and without LITELLM_GATEWAY_URL
    openai_api_key: SecretStr | None = None
    openai_api_key_file: Path | None = None
    default_model: str | None = None
    timeout_seconds: float = Field(30, gt=0, le=86_400)  # idle time of a model or HTTP call; total time of a tool call
    gateway_patience_seconds: float | None = Field(None, ge=0)  # how long a run waits for its gateway; None: no end
    gateway_first_rate: float = Field(
        20, gt=0
    )  # calls a second after a restart, an outage or a 429; doubled each second
    max_retries: int = Field(3, ge=0, le=20)  # attempts after the first
    gateway_reply_bytes: int = Field(64 << 20, ge=1 << 20, le=1 << 40)  # of large replies of one gateway, being read
    prices_path: Path | None = None

    # agents and tools
    agent_path: Path | None = None
    tools_path: Path | None = None
    default_agent: str | None = None
    agent_type: str = "react_agent"  # this and the next three define an agent without a file
    agent_name: str | None = None
    agent_prompt: str | None = None
    agent_tools: Names = ()
    tools_security: Literal["off", "warn", "enforce"] = "warn"
    tools_isolation: Literal["inline", "process"] | None = None
    tool_workers: int = Field(8, ge=1, le=1000)  # processes of tools, and how many work for one principal
    tool_workers_per_principal: int = Field(4, ge=1, le=1000)
    tool_backlog: int = Field(512, ge=1, le=1_000_000)  # calls that wait for a process when a lone call comes, and
    tool_backlog_per_principal: int = Field(256, ge=1, le=1_000_000)  # how many are of one principal
    tool_wait_seconds: float = Field(300, gt=0, le=86_400)  # for which a call waits for a process
    run_slots: int = Field(640, ge=1, le=100_000)  # runs in progress, and how many are of one principal
    run_slots_per_principal: int = Field(512, ge=1, le=100_000)
    run_backlog: int = Field(8192, ge=1, le=1_000_000)  # runs that wait for a slot, and how many are of one principal
    run_backlog_per_principal: int = Field(4096, ge=1, le=1_000_000)
    accept_backlog: int = Field(2048, ge=1, le=1_000_000)  # requests that wait to be written, and how many are of one
    accept_backlog_per_principal: int = Field(1024, ge=1, le=1_000_000)
    call_patches: int = Field(1000, ge=1, le=10**9)  # of contexts, by one tool call; and their bytes together
    call_patch_bytes: int = Field(4 << 20, ge=1, le=1 << 40)
    call_log_lines: int = Field(10_000, ge=1, le=10**9)  # of one tool call in a worker process
    call_progress_reports: int = Field(10_000, ge=1, le=10**9)  # of one tool call
    enable_cache: bool = True
    cache_ttl: float = Field(3600, ge=0)

    # the journal
    database_url: str = "sqlite:///journeyman.db"
    batch_size: int = Field(100, ge=1, le=10_000)  # events that one group commit writes
    retention_days: float | None = Field(None, gt=0)
    protocol_threads_keep_hours: float = Field(24, gt=0, le=1_000_000)  # hidden threads of clients that name none
    accept_rollback: int | None = Field(None, ge=1)  # the number of the loss of commits that is accepted, good once
    crashed_runs: Literal["hold", "fail"] = "hold"  # what becomes of a run that ends the server each time
    file_max_bytes: int = Field(20_000_000, ge=1, le=2**40)  # of one file
    files_max_bytes: int = Field(1_000_000_000, ge=0, le=2**50)  # of all files of a principal
    redis_url: SecretStr | None = None
    redis_url_file: Path | None = None

    # the server
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)  # 0: any free port
    root_path: str = ""
    allowed_hosts: Names = ()
    cors_origins: Names = ()
    trusted_proxies: Names = ()
    connections: int = Field(4096, ge=1, le=1_000_000)  # open at one time, and how many are of one address
    connections_per_address: int = Field(1024, ge=1, le=1_000_000)
    request_bytes_per_principal: int = Field(128 << 20, ge=1, le=1 << 40)  # of large bodies that are not stored yet
    request_wait_seconds: float = Field(120, gt=0, le=3600)
    enable_ssl: bool | None = None
    ssl_cert_path: Path | None = None
    ssl_key_path: Path | None = None
    debug: bool = False
    log_level: Level = "INFO"
    log_format: str | None = None  # json | console | a %-style pattern; None: console on a terminal, else json

    # authentication, rate limits and quotas
    auth_mode: Literal["off", "required"] = "off"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    journeyman_api_key: SecretStr | None = None  # the key that CLI commands send to a server
    journeyman_api_key_file: Path | None = None
    jwt_secret_key: SecretStr | None = None
    jwt_secret_key_file: Path | None = None
    jwt_jwks_url: str | None = None
    jwt_algorithm: Literal["HS256", "RS256", "ES256"] | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    rate_limit_enabled: bool | None = None  # None: only with AUTH_MODE=required
    rate_limit_requests: int = Field(100, ge=1, le=1_000_000)
    rate_limit_period: float = Field(60, gt=0, le=86_400)
    delegate_rate: str | None = None  # of each subject whose tokens have the scope `delegate`; None: no limit
    quota_tokens_per_day: int | None = Field(None, ge=0, le=10**15)
    quota_usd_per_day: float | None = Field(None, ge=0, le=10**9)
    quota_concurrent_runs: int | None = Field(None, ge=1, le=10_000)

    def __init__(
        self, environment: Environment | None = None, given: frozenset[str] = frozenset(), /, **values: Any
    ) -> None:
        super().__init__(**values)
        self._environment = environment or Environment()
        self._given = given

    @classmethod
    def read(cls, env_file: Path | str | None = ".env", **given: Any) -> Self:
        """Return the settings of this process. `given` overrides them by lower-case name, except where it is None.

        Raises:
            ConfigurationError: Some values are invalid, a line of `.env` cannot be read, or an empty variable hides
                who may call. It lists each with what to do.
        """
        environment = Environment(file=read_env_file(env_file))
        if opened := [name for name in environment.hidden if name.upper().startswith(ACCESS_PREFIXES)]:
            raise ConfigurationError("The settings cannot be used:", map(_opened, opened))
        from_file = {name.lower(): value for name, value in environment.visible_in_file().items() if value}
        overrides = {name: value for name, value in given.items() if value is not None}
        try:
            known = {name: from_file[name] for name in cls.model_fields if name in from_file}
            return cls(environment, frozenset(overrides), **{"_env_file": None, **known, **overrides})
        except ValidationError as exc:
            raise ConfigurationError("The settings cannot be used:", map(_problem, exc.errors())) from None

    @property
    def given(self) -> frozenset[str]:
        """The lower-case names of the settings that the program or the command line gave to `read`."""
        return self._given

    @property
    def environment(self) -> Environment:
        """The variables of this process over those of `.env`, for agent files and tools."""
        return self._environment

    @property
    def environment_of_tools(self) -> dict[str, str]:
        """The environment in which tool files are imported to find tools: without settings that only `.env` has."""
        own = {name.upper() for name in type(self).model_fields}
        both = self._environment
        return {name: both[name] for name in both if both.is_of_process(name) or name.upper() not in own}

    @classmethod
    def secret_names(cls) -> frozenset[str]:
        """Return the names of the variables whose values are secrets of the server."""
        fields = cls.model_fields.items()
        return frozenset(name.upper() for name, field in fields if "SecretStr" in str(field.annotation))

    @property
    def uses_openai_variables(self) -> bool:
        """Whether OPENAI_BASE_URL and OPENAI_API_KEY are the gateway of agents that name a model."""
        return None not in (self.openai_base_url, self.openai_api_key) and self.litellm_gateway_url is None

    @property
    def gateway(self) -> GatewaySpec | None:
        """The gateway of models that name none. None: it is not set."""
        url, key, names = self.litellm_gateway_url, self.litellm_gateway_api_key, SettingNames()
        if self.uses_openai_variables:
            url, key, names = self.openai_base_url, self.openai_api_key, OPENAI_NAMES
        if url is None:
            return None
        return GatewaySpec(url=url, key=key.get_secret_value() if key else "", setting_names=names)

    @property
    def request_rate(self) -> Rate | None:
        """The rate limit of each caller without one of their own. None: there is no such limit."""
        enabled = self.auth_mode == "required" if self.rate_limit_enabled is None else self.rate_limit_enabled
        return Rate(self.rate_limit_requests, self.rate_limit_period) if enabled else None

    @property
    def rate_of_delegates(self) -> Rate | None:
        """The rate limit of each subject whose tokens may act for others. None: there is no such limit."""
        return None if self.delegate_rate is None else parse_rate(self.delegate_rate)

    @property
    def quota(self) -> Quota:
        """The quota of each principal."""
        return Quota(self.quota_tokens_per_day, self.quota_usd_per_day, self.quota_concurrent_runs)

    @property
    def counts_requests(self) -> bool:
        """Whether any request can be rate limited: those of all callers, or of keys with a rate limit."""
        return self.request_rate is not None or self.auth_mode == "required"

    @property
    def tls(self) -> bool:
        """Whether the server uses TLS."""
        return self.enable_ssl is not False and self.ssl_cert_path is not None

    @property
    def database_path(self) -> Path | None:
        """The journal's file. None: the journal is in memory."""
        scheme, _, rest = self.database_url.partition(":///")
        return Path(rest) if scheme == "sqlite" else None

    @property
    def seed_key(self) -> str | None:
        """The first admin key. None: it is not set."""
        return None if self.api_key is None else self.api_key.get_secret_value()

    @property
    def secret_paths(self) -> tuple[Path, ...]:
        """The files that hold secrets of the settings, among them `.env`, which may not exist."""
        paths = (
            self.litellm_gateway_api_key_file,
            self.openai_api_key_file,
            self.redis_url_file,
            self.api_key_file,
            self.journeyman_api_key_file,
            self.jwt_secret_key_file,
            self.ssl_key_path,
            Path(".env"),
        )
        return tuple(path for path in paths if path is not None)

    @property
    def jwt_configured(self) -> bool:
        """Whether a key to verify tokens is set."""
        return self.jwt_secret_key is not None or self.jwt_jwks_url is not None

    @property
    def token_algorithm(self) -> str:
        """The only accepted algorithm of tokens: JWT_ALGORITHM, or the default for the kind of key."""
        return self.jwt_algorithm or ("HS256" if self.jwt_secret_key is not None else "RS256")

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value of the settings, including passwords within URLs, for masking."""
        values = [getattr(self, name) for name in type(self).model_fields]
        known = tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))
        return known + tuple(found for value in values if isinstance(value, str) for found in passwords(value))

    def shown(self) -> dict[str, Any]:
        """Return every setting by name, in capitals, as people may see it. Whatever shows a setting takes it from here.

        Of a secret only whether it is set; addresses without their userinfo.
        """
        values = {name.upper(): _shown(getattr(self, name)) for name in type(self).model_fields}
        return dict(sorted(values.items()))

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        yield from self.shown().items()

    # --- validation; each message says what to do

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
            raise ValueError("Write json, console or a pattern such as %(asctime)s %(levelname)s %(message)s.") from exc
        return value

    @field_validator("litellm_gateway_url")
    @classmethod
    def _gateway_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        check_url(value)
        return value if "?" in value else value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith(("postgresql:", "postgres:")):
            raise ValueError("PostgreSQL is not supported in this release. Use sqlite:///journeyman.db.")
        path = value.removeprefix("sqlite:///")
        if value != "memory://" and (path == value or not path or path.startswith(":memory:") or "?" in path):
            raise ValueError("Write sqlite:///FILE (sqlite:////FILE for an absolute path) or memory://.")
        return value

    @field_validator("root_path")
    @classmethod
    def _slash_first(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError("Begin the path with a slash, for example /agents.")
        return value.rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        """Take secrets that are not set from their files. Files that cannot be used are reported by `_usable_file`."""
        found = {}
        for name in _SECRETS_OF_FILES:
            if (path := values.get(f"{name}_file")) and not values.get(name):
                with contextlib.suppress(ValueError):
                    found[name] = _first_line(Path(path))
        return {**values, **found}

    @field_validator(*(f"{name}_file" for name in _SECRETS_OF_FILES))
    @classmethod
    def _usable_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("There is no such file. Create it with the secret as its only line.")
        if value is not None and not _first_line(value):
            raise ValueError("The file's first line is empty. Write the secret there.")
        return value

    @field_validator("api_key")
    @classmethod
    def _long_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _SEED_KEY.fullmatch(value.get_secret_value()):
            raise ValueError(
                "The key needs at least 32 characters from A-Z a-z 0-9 _ and -. Make one with `python -c 'import "
                "secrets; print(secrets.token_urlsafe(32))'`."
            )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as exc:
                raise ValueError(
                    "Write IP addresses or networks, separated by commas: 10.0.0.5, 172.16.0.0/12."
                ) from exc
        return value

    @field_validator("delegate_rate")
    @classmethod
    def _known_rate(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                parse_rate(value)
        except ValueError as exc:
            raise ValueError(f"Write a rate such as 600/60s: {exc}.") from exc
        return value

    @field_validator("jwt_jwks_url")
    @classmethod
    def _https_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError("Begin the URL of the issuer's key set with https://.")
        return value

    @model_validator(mode="after")
    def _usable_openai_url(self) -> Self:
        """Check OPENAI_BASE_URL if it counts: otherwise it is the business of other programs."""
        if self.uses_openai_variables:
            try:
                check_url(self.openai_base_url or "")
            except ValueError as exc:
                raise ValueError(f"OPENAI_BASE_URL cannot be used: {exc}") from None
        return self

    @model_validator(mode="after")
    def _one_gateway_credential(self) -> Self:
        """Check that requests to the gateway carry one credential: with two, every model call would fail."""
        url, key = self.litellm_gateway_url, self.litellm_gateway_api_key
        try:
            check_credentials(url or "", key.get_secret_value() if key else None)
        except ValueError as exc:
            raise ValueError(f"LITELLM_GATEWAY_URL cannot be used: {exc}") from None
        return self

    @model_validator(mode="after")
    def _authenticated_or_local(self) -> Self:
        if self.auth_mode == "off" and not is_loopback(self.host):
            raise ValueError(
                f"With HOST={self.host} other machines can reach the server, and AUTH_MODE=off lets them do anything. "
                "Set AUTH_MODE=required and create the first key with `journeyman keys create admin --scopes admin`, "
                "or set HOST=127.0.0.1."
            )
        return self

    @model_validator(mode="after")
    def _complete_token_policy(self) -> Self:
        """Check that the token settings are complete, since half of them would accept tokens made for others."""
        checks = {"JWT_AUDIENCE": self.jwt_audience, "JWT_ISSUER": self.jwt_issuer}
        if not self.jwt_configured:
            given = [name for name, value in (*checks.items(), ("JWT_ALGORITHM", self.jwt_algorithm)) if value]
            if given:
                raise ValueError(
                    f"{given[0]} is set, but no key for tokens is. Set JWT_SECRET_KEY or JWT_JWKS_URL, or unset "
                    f"{given[0]}."
                )
            return self
        if self.jwt_secret_key is not None and self.jwt_jwks_url is not None:
            raise ValueError(
                "JWT_SECRET_KEY and JWT_JWKS_URL are both set, but tokens have one kind of key: unset one."
            )
        if missing := [name for name, value in checks.items() if not value]:
            raise ValueError(f"Tokens need one expected audience and one expected issuer: set {' and '.join(missing)}.")
        if self.jwt_secret_key is not None and len(self.jwt_secret_key.get_secret_value().encode()) < 32:
            raise ValueError("JWT_SECRET_KEY is shorter than 32 bytes. Use at least 32 random bytes.")
        if (self.token_algorithm == "HS256") is (self.jwt_jwks_url is not None):
            raise ValueError(
                "JWT_ALGORITHM does not fit the kind of key: use HS256 with JWT_SECRET_KEY, and RS256 or ES256 with "
                "JWT_JWKS_URL."
            )
        return self

    @model_validator(mode="after")
    def _complete_tls(self) -> Self:
        given = [path for path in (self.ssl_cert_path, self.ssl_key_path) if path is not None]
        if len(given) == 1:
            raise ValueError("TLS needs both SSL_CERT_PATH and SSL_KEY_PATH: set both, or neither.")
        if self.enable_ssl and not given:
            raise ValueError("ENABLE_SSL=true needs SSL_CERT_PATH and SSL_KEY_PATH: set both, or leave ENABLE_SSL out.")
        missing = [path for path in given if self.tls and not path.is_file()]
        if missing:
            names = " and ".join(f"'{path}'" for path in missing)
            raise ValueError(f"There is no file {names}: correct SSL_CERT_PATH and SSL_KEY_PATH.")
        return self


def _first_line(path: Path) -> str:
    """Return the first line of a file, without surrounding white space.

    Raises:
        ValueError: The file cannot be read.
    """
    try:
        return (path.read_text("utf-8").splitlines() or [""])[0].strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ValueError(f"The file cannot be read: {exc}.") from exc


def is_loopback(host: str) -> bool:
    """Return whether this name or address means the machine itself, without asking a resolver."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _opened(name: str) -> Problem:
    return Problem(
        f"{name} is empty in the environment and has a value in .env, which the empty one would hide. Remove the empty "
        "variable from the environment, or the line from .env."
    )


def _problem(error: Any) -> Problem:
    """Return a pydantic error as a Problem whose message never contains the value of a secret."""
    name = ".".join(str(part) for part in error["loc"]).upper()
    advice = without_credentials(error["msg"].removeprefix("Value error, "))
    if not name:
        return Problem(advice)
    field = Settings.model_fields.get(name.lower())
    secret = field is None or "SecretStr" in str(field.annotation)
    value = "" if secret else f" is {without_credentials(str(error['input']))[:100]!r}"
    return Problem(f"{name}{value}: {advice}", file=_origin(name))


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MARK
    if isinstance(value, tuple):
        return tuple(map(_shown, value))
    return without_credentials(str(value)) if isinstance(value, str | Path) else value


def _origin(name: str) -> str:
    """Return where a setting was read: "environment" or ".env"."""
    return "environment" if any(key.upper() == name for key in os.environ) else ".env"
