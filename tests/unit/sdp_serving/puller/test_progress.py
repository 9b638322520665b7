from sdp_serving.puller.progress import MIB, Progress


def test_it_tells_bytes_share_and_rate() -> None:
    now = 100.0
    progress = Progress(40 * MIB, lambda: now)
    progress.add(6 * MIB)
    progress.add(4 * MIB)
    now = 102.0
    assert str(progress) == "10.0 of 40.0 MiB, 25 %, 5.0 MiB/s"


def test_nothing_to_fetch_is_all_of_it() -> None:
    assert str(Progress(0, lambda: 0.0)) == "0.0 of 0.0 MiB, 100 %, 0.0 MiB/s"
