"""Exit codes, the same for every command."""

from __future__ import annotations

from journeyman.errors import (
    BaseError,
    ConfigurationError,
    NotFoundError,
    ServiceUnavailableError,
    ToolNotFoundError,
    ValidationError,
)

OK = 0
FAILED = 1  # the command, the run or the tool failed
USAGE = 2  # the command line cannot be understood
CONFIGURATION = 3  # settings, an agent file or a tool file cannot be used
NOT_FOUND = 4  # no such run, thread, agent, tool or approval
UNREACHABLE = 5  # no server answers at the given address
WAITING = 6  # the run waits for a human
LACKING = 7  # the run waits for what its server lacks: an agent, a tool, a gateway
INTERRUPTED = 130  # Ctrl-C


def exit_code(error: BaseError) -> int:
    """Return the exit code of a command that ended with this error."""
    match error:
        case ValidationError():
            return USAGE
        case ConfigurationError():
            return CONFIGURATION
        case NotFoundError() | ToolNotFoundError():
            return NOT_FOUND
        case ServiceUnavailableError():
            return UNREACHABLE
        case _:
            return FAILED
