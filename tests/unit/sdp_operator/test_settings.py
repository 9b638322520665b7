import pytest
from pydantic import ValidationError

from sdp_operator.settings import Settings


def test_all_namespaces_are_served_unless_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().namespaces == ()
    monkeypatch.setenv("SDP_NAMESPACES", "art, studio,")
    assert Settings().namespaces == ("art", "studio")


@pytest.mark.parametrize("root", ["models", "/", "/srv/../etc"])
def test_a_folder_for_local_files_that_opens_too_much_is_refused(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDP_LOCAL_FILES_ROOT", root)
    with pytest.raises(ValidationError, match="absolute path of a folder below /"):
        Settings()


@pytest.mark.parametrize("root", ["/tmp", "/models", "/models/", "/cache"])
def test_local_files_cannot_lie_where_pods_have_folders_of_their_own(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDP_LOCAL_FILES_ROOT", root)
    with pytest.raises(ValidationError, match="must not be /tmp, /models or /cache"):
        Settings()


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::]:8080", ("::", 8080)), ("localhost:1", ("localhost", 1))],
)
def test_the_address_to_listen_on_is_a_host_and_a_port(
    text: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDP_HTTP_ADDRESS", text)
    assert Settings().http_address == address


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("SDP_HTTP_ADDRESS", ":8080", "such as 0.0.0.0:8080"),
        ("SDP_HTTP_ADDRESS", "0.0.0.0:65536", "such as 0.0.0.0:8080"),
        ("SDP_HTTP_ADDRESS", "8080", "such as 0.0.0.0:8080"),
        ("SDP_LOG_FORMAT", "xml", "'json' or 'text'"),
        ("SDP_LEASE_NAMESPACE", "Art", "name of a namespace"),
        ("SDP_LEASE_NAME", "-", "a name that an object can have"),
        ("SDP_ACCELERATOR_LABEL", "a/b/c", "must be the key of a label"),
        ("SDP_ACCELERATOR_LABEL", "gpu type", "must be the key of a label"),
        ("SDP_CACHE_ROOT", "/", "absolute path of a folder below /"),
        ("SDP_SERVER_TENSORFLOW", "2.20.0", "String should match pattern"),
        ("SDP_EXPORTER_IMAGE", "", "at least 1 character"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    setting: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(ValidationError, match=complaint):
        Settings()


@pytest.mark.parametrize("key", ["cloud.google.com/gke-accelerator", "nvidia.com/gpu.product", "gpu"])
def test_any_label_can_name_the_type_of_gpu(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDP_ACCELERATOR_LABEL", key)
    assert Settings().accelerator_label == key


def test_without_a_namespace_for_the_lease_there_is_no_election() -> None:
    assert Settings().lease_namespace is None


def test_logs_are_for_programs_where_no_terminal_reads_them() -> None:
    assert Settings().log_format == "json"
