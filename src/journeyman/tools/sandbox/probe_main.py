"""The probe: tries each means of confinement in a child of its own and prints those that work. Started by `sandbox`."""

from __future__ import annotations

import os
import sys

import msgspec

from journeyman.tools.sandbox import kernel
from journeyman.tools.sandbox.confinement import Confinement, confine


def main() -> None:
    trials = {
        "namespaces": Confinement(namespaces=True, network=False),
        "system_calls": Confinement(system_calls=True, network=False),
        "paths": Confinement(paths=True, files=()),
    }
    found = {name: kernel.linux and _works(trial) for name, trial in trials.items()}
    sys.stdout.write(msgspec.json.encode(found).decode())


def _works(trial: Confinement) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            confine(trial)
        except BaseException:  # noqa: BLE001 - whatever it is, it does not work
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
