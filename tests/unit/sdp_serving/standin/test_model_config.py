from pathlib import Path

import pytest

from sdp_serving.standin.errors import Code, ServingError
from sdp_serving.standin.model_config import ModelConfig, read_file, single_model
from sdp_serving.standin.version_policy import All, Latest, Specific, VersionPolicy


def written(folder: Path, text: str) -> str:
    path = folder / "models.config"
    path.write_text(text)
    return str(path)


def entry(name: str = "a", base_path: str = "/models/a", more: str = "") -> str:
    return f'config {{ name: "{name}" base_path: "{base_path}" model_platform: "tensorflow" {more} }}'


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", Latest()),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { all {} }", All()),
        ("model_version_policy { specific { versions: 4 versions: 2 } }", Specific(frozenset({2, 4}))),
    ],
)
def test_a_file_lists_the_models(tmp_path: Path, text: str, policy: VersionPolicy) -> None:
    labelled = entry(more=text + 'version_labels { key: "x" value: 4 }')

    path = written(tmp_path, f"model_config_list {{ {labelled} }}")

    assert read_file(path) == [ModelConfig("a", "/models/a", policy, {"x": 4})]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("model", Code.INVALID_ARGUMENT, "Invalid protobuf file"),
        ("", Code.INVALID_ARGUMENT, "Only a model_config_list is supported"),
        (
            f"model_config_list {{ {entry()} {entry()} }}",
            Code.INVALID_ARGUMENT,
            "Illegal to list model a multiple",
        ),
        (f"model_config_list {{ {entry(base_path='models/a')} }}", Code.INVALID_ARGUMENT, "to have an absolute path"),
        (f"model_config_list {{ {entry(base_path='gs://b/a')} }}", Code.UNIMPLEMENTED, "the stand-in reads folders"),
        ('model_config_list { config { name: "a" } }', Code.INVALID_ARGUMENT, "model_platform: 'tensorflow'"),
    ],
)
def test_a_file_that_cannot_be_served_is_refused(tmp_path: Path, text: str, code: Code, message: str) -> None:
    with pytest.raises(ServingError, match=message) as raised:
        read_file(written(tmp_path, text))

    assert raised.value.code is code


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="nowhere; No such file or directory"):
        read_file(str(tmp_path / "nowhere"))


def test_the_command_line_names_one_model() -> None:
    assert single_model("a", "/models/a") == [ModelConfig("a", "/models/a", Latest(), {})]
    with pytest.raises(ServingError, match="to have an absolute path"):
        single_model("a", "models/a")
