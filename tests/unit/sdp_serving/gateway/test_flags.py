import pytest
from click.testing import CliRunner

from sdp_serving.gateway.__main__ import main
from sdp_serving.gateway.flags import AddressType, ComponentServerType
from sdp_serving.servers.transport import Address


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("0.0.0.0:8080", Address("0.0.0.0", 8080), "0.0.0.0:8080"),
        ("[::]:80", Address("::", 80), "[::]:80"),
        ("localhost:65535", Address("localhost", 65535), "localhost:65535"),
    ],
)
def test_an_address_is_read_and_shown(text: str, address: Address, shown: str) -> None:
    assert AddressType().convert(text, None, None) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    "url", ["http://sd-decoder.art.svc:8501", "http://sd-decoder.art.svc:8501/", "https://10.0.0.1"]
)
def test_a_component_has_the_address_of_its_server(url: str) -> None:
    component, read = ComponentServerType().convert(f"decoder={url}", None, None)

    assert (component, str(read)) == ("decoder", url.rstrip("/"))


BAD = {
    "no component": ([], "Missing option '--component'"),
    "an unknown component": (["--component=unet=http://x"], "names no component: begin with one of text-encoder"),
    "no URL": (["--component=decoder"], "write a URL without a path, such as http://"),
    "another scheme": (["--component=decoder=grpc://x:8500"], "write a URL without a path"),
    "a path": (["--component=decoder=http://x/v1/models/decoder"], "write a URL without a path"),
    "a port that is none": (["--component=decoder=http://x:99999"], "write a URL without a path"),
    "a component twice": (
        ["--component=decoder=http://x", "--component=decoder=http://y"],
        "a component is given twice: give each --component once",
    ),
    "no port": (["--component=decoder=http://x", "--address=localhost"], "write one such as 0.0.0.0:8080"),
    "no host": (["--component=decoder=http://x", "--address=:8080"], "write one such as 0.0.0.0:8080"),
    "a port out of range": (["--component=decoder=http://x", "--address=x:65536"], "write one such as 0.0.0.0:8080"),
}


@pytest.mark.parametrize(("flags", "message"), BAD.values(), ids=BAD)
def test_flags_that_cannot_be_used_are_told_what_to_write(flags: list[str], message: str) -> None:
    result = CliRunner().invoke(main, flags)

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("flag", "refusal"),
    [
        ("--grpc=unet=a:1", "names no component"),
        ("--grpc=decoder=a", "write an address such as sd-decoder.default.svc:8500"),
        ("--grpc=text-encoder=a:1", "--grpc names text-encoder, which no --component does: give both"),
        ("--queue-length=0", "0 is not in the range"),
        ("--request-seconds=0", "0 is not in the range"),
    ],
)
def test_flags_that_draw_nothing_are_refused(flag: str, refusal: str) -> None:
    result = CliRunner().invoke(main, ["--component=decoder=http://a:8501", flag])

    assert result.exit_code == 2
    assert refusal in result.output
