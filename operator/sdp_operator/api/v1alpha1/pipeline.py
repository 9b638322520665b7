"""A pipeline as the API server holds it, read."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from sdp_operator.api.v1alpha1.spec import PipelineSpec
from sdp_operator.errors import InvalidPipelineError, first_complaint
from sdp_operator.objects import Key


class Pipeline(BaseModel):
    """A StableDiffusionPipeline as the API server holds it."""

    model_config = ConfigDict(frozen=True)

    name: str
    namespace: str
    uid: str
    generation: int
    spec: PipelineSpec
    status: Mapping[str, Any]
    """The status as it was last written: by this operator or an older one, so it is not taken to have any form."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read a custom resource.

        Raises:
            InvalidPipelineError: when the spec is not one that this version understands.
        """
        meta = body["metadata"]
        try:
            spec = PipelineSpec.model_validate(body.get("spec", {}))
        except ValidationError as error:
            raise InvalidPipelineError(_first_sentence(error)) from error
        return cls(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            generation=meta["generation"],
            spec=spec,
            status=body.get("status", {}),
        )

    @property
    def key(self) -> Key:
        """Which pipeline it is."""
        return Key(self.namespace, self.name)


def _first_sentence(error: ValidationError) -> str:
    path, complaint = first_complaint(error)
    return f"{'.'.join(('spec', *path))}: {complaint}; correct the field and apply the resource again"
