"""What processes take, by the kernel's own count."""

import os
import subprocess
import sys

from benchmarks.common.usage import cpu_seconds, memory, others_cpu_seconds


def test_work_shows_as_cpu_time_of_the_process() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) < before + 0.05:
        sum(range(10_000))

    assert cpu_seconds(os.getpid()) <= others_cpu_seconds([])


def test_memory_is_never_more_than_its_peak() -> None:
    taken = memory(os.getpid())

    assert 1 < taken.now <= taken.peak


def test_a_process_that_has_ended_has_taken_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert cpu_seconds(process.pid) == 0.0
