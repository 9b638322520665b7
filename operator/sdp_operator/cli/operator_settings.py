"""The settings of the cluster's operator, from its Deployment."""

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from sdp_operator.cli.errors import ForbiddenError
from sdp_operator.cli.kubectl import Kubectl
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings

_PREFIX: Final = "SDP_"
_SELECTOR: Final = "--selector=app.kubernetes.io/part-of=sdpipeline"


class _Given(Settings):
    """The settings that are given, and none from the environment of whoever runs this."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - as pydantic calls it
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given."""
        return (init_settings,)


def operator_settings(kubectl: Kubectl) -> Settings | str:
    """The settings; why they can't be read, in a sentence, where that is so."""
    try:
        found = kubectl.objects(["deployments"], "--all-namespaces", _SELECTOR)
    except ForbiddenError:
        return "the operator's Deployment can't be read with your rights"
    environments = [env for one in found if (env := _environment(one)) is not None]
    if not environments:
        return "the cluster has no Deployment of the operator's"
    try:
        return read_settings(environments[0])
    except ValidationError:
        return "the operator's settings are not of this version"


def default_settings() -> Settings:
    """The settings of an operator that was told nothing."""
    return _Given()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in a container's environment; of those that this version knows."""
    given = {name.removeprefix(_PREFIX).lower(): value for name, value in environment.items()}
    return _Given(**{name: value for name, value in given.items() if name in Settings.model_fields})  # type: ignore[arg-type]  # read from text


def _environment(deployment: KubeObject) -> Mapping[str, str] | None:
    """What the operator's container is told; None for another Deployment."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    operator = next((one for one in containers if one["name"] == "operator"), None)
    if operator is None:
        return None
    return {
        one["name"]: one["value"]
        for one in operator.get("env", [])
        if one["name"].startswith(_PREFIX) and "value" in one
    }
