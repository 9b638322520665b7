import google_crc32c
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.puller.checksum import joined


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_the_parts_checksums_join_to_that_of_the_whole(parts: list[bytes]) -> None:
    whole = google_crc32c.value(b"".join(parts))
    assert joined((google_crc32c.value(part), len(part)) for part in parts) == f"{whole:08x}"
