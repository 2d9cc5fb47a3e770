"""Variables that were probably meant as settings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.environment import Environment
from journeyman.errors import Problem
from journeyman.server.setting_names import edit_distance, setting_problems
from journeyman.settings import Settings

BASH = """BASH BASHOPTS BASHPID BASH_ARGC BASH_ARGV BASH_ENV BASH_LINENO BASH_SOURCE BASH_VERSION COLUMNS
    COMP_WORDBREAKS DIRSTACK EUID GROUPS HISTCMD HISTFILE HISTSIZE HOME HOSTNAME HOSTTYPE IFS INPUTRC LANG LANGUAGE
    LC_ALL LC_CTYPE LINES LOGNAME LS_COLORS MACHTYPE MAIL MAILCHECK OLDPWD OPTERR OPTIND OSTYPE PATH PIPESTATUS
    POSIXLY_CORRECT PPID PS1 PS2 PS4 PWD RANDOM SECONDS SHELL SHELLOPTS SHLVL TERM TMPDIR TZ UID USER EDITOR PAGER
    VISUAL DISPLAY SSH_AUTH_SOCK SSH_TTY SSH_CLIENT SSH_CONNECTION HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY
    XDG_SESSION_ID XDG_RUNTIME_DIR DEBUGINFOD_URLS LESSOPEN LESSCLOSE COLORTERM TERM_PROGRAM VIRTUAL_ENV PYTHONPATH
    CONDA_PREFIX _"""
SYSTEMD = """INVOCATION_ID JOURNAL_STREAM LISTEN_FDS LISTEN_FDNAMES LISTEN_PID NOTIFY_SOCKET WATCHDOG_PID
    WATCHDOG_USEC MAINPID MANAGERPID EXIT_CODE EXIT_STATUS SERVICE_RESULT RUNTIME_DIRECTORY STATE_DIRECTORY
    CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY MEMORY_PRESSURE_WATCH
    SYSTEMD_EXEC_PID PIDFILE"""
CI = """CI GITHUB_ACTION GITHUB_ACTIONS GITHUB_ACTOR GITHUB_API_URL GITHUB_ENV GITHUB_EVENT_NAME GITHUB_JOB
    GITHUB_PATH GITHUB_REF GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_SHA GITHUB_TOKEN GITHUB_WORKSPACE RUNNER_ARCH
    RUNNER_DEBUG RUNNER_NAME RUNNER_OS RUNNER_TEMP RUNNER_TOOL_CACHE AGENT_TOOLSDIRECTORY ImageOS ImageVersion
    DEBIAN_FRONTEND DEPLOYMENT_BASEPATH GITLAB_CI CI_JOB_ID CI_JOB_TOKEN CI_JOB_JWT CI_REGISTRY CI_API_V4_URL
    CI_PROJECT_PATH CIRCLECI CIRCLE_JOB TRAVIS BUILD_ID BUILD_NUMBER BUILD_URL JOB_NAME NODE_NAME JENKINS_URL
    WORKSPACE EXECUTOR_NUMBER AGENT_BUILDDIRECTORY AGENT_HOMEDIRECTORY AGENT_ID AGENT_JOBNAME AGENT_JOBSTATUS
    AGENT_MACHINENAME AGENT_NAME AGENT_OS AGENT_OSARCHITECTURE AGENT_TEMPDIRECTORY AGENT_WORKFOLDER
    SYSTEM_ACCESSTOKEN TF_BUILD BUILDKITE BUILDKITE_AGENT_NAME BITBUCKET_BUILD_NUMBER CODEBUILD_BUILD_ID VERCEL
    NETLIFY DEPLOY_URL DYNO GOOGLE_CLOUD_PROJECT K_SERVICE K_REVISION"""
KUBERNETES = """KUBERNETES_PORT KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_PORT_443_TCP_PORT
    KUBERNETES_PORT_443_TCP_PROTO KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS
    POD_NAME POD_NAMESPACE POD_IP HOST_IP NODE_NAME REDIS_PORT REDIS_SERVICE_HOST REDIS_SERVICE_PORT
    REDIS_PORT_6379_TCP AUTH_SERVICE_HOST AUTH_SERVICE_PORT AUTH_PORT AUTH_PORT_80_TCP API_SERVICE_HOST API_PORT
    JWT_SERVICE_HOST JWT_PORT AGENT_PORT AGENT_SERVICE_HOST TOOLS_PORT TOOLS_SERVICE_HOST POSTGRES_PORT DB_HOST
    DB_PORT"""
MARATHON = "HOST PORT PORT0 PORT1 PORTS MESOS_TASK_ID MESOS_SANDBOX MARATHON_APP_ID MARATHON_APP_VERSION"
PLACES = {"bash": BASH, "Marathon": MARATHON, "systemd": SYSTEMD, "hosted CI": CI, "Kubernetes": KUBERNETES}


def problems(process: dict[str, str], file: dict[str, str] | None = None, used: tuple[str, ...] = ()) -> list[Problem]:
    return list(setting_problems(Environment(process, file), Settings.model_fields, used))


@pytest.mark.parametrize("place", PLACES)
def test_what_shells_and_hosts_set_is_no_near_miss(place: str) -> None:
    assert problems(dict.fromkeys(PLACES[place].split(), "value")) == []


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("AUTH_MOD", "AUTH_MODE"),
        ("AUTH_MDOE", "AUTH_MODE"),
        ("auth_mod", "AUTH_MODE"),
        ("API_KEYS", "API_KEY"),
        ("APIKEY", "API_KEY"),
        ("API_KEY_FIL", "API_KEY_FILE"),
        ("JWT_SECRET_KEYS", "JWT_SECRET_KEY"),
        ("JWT_AUDIENC", "JWT_AUDIENCE"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_slip_in_who_may_call_stops_the_start(name: str, setting: str, place: str) -> None:
    [found] = problems({name: "required"}) if place == "environment" else problems({}, {name: "required"})
    assert (found.severity, found.file, found.remedy) == ("error", place, f"did you mean {setting}?")
    assert found.message.startswith(f"{name} is no setting of Journeyman, and a setting that says who may call")


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("HOSTS", "HOST"),
        ("PROT", "PORT"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("LITELLM_GATWAY_URL", "LITELLM_GATEWAY_URL"),
        ("LITELM_GATEWAYURL", "LITELLM_GATEWAY_URL"),
        ("AUTH_MO", "AUTH_MODE"),
        ("RATE_LIMIT_ENABLE", "RATE_LIMIT_ENABLED"),
        ("JOURNEYMAN_API_KEYS", "JOURNEYMAN_API_KEY"),
    ],
)
def test_any_other_near_miss_is_a_warning(name: str, setting: str) -> None:
    [found] = problems({name: "x"})
    assert (found.severity, found.remedy) == ("warning", f"did you mean {setting}?")


def test_what_is_used_or_empty_or_a_setting_is_no_near_miss() -> None:
    given = {"API_KEYS": "x", "AUTH_MOD": "", "AUTH_MODE": "required", "Port": "1"}
    assert problems(given, used=("API_KEYS",)) == []


def test_an_empty_variable_that_hides_one_of_the_file_is_named() -> None:
    [found] = problems({"PORT": "", "HOST": ""}, {"PORT": "1"})
    assert (found.severity, found.message[:32]) == ("warning", "PORT is empty in the environment")


@settings(max_examples=30)
@given(st.text("AB_", max_size=6), st.text("AB_", max_size=6), st.text("AB_", max_size=6))
def test_the_distance_is_one_of_strings(one: str, other: str, third: str) -> None:
    assert edit_distance(one, other) == edit_distance(other, one)
    assert (edit_distance(one, other) == 0) is (one == other)
    assert abs(len(one) - len(other)) <= edit_distance(one, other) <= max(len(one), len(other))
    assert edit_distance(one, one + third) == len(third)
