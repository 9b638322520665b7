"""The cluster as its user reaches it: through kubectl, and so with the user's own way of signing in."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sdp_operator.api.v1alpha1 import GROUP, PLURAL
from sdp_operator.cli.errors import CommandError, ForbiddenError, MissingError, RefusedError
from sdp_operator.objects import KubeObject

RESOURCE: Final = f"{PLURAL}.{GROUP}"
"""The pipelines, as kubectl calls them."""

_SECONDS: Final = 60

_SERVER: Final = re.compile(r"Error from server( \((?P<reason>\w+)\))?: ")
_FROM_STDIN: Final = re.compile(r'error when (creating|patching|applying|retrieving)[^:]*"STDIN": |^error: ')
_INVALID: Final = re.compile(r'The \w+ "[^"]*" is invalid:\s*')


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a choice of namespace, context and kubeconfig; None leaves the choice to itself."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None

    def default_namespace(self) -> str:
        """The namespace of what names none."""
        if self.namespace is not None:
            return self.namespace
        said = self._run("config", "view", "--minify", "--output=jsonpath={..namespace}")
        return said.strip() or "default"

    def find(self, resource: str, name: str, *, namespace: str | None = None) -> KubeObject | None:
        """The object of this name; None when there is none."""
        found = self._run("get", resource, name, "--output=json", "--ignore-not-found", *_within(namespace))
        return _loaded(found) if found.strip() else None

    def objects(self, resources: Sequence[str], *options: str, namespace: str | None = None) -> Sequence[KubeObject]:
        """The objects of these kinds that kubectl's further options select."""
        answer = self._run("get", ",".join(resources), "--output=json", *options, *_within(namespace))
        items: list[KubeObject] = _loaded(answer)["items"]
        return items

    def try_apply(self, wanted: KubeObject) -> KubeObject:
        """What `kubectl apply` would make of the object; the API server judges it and changes nothing.

        Raises:
            RefusedError: it would not take it.
        """
        # By kubectl's own merge, so that fields that were taken out of the file count too.
        return _loaded(
            self._run("apply", "--dry-run=server", "--filename=-", "--output=json", stdin=json.dumps(wanted))
        )

    def patch(self, resource: str, name: str, patch: Mapping[str, Any]) -> KubeObject:
        """The object after a JSON merge patch."""
        return _loaded(self._run("patch", resource, name, "--type=merge", f"--patch={json.dumps(patch)}", "-o=json"))

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        program = shutil.which("kubectl")
        if program is None:
            raise CommandError("kubectl is not on the PATH: install it (https://kubernetes.io/docs/tasks/tools)")
        choice = [
            f"--{name}={value}"
            for name, value in (("context", self.context), ("kubeconfig", self.kubeconfig))
            if value is not None
        ]
        if self.namespace is not None and not any(one.startswith("--namespace") for one in arguments):
            choice.append(f"--namespace={self.namespace}")
        try:
            run = subprocess.run(
                [program, *choice, *arguments], input=stdin, capture_output=True, text=True, timeout=_SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise CommandError(
                f"the cluster did not answer within {_SECONDS} s: check `kubectl version` and your kubeconfig"
            ) from error
        if run.returncode:
            raise failure(run.stderr)
        return run.stdout


def failure(said: str) -> CommandError:
    """What kubectl says on its standard error, sorted by what can be done about it."""
    lines = [line for line in said.strip().splitlines() if not line.startswith("Warning:")]
    text = " ".join(" ".join(lines).split()).rstrip(".")
    server = _SERVER.search(text)
    words = _FROM_STDIN.sub("", _SERVER.sub("", text)).strip()[:1000]
    reason = server["reason"] if server is not None else None
    if _INVALID.search(text) or reason in {"BadRequest", "Invalid"}:
        return RefusedError(_refusal(words))
    if reason == "Forbidden" and 'User "' in text:
        return ForbiddenError(f"you lack a right: {words}; ask the cluster's administrator for it")
    if reason == "Forbidden" or "denied the request" in text:
        return RefusedError(_refusal(words))  # by a policy or an admission webhook
    if "no matches for kind" in text or "doesn't have a resource type" in text:
        return MissingError("this cluster knows no pipelines: install sdpipeline's operator, or choose --context")
    if reason == "NotFound":
        return MissingError(f"{words}: check the name and the namespace with `kubectl get sdpipelines -A`")
    if reason == "Conflict":
        return CommandError("somebody else has changed the pipeline meanwhile: look at it, and try again")
    return CommandError(f"kubectl failed ({words or 'it said nothing'}): check your kubeconfig and `kubectl version`")


def _refusal(words: str) -> str:
    """The API server's sentences, without what it says around them."""
    _, _, cause = words.rpartition("strict decoding error: ")
    if match := _INVALID.search(words):
        cause = words[match.end() :]
    return "; ".join(part.strip() for part in cause.removeprefix("* ").split(" * ") if part.strip())


def _within(namespace: str | None) -> Sequence[str]:
    return () if namespace is None else (f"--namespace={namespace}",)


def _loaded(text: str) -> KubeObject:
    loaded: KubeObject = json.loads(text)
    return loaded
