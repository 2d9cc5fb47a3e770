"""The probe process, started by `detection.detect`: it tries each means of isolation in a child process."""

from __future__ import annotations

import os
import sys

import msgspec

from journeyman.tools.sandbox import kernel
from journeyman.tools.sandbox.confinement import Confinement, confine


def main() -> None:
    """Print the means that work, as an AvailableIsolation in JSON."""
    trials = {
        "namespaces": Confinement(namespaces=True, network=False),
        "system_calls": Confinement(system_calls=True, network=False),
        "paths": Confinement(paths=True, files=()),
    }
    found = {name: kernel.linux and _works(trial) for name, trial in trials.items()}
    sys.stdout.write(msgspec.json.encode(found).decode())


def _works(trial: Confinement) -> bool:
    """Check that a child process can apply the confinement."""
    pid = os.fork()
    if pid == 0:
        try:
            confine(trial)
        except BaseException:  # noqa: BLE001 - any failure means that it does not work
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
