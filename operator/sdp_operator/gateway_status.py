"""What became of a pipeline's gateway."""

from sdp_operator.api.v1alpha1 import GatewayAuth, GatewaySpec, Pipeline
from sdp_operator.conditions import Verdict
from sdp_operator.desired.deployment import revision
from sdp_operator.desired.gateway.api_keys import VOLUME
from sdp_operator.desired.gateway.url import gateway_url, outer_url
from sdp_operator.desired.identity import COMPONENT, GATEWAY, REVISION, child_name
from sdp_operator.desired.parts import Part
from sdp_operator.live import LiveChildren, object_key
from sdp_operator.objects import KubeObject
from sdp_operator.pods import is_ready, last_end, not_set_up, not_started, quoted, unschedulable
from sdp_operator.pods_refused import pods_refused, refusal_of
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason


def gateway_verdict(
    pipeline: Pipeline, spec: GatewaySpec, part: Part, live: LiveChildren, refused: Problem | None
) -> Verdict:
    """Whether the gateway that is asked for answers."""
    if (problem := refused or part.problem) is not None:
        return Verdict("False", problem.reason, problem.message)
    if spec.replicas == 0:
        return Verdict("False", Reason.SCALED_TO_ZERO, "gateway.replicas is 0: raise it to reach the models by it")
    deployment = next(child for child in part.children if child["kind"] == "Deployment")
    pods = [pod for pod in live.pods.values() if _is_current(pod, revision(deployment))]
    ready = sum(is_ready(pod) for pod in pods)
    if ready >= spec.replicas:
        return _answering(pipeline, spec, live)
    troubles = (_problem(pod, live.words.get(pod["metadata"]["name"]), spec.auth) for pod in pods)
    problem = next((found for found in troubles if found is not None), None)
    if problem is not None:
        return Verdict("False", problem.reason, problem.message)
    said = pods_refused(live.objects.get(object_key(deployment)))
    if said is not None:
        problem = refusal_of("gateway", said)
        return Verdict("False", problem.reason, problem.message)
    waiting = f"{ready} of {spec.replicas} gateways answer; the others are being started"
    return Verdict("False", Reason.STARTING, waiting)


def _answering(pipeline: Pipeline, spec: GatewaySpec, live: LiveChildren) -> Verdict:
    """What to say of gateways that are ready: from where they are reached."""
    route = live.objects.get(("HTTPRoute", child_name(pipeline, GATEWAY)), {})
    parents = [parent for parent in route.get("status", {}).get("parents", []) if _has_spoken(parent)]
    refusals = [refusal for parent in parents if (refusal := _refusal(parent)) is not None]
    if refusals and len(refusals) == len(parents):
        message = f"no Gateway takes the HTTPRoute ({'; '.join(refusals)}): correct gateway.route, or the Gateway"
        return Verdict("False", Reason.ROUTE_NOT_ACCEPTED, message)
    outside = outer_url(spec)
    if parents or outside is None:
        return Verdict("True", Reason.GATEWAY_SERVING, f"it answers at {gateway_url(pipeline, spec)}")
    # Whether anything acts on it can't be known.
    way = "Ingress" if spec.ingress else "HTTPRoute"
    return Verdict("True", Reason.GATEWAY_SERVING, f"the gateways answer; the {way} leads to them from {outside}")


def _has_spoken(parent: KubeObject) -> bool:
    return any(one["type"] == "Accepted" and one["status"] != "Unknown" for one in parent.get("conditions", []))


def _refusal(parent: KubeObject) -> str | None:
    """Why this Gateway does not take the HTTPRoute, in its own words."""
    name = parent["parentRef"]["name"]
    return next(
        (
            f"{name}: {one['message'] or one['reason']}"
            for one in parent["conditions"]
            if one["type"] in {"Accepted", "ResolvedRefs"} and one["status"] == "False"
        ),
        None,
    )


def _is_current(pod: KubeObject, wanted: str) -> bool:
    labels = pod["metadata"]["labels"]
    is_alive = "deletionTimestamp" not in pod["metadata"]
    return is_alive and labels.get(COMPONENT) == GATEWAY and labels.get(REVISION) == wanted


def _problem(pod: KubeObject, words: str | None, auth: GatewayAuth | None) -> Problem | None:
    status: KubeObject = next(iter(pod.get("status", {}).get("containerStatuses", [])), {})
    return unschedulable(pod) or not_started(status) or _crashed(status) or _not_set_up(pod, words, auth)


def _not_set_up(pod: KubeObject, words: str | None, auth: GatewayAuth | None) -> Problem | None:
    problem = not_set_up(pod, words)
    if problem is None or problem.reason != Reason.VOLUME_UNAVAILABLE or auth is None or VOLUME not in (words or ""):
        return problem
    message = (
        f"the Secret {auth.secret_name} of gateway.auth can't be mounted ({quoted(words)}): create it, with an API key"
        " for each client, and the gateways start by themselves"
    )
    return Problem(problem.reason, message)


def _crashed(status: KubeObject) -> Problem | None:
    ended = last_end(status)
    if ended is None:
        return None
    if ended.get("reason") == "OOMKilled":
        return Problem(Reason.OUT_OF_MEMORY, "the gateway ran out of memory: raise gateway.resources.limits.memory")
    message = f"the gateway ended with exit code {ended.get('exitCode')}: see the log of its container {GATEWAY}"
    return Problem(Reason.GATEWAY_CRASHED, message)
