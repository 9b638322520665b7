import sys

import pytest

from sdp_exporter.memory import forget_peak, peak_memory

SIZE = 128 << 20
SLACK = 16 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_the_peak_is_that_since_it_was_forgotten() -> None:
    forget_peak()
    before = peak_memory()
    held = bytearray(b"1") * SIZE
    during = peak_memory()
    assert during >= before + SIZE - SLACK
    del held
    assert peak_memory() >= during - SLACK
    forget_peak()
    assert peak_memory() < during - SIZE // 2
