import pytest

from sdp_operator.pods_refused import refusal_of


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            'pods "sd-decoder-1" is forbidden: error looking up service account art/reader: serviceaccount "reader" not'
            " found",
            "create it, or correct storage.serviceAccountName",
        ),
        (
            'pods "sd-decoder-1" is forbidden: no PriorityClass with name urgent was found',
            "create it, or correct priorityClassName",
        ),
        (
            'pods "sd-decoder-1" is forbidden: pod rejected: RuntimeClass "nvidia" not found',
            "create it, or correct runtimeClassName",
        ),
        (
            'pods "sd-decoder-1" is forbidden: failed quota: cpu: must specify limits.cpu for: server',
            "set resources.requests and resources.limits, all that the quota counts",
        ),
        (
            'pods "sd-decoder-1" is forbidden: exceeded quota: cpu, requested: limits.cpu=2, used: 0, limited: 1',
            "ask for less, or have the namespace's administrator raise the quota",
        ),
        (
            'pods "sd-decoder-1" is forbidden: violates PodSecurity "restricted:latest": host namespaces',
            "have the namespace's administrator allow it",
        ),
    ],
)
def test_a_pod_that_cannot_be_made_is_told_with_who_can_mend_it(said: str, remedy: str) -> None:
    problem = refusal_of("pod", said)
    assert (problem.reason, problem.message) == ("PodsRefused", f"no pod can be made ({said}): {remedy}")
