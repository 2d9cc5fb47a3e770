from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from journeyman.cli.doctor.command import settings_text
from journeyman.errors import ConfigurationError
from journeyman.settings import Settings, is_loopback

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory and none of our variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(**given: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read(**given)
    return caught.value.message


def test_the_page_names_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]+)`|unset) \|", PAGE.read_text(), re.M)
    settings = Settings.read()
    defaults = {name.upper(): getattr(settings, name) for name in Settings.model_fields}
    assert dict(rows) == {name: shown(value) for name, value in defaults.items()}


def shown(value: object) -> str:
    match value:
        case None | "" | ():
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def test_arguments_win_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, alone: Path
) -> None:
    (alone / ".env").write_text("PORT=1\nMAX_RETRIES=1\nBATCH_SIZE=7\n")
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setenv("MAX_RETRIES", "2")
    settings = Settings.read(port=3)
    assert (settings.port, settings.max_retries, settings.batch_size) == (3, 2, 7)


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    (alone / ".env").write_text("DEFAULT_MODEL=\n")
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("LITELLM_GATEWAY_URL", "")
    settings = Settings.read()
    assert (settings.port, settings.litellm_gateway_url, settings.default_model) == (8000, None, None)


def test_all_problems_at_once_and_where_they_come_from(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    (alone / ".env").write_text("TIMEOUT_SECONDS=soon\n")
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    message = refused()
    assert "environment: PORT is 'http': Input should be a valid integer" in message
    assert ".env: TIMEOUT_SECONDS" in message
    assert "LOG_LEVEL" in message


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"host": "0.0.0.0"}, "journeyman keys create admin"),
        ({"host": "example.org", "auth_mode": "off"}, "HOST=127.0.0.1"),
        ({"api_key": "short"}, "32"),
        ({"api_key_file": "nowhere"}, "There is no such file"),
        ({"jwt_secret_key": "x" * 32}, "JWT_AUDIENCE and JWT_ISSUER"),
        ({"jwt_secret_key": "x" * 32, "jwt_audience": "a"}, "JWT_ISSUER"),
        ({"jwt_secret_key": "x" * 31, "jwt_audience": "a", "jwt_issuer": "i"}, "32 bytes"),
        ({"trusted_proxies": "proxy.example"}, "10.0.0.5"),
        ({"jwt_audience": "a"}, "JWT_SECRET_KEY or JWT_JWKS_URL"),
        ({"jwt_algorithm": "HS256"}, "JWT_SECRET_KEY or JWT_JWKS_URL"),
        ({"jwt_algorithm": "none"}, "HS256"),
        ({"jwt_jwks_url": "http://idp.example/keys", "jwt_audience": "a", "jwt_issuer": "i"}, "https://"),
        (
            {"jwt_jwks_url": "https://i/k", "jwt_algorithm": "HS256", "jwt_audience": "a", "jwt_issuer": "i"},
            "RS256 or ES256",
        ),
        (
            {"jwt_jwks_url": "https://i/k", "jwt_secret_key": "x" * 32, "jwt_audience": "a", "jwt_issuer": "i"},
            "unset one.",
        ),
        ({"database_url": "postgresql://x/y"}, "sqlite:///journeyman.db"),
        ({"database_url": "sqlite://"}, "sqlite:///FILE"),
        ({"database_url": "sqlite:///:memory:"}, "memory://"),
        ({"log_format": "pretty"}, "json, console or a pattern"),
        ({"litellm_gateway_url": "localhost:4000"}, "http://"),
        ({"litellm_gateway_url": "http://127.0.0.1:4000/v1#part"}, "fragment"),
        ({"litellm_gateway_url": "https://u:p@h/v1", "litellm_gateway_api_key": "sk-1"}, "only one"),
        ({"openai_base_url": "localhost:4000", "openai_api_key": "sk-1"}, "OPENAI_BASE_URL"),
        ({"ssl_cert_path": "a.pem"}, "set both"),
        ({"enable_ssl": True}, "leave ENABLE_SSL out"),
        ({"ssl_cert_path": "a.pem", "ssl_key_path": "b.pem"}, "There is no file 'a.pem' and 'b.pem'"),
        ({"port": 70000}, "PORT"),
        ({"root_path": "agents"}, "slash"),
    ],
)
def test_an_error_says_what_to_do(given: dict[str, object], advice: str) -> None:
    assert advice in refused(**given)


def test_secrets_are_known_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_GATEWAY_API_KEY", "sk-very-secret")
    settings = Settings.read(redis_url="redis://:hunter22@x")
    assert set(settings.secrets()) == {"sk-very-secret", "redis://:hunter22@x"}
    assert "very-secret" not in repr(settings)


def test_passwords_within_addresses_are_known() -> None:
    settings = Settings.read(litellm_gateway_url="https://ann:p%40ss-word@gateway.example/v1")
    assert set(settings.secrets()) == {"p%40ss-word", "p@ss-word"}


def test_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.read().port = 1


def test_log_formats() -> None:
    for value in ("json", "console", "%(asctime)s - %(name)s - %(levelname)s - %(message)s"):
        assert Settings.read(log_format=value).log_format == value
    assert Settings.read(log_level="debug").log_level == "DEBUG"


def test_database_path() -> None:
    assert Settings.read().database_path == Path("journeyman.db")
    assert Settings.read(database_url="sqlite:////var/x.db").database_path == Path("/var/x.db")
    assert Settings.read(database_url="memory://").database_path is None


def test_tls_acts_when_both_files_are_there(alone: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (alone / name).touch()
    assert Settings.read(ssl_cert_path="c.pem", ssl_key_path="k.pem").tls
    assert not Settings.read(ssl_cert_path="c.pem", ssl_key_path="k.pem", enable_ssl=False).tls
    assert not Settings.read().tls


def test_comma_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_TOOLS", "get_username, calculator,")
    assert Settings.read().agent_tools == ("get_username", "calculator")


@pytest.mark.parametrize(
    ("host", "yes"),
    [("127.0.0.2", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("example.org", False), ("", False)],
)
def test_loopback(host: str, yes: bool) -> None:
    assert is_loopback(host) is yes


def test_a_host_open_to_others_is_accepted_with_authentication(alone: Path) -> None:
    (alone / "key").write_text("k" * 40 + "\n")
    settings = Settings.read(host="0.0.0.0", auth_mode="required", api_key_file="key")
    assert settings.seed_key == "k" * 40
    assert settings.seed_key in settings.secrets()


SECRETS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
LONG = "s" * 40


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_may_be_in_a_file_and_is_known_and_not_in_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch, alone: Path
) -> None:
    """A secret that is added later needs its `…_FILE` too."""
    (alone / "secret").write_text(f"{LONG}\r\na second line\n")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(alone / "secret"))
    monkeypatch.setenv("JWT_AUDIENCE", "us" if "jwt" in name else "")
    monkeypatch.setenv("JWT_ISSUER", "them" if "jwt" in name else "")
    before = dict(os.environ)
    settings = Settings.read()
    assert getattr(settings, name).get_secret_value() == LONG
    assert settings.secrets() == (LONG,)
    assert alone / "secret" in settings.secret_paths
    assert LONG not in repr(settings) + settings_text(settings)
    assert dict(os.environ) == before
    (alone / "secret").unlink()
    assert settings.secrets() == (LONG,), "it was read once: a reload needs no file"


def test_a_secret_that_is_set_counts_more_than_its_file(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    (alone / "secret").write_text("of-the-file")
    (alone / ".env").write_text(f"OPENAI_API_KEY_FILE={alone / 'secret'}\n")
    assert Settings.read().openai_api_key == SecretStr("of-the-file")
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    assert Settings.read().openai_api_key == SecretStr("of-the-environment")


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_holds_no_secret_is_refused_by_its_name(name: str, alone: Path) -> None:
    (alone / "empty").write_text("\n")
    (alone / "binary").write_bytes(b"\xff\xfe")
    for file, advice in (("nowhere", "There is no such file"), ("empty", "first line is empty"), ("binary", "be read")):
        message = refused(**{f"{name}_file": file})
        assert f"{name.upper()}_FILE is '{file}': " in message
        assert advice in message


def test_a_refused_url_is_shown_without_its_credentials() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read(litellm_gateway_url="https://ann:p%40ss-word@gateway.example/v1?api_key=in-the-query#part")
    assert not [word for word in ("p%40ss-word", "in-the-query") if word in caught.value.message]


def test_the_openai_variables_count_together_and_after_the_gateways_own() -> None:
    openai = {"openai_base_url": "https://api.example/v1", "openai_api_key": "sk-openai"}
    gateway = Settings.read(**openai).gateway
    assert gateway is not None
    assert (gateway.url, gateway.key, gateway.setting_names.key) == (
        "https://api.example/v1",
        "sk-openai",
        "OPENAI_API_KEY",
    )
    assert Settings.read(openai_api_key="sk-openai").gateway is None
    assert Settings.read(openai_base_url="not a url").gateway is None
    own = Settings.read(litellm_gateway_url="http://own.example", litellm_gateway_api_key="sk-own", **openai).gateway
    assert own is not None
    assert (own.url, own.key) == ("http://own.example", "sk-own")


def test_the_openai_variables_are_secrets_also_where_they_do_not_count() -> None:
    settings = Settings.read(openai_api_key="sk-openai", openai_base_url="https://ann:password@h/v1?key=in-the-query")
    assert {"sk-openai", "password", "in-the-query"} <= set(settings.secrets())


PLANTED = "http://ann:hunter2-hunter2@host.example/x"
LIKE: dict[type, object] = {str: PLANTED, Path: Path(PLANTED), SecretStr: SecretStr(PLANTED), tuple: (PLANTED,)}


def test_userinfo_is_masked_in_every_setting_wherever_settings_are_shown() -> None:
    """A setting that is added later is masked too: what shows settings asks `shown`."""
    for name, field in Settings.model_fields.items():
        for value in LIKE.values():
            settings = Settings.model_construct(**{name: value})
            for text in (str(settings.shown()), repr(settings), str(settings), settings_text(settings)):
                assert "hunter2" not in text, (name, field)
                assert "ann" not in text


@pytest.mark.parametrize("name", [name for name, f in Settings.model_fields.items() if "str" in str(f.annotation)])
def test_a_refused_setting_is_shown_without_userinfo(name: str, monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    monkeypatch.setenv(name.upper(), "ftp://ann:hunter2@host.example:x/")
    shown = ""
    try:
        shown = repr(Settings.read(env_file=None))
    except (ConfigurationError, ValueError) as exc:
        shown = str(exc)
    assert "hunter2" not in shown


def test_an_empty_variable_hides_the_value_of_the_file(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    (alone / ".env").write_text("PORT=1\nMAX_RETRIES=1\n")
    monkeypatch.setenv("PORT", "")
    settings = Settings.read()
    assert (settings.port, settings.max_retries, settings.environment.hidden) == (8000, 1, ("PORT",))


@pytest.mark.parametrize("name", ["AUTH_MODE", "API_KEY", "API_KEY_FILE", "JWT_AUDIENCE", "JWT_SECRET_KEY"])
def test_an_empty_variable_does_not_open_the_server(monkeypatch: pytest.MonkeyPatch, alone: Path, name: str) -> None:
    (alone / ".env").write_text(f"{name}=hush-hush\n")
    monkeypatch.setenv(name, "")
    message = refused()
    assert f"{name} is empty in the environment and has a value in .env" in message
    assert "hush" not in message
    (alone / ".env").write_text(f"{name}=\n")
    assert Settings.read().auth_mode == "off"


def test_a_line_of_the_file_that_cannot_be_read_stops_the_start(alone: Path) -> None:
    (alone / ".env").write_text("PORT=1\nAUTH_MODE required\n")
    assert ".env:2: the line cannot be read" in refused()
    (alone / ".env").write_bytes(b"\xef\xbb\xbfAUTH_MODE=required\n")
    assert Settings.read().auth_mode == "required", "a byte order mark is no part of the name"


def test_tool_files_are_imported_without_the_settings_of_the_file(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    (alone / ".env").write_text("API_KEY=" + "k" * 43 + "\nSHOP_TOKEN=1\nPORT=1\n")
    monkeypatch.setenv("PORT", "2")
    seen = Settings.read().environment_of_tools
    assert (seen["SHOP_TOKEN"], seen["PORT"], "API_KEY" in seen) == ("1", "2", False)


def test_which_settings_are_secret() -> None:
    assert Settings.secret_names() == {
        "API_KEY",
        "JOURNEYMAN_API_KEY",
        "JWT_SECRET_KEY",
        "LITELLM_GATEWAY_API_KEY",
        "OPENAI_API_KEY",
        "REDIS_URL",
    }


def test_a_copy_keeps_the_environment(alone: Path) -> None:
    (alone / ".env").write_text("SHOP_TOKEN=1\n")
    copy = Settings.read().model_copy(update={"auth_mode": "off"})
    assert copy.environment["SHOP_TOKEN"] == "1"
    assert "SHOP_TOKEN" not in Settings().environment, "only `read` reads the file for agents and tools"
