from pathlib import Path

import pytest

from sdp_operator.cli.errors import CommandError, ForbiddenError, MissingError, RefusedError
from sdp_operator.cli.kubectl import Kubectl, failure

FORBIDDEN = 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" at the cluster scope'


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        (
            'The StableDiffusionPipeline "sd" is invalid: spec.decoder: Invalid value: "s3": model must be the URI',
            RefusedError,
            'spec.decoder: Invalid value: "s3": model must be the URI',
        ),
        (
            'The StableDiffusionPipeline "sd" is invalid: \n* spec.a: Required value\n* spec.b: Too long\n',
            RefusedError,
            "spec.a: Required value; spec.b: Too long",
        ),
        (
            'Error from server (BadRequest): error when creating "STDIN": StableDiffusionPipeline in version "v1alpha1"'
            ' cannot be handled as a StableDiffusionPipeline: strict decoding error: unknown field "spec.colour"',
            RefusedError,
            'unknown field "spec.colour"',
        ),
        (
            'Error from server (Forbidden): error when creating "STDIN": pipelines "sd" is forbidden: not on Friday',
            RefusedError,
            'pipelines "sd" is forbidden: not on Friday',
        ),
        (
            f"Error from server (Forbidden): {FORBIDDEN}",
            ForbiddenError,
            f"you lack a right: {FORBIDDEN}; ask the cluster's administrator for it",
        ),
        (
            'error: resource mapping not found for name: "sd" namespace: "" from "STDIN": no matches for kind "Stable"',
            MissingError,
            "this cluster knows no pipelines: install sdpipeline's operator, or choose --context",
        ),
        (
            'error: the server doesn\'t have a resource type "stablediffusionpipelines"',
            MissingError,
            "this cluster knows no pipelines: install sdpipeline's operator, or choose --context",
        ),
        (
            'Error from server (NotFound): namespaces "art" not found',
            MissingError,
            'namespaces "art" not found: check the name and the namespace with `kubectl get sdpipelines -A`',
        ),
        (
            'Error from server (Conflict): Operation cannot be fulfilled on sdpipelines "sd"',
            CommandError,
            "somebody else has changed the pipeline meanwhile: look at it, and try again",
        ),
        (
            'Warning: old\nerror: context "x" does not exist\n',
            CommandError,
            'kubectl failed (context "x" does not exist): check your kubeconfig and `kubectl version`',
        ),
        ("", CommandError, "kubectl failed (it said nothing): check your kubeconfig and `kubectl version`"),
    ],
)
def test_what_kubectl_says_becomes_one_sentence_of_the_right_kind(
    said: str, kind: type[CommandError], sentence: str
) -> None:
    error = failure(said)
    assert (type(error), str(error)) == (kind, sentence)


def test_without_kubectl_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="kubectl is not on the PATH: install it"):
        Kubectl().default_namespace()


def test_the_choice_of_the_cluster_reaches_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\nprintf \'{"said": "%s"}\' "$*"\n')
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    chosen = Kubectl("art", "prod", "/k")
    assert chosen.find("pods", "x") == {
        "said": "--context=prod --kubeconfig=/k --namespace=art get pods x --output=json --ignore-not-found"
    }
    assert chosen.find("pods", "x", namespace="other") == {
        "said": "--context=prod --kubeconfig=/k get pods x --output=json --ignore-not-found --namespace=other"
    }
