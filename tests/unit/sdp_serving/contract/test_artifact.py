import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.contract.artifact import ModelUri, UnusableUriError, Version, whole_versions

segments = st.from_regex(r"[A-Za-z]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda segment: ".." not in segment
)
locations = st.lists(segments, min_size=1, max_size=4).map("/".join)
versions = st.integers(1, 10**19 - 1).map(Version)


@given(scheme=st.sampled_from(["gs://", "pvc://claim/", "file:///"]), location=locations, version=st.none() | versions)
def test_a_uri_survives_parsing(scheme: str, location: str, version: Version | None) -> None:
    text = f"{scheme}{location}" + ("" if version is None else f"/{version}")

    uri = ModelUri.parse(text)

    assert str(uri) == text
    assert uri.version == version
    assert ModelUri.parse(str(uri)) == uri
    assert ModelUri.parse(f" {text}// ") == uri


@given(location=locations, version=versions)
def test_a_pin_is_what_a_pinned_uri_reads_as(location: str, version: Version) -> None:
    uri = ModelUri.parse(f"gs://{location}")
    assert uri.at(version) == ModelUri.parse(f"gs://{location}/{version}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bucket/model",
        "s3://bucket/model",
        "gs://",
        "gs:///x",
        "gs://-b/x",
        "gs://b_/x",
        "file://relative",
        "gs://b/../c",
        "gs://b?x=1",
        "http://host/m/17",
        "https://host/m",
        "https://-host/m/17",
        "https://me@host/m/17",
        "pvc://Claim/m",
        "pvc:///m",
    ],
)
def test_anything_else_is_no_uri(text: str) -> None:
    with pytest.raises(UnusableUriError):
        ModelUri.parse(text)


def test_over_https_a_version_is_pinned() -> None:
    uri = ModelUri.parse("https://host.example:8443/sd/decoder/17")
    assert (uri.location, uri.version) == ("host.example:8443/sd/decoder", 17)
    assert str(uri) == "https://host.example:8443/sd/decoder/17"


def test_a_number_with_a_leading_zero_or_alone_is_no_version() -> None:
    assert ModelUri.parse("gs://bucket/01").version is None
    assert ModelUri.parse("gs://123").version is None


@given(st.sets(versions, max_size=5), st.sets(versions, max_size=5))
def test_whole_versions_are_those_with_a_saved_model_oldest_first(whole: set[Version], half: set[Version]) -> None:
    paths = [f"{version}/saved_model.pb" for version in whole]
    paths += [f"{version}/variables/variables.index" for version in whole | half]
    paths += [f"nested/{version}/saved_model.pb" for version in half] + ["saved_model.pb", "x/saved_model.pb"]
    assert whole_versions(paths) == sorted(whole)
