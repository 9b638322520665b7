"""What a pipeline's owner adds to the pods of a part of it, or has set otherwise."""

from typing import Any, Final

from sdp_operator.api.v1alpha1 import EnvironmentVariable, Overrides, Volume, VolumeMount
from sdp_operator.objects import KubeObject

_REPEATED: Final = frozenset({"--component", "--grpc"})
"""The gateway's flags that are given once for each component: `--component=decoder=URL`."""


def overridden(template: KubeObject, container: str, overrides: Overrides | None) -> KubeObject:
    """The pod template with the overrides, which go to the container of that name where they concern one.

    Arguments and environment variables of the same name are replaced; arguments must have the form `--name=value`.
    Labels, annotations, volumes and mounts of the operator's own stay as they are, or the pod would not work or not be
    found.
    """
    if overrides is None:
        return template
    meta, pod = template["metadata"], template["spec"]
    volumes = _with(pod.get("volumes", []), [_volume(volume) for volume in overrides.volumes], "name")
    return {
        **template,
        "metadata": {
            **meta,
            **_unless_empty("labels", {**(overrides.labels or {}), **meta.get("labels", {})}),
            **_unless_empty("annotations", {**(overrides.annotations or {}), **meta.get("annotations", {})}),
        },
        "spec": {
            **pod,
            "containers": [
                _container(one, overrides) if one["name"] == container else one for one in pod["containers"]
            ],
            **_unless_empty("volumes", volumes),
        },
    }


def _container(container: KubeObject, overrides: Overrides) -> KubeObject:
    env = [_variable(variable) for variable in overrides.env]
    named = {variable["name"] for variable in env}
    mounts = [_mount(mount) for mount in overrides.volume_mounts]
    return {
        **container,
        **_unless_empty("args", _args(container.get("args", []), list(overrides.args))),
        **_unless_empty("env", [*(one for one in container.get("env", []) if one["name"] not in named), *env]),
        **_unless_empty("volumeMounts", _with(container.get("volumeMounts", []), mounts, "mountPath")),
    }


def _args(ours: list[str], theirs: list[str]) -> list[str]:
    replaced = {_flag(arg) for arg in theirs}
    return [*(arg for arg in ours if _flag(arg) not in replaced), *theirs]


def _flag(arg: str) -> str:
    name, _, value = arg.partition("=")
    return f"{name}={value.partition('=')[0]}" if name in _REPEATED else name


def _with(ours: list[KubeObject], theirs: list[KubeObject], key: str) -> list[KubeObject]:
    taken = {one[key] for one in ours}
    return [*ours, *(one for one in theirs if one[key] not in taken)]


def _unless_empty(key: str, value: Any) -> KubeObject:
    # The API server drops what is empty, and then the live object would seem to differ for ever.
    return {key: value} if value else {}


def _variable(variable: EnvironmentVariable) -> KubeObject:
    if variable.value_from is not None:
        return {"name": variable.name, "valueFrom": dict(variable.value_from)}
    return {"name": variable.name, **_unless_empty("value", variable.value)}


def _volume(volume: Volume) -> KubeObject:
    return volume.model_dump(mode="json", exclude_none=True)


def _mount(mount: VolumeMount) -> KubeObject:
    return {
        "name": mount.name,
        "mountPath": mount.mount_path,
        **_unless_empty("subPath", mount.sub_path),
        **_unless_empty("readOnly", mount.read_only),
    }
