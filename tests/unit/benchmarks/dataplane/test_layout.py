"""JSON as TensorFlow Serving lays it out."""

from benchmarks.dataplane.layout import laid_out


def test_every_value_has_a_line_of_its_own() -> None:
    assert (
        laid_out(b'{"outputs": [[1, 2.5]]}').decode()
        == """\
{
    "outputs": [
        [
            1,
            2.5
        ]
    ]
}"""
    )
