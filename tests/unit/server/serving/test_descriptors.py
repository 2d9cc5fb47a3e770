"""A process that has no free descriptor says so once, and once more when it has one again."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from journeyman.server.serving.descriptors import DescriptorWatch, most_connections


def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    failures: list[int] = []

    def open_one() -> int:
        if failures:
            raise OSError(failures[0], os.strerror(failures[0]))
        return os.open(os.devnull, os.O_RDONLY)

    watch, said = DescriptorWatch(open_one), []
    for failure in (None, errno.EMFILE, errno.EMFILE, None, None, errno.ENFILE, errno.EACCES, None):
        failures[:] = [failure] if failure else []
        watch.look()
        said.append(len(caplog.records))
    assert said == [0, 1, 1, 2, 2, 3, 3, 4]
    assert "cannot open another file: new connections are closed" in caplog.records[0].message
    assert caplog.records[1].message == "the server can open files again"


def test_a_look_keeps_nothing_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    DescriptorWatch().look()
    assert len(os.listdir("/proc/self/fd")) == before


def test_connections_leave_files_for_others() -> None:
    assert most_connections(4096, soft=1024) == 768
    assert most_connections(100, soft=1024) == 100
    assert most_connections(4096, soft=resource.RLIM_INFINITY) == 4096
