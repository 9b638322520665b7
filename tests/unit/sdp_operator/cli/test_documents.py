from io import StringIO

import pytest

from sdp_operator.cli.documents import read_pipelines
from sdp_operator.cli.errors import CommandError

PIPELINE = "apiVersion: sdpipeline.dev/v1alpha1\nkind: StableDiffusionPipeline\nmetadata: {name: %s}\n"


def test_pipelines_are_found_among_other_documents_and_in_lists() -> None:
    listed = (
        "kind: List\nitems:\n- {apiVersion: sdpipeline.dev/v1, kind: StableDiffusionPipeline, metadata: {name: c}}\n"
    )
    secret = "kind: Secret\nmetadata: {name: key}\n"
    pipelines, others = read_pipelines(_file("---\n".join([PIPELINE % "a", secret, "", PIPELINE % "b", listed])))
    assert [one["metadata"]["name"] for one in pipelines] == ["a", "b", "c"]
    assert others == ["Secret key"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "f.yaml holds no StableDiffusionPipeline: give the file that you would give to `kubectl apply`"),
        ("kind: Secret\n", "f.yaml holds no StableDiffusionPipeline: give the file that you would give"),
        ("a: [\n", "f.yaml is no YAML at line 2"),
        ("- 1\n", "f.yaml has a document that is no object of Kubernetes: correct it"),
        (PIPELINE.replace("{name: %s}", "{}"), "a StableDiffusionPipeline in f.yaml has no name: set metadata.name"),
    ],
)
def test_what_can_not_be_planned_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(CommandError) as raised:
        read_pipelines(_file(text))
    assert str(raised.value).startswith(sentence)


def _file(text: str) -> StringIO:
    file = StringIO(text)
    file.name = "f.yaml"
    return file
