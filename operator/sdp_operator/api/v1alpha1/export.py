"""How fine-tuned weights are exported before they are served."""

from typing import Annotated

from pydantic import Field

from sdp_operator.api.v1alpha1.base import ATOMIC, NO_SPACES, Image, Labels, Model, ObjectName, Resources, rules
from sdp_operator.api.v1alpha1.placement import Toleration

FOLDER_PATTERN = r"^(gs://[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?(/[^?#\s]*)?|file:///[^?#\s]*[^/?#\s][^?#\s]*)$"


class ExportSpec(Model):
    """The Job that turns the `weights` of a component into a model that can be served."""

    to: Annotated[
        str,
        Field(
            max_length=900,
            json_schema_extra=rules(
                (
                    f"self.matches(r'{FOLDER_PATTERN}')",
                    "export.to must be the URI of a folder that models are written to: write one such as gs://bucket/folder",
                ),
                (r"!self.matches(r'(^|/)\.\.(/|$)')", "export.to must not contain '..': write the folder's full path"),
                (f"self.matches(r'{NO_SPACES}')", "export.to must not contain spaces: write the URI without them"),
                (
                    r"!self.matches(r'/[1-9][0-9]{0,18}/*$')",
                    "export.to must not end in a number, which would be taken for a version: choose another folder",
                ),
            ),
        ),
    ]
    """The URI of the folder that exported models are written to, such as gs://bucket/exported. Each distinct input has
    a folder of its own there; what is no longer served is left for you to delete."""

    image: Image | None = None
    """The exporter's image; left out, the operator's default."""

    resources: Resources | None = None
    """CPU and memory of the exporter."""

    node_selector: Labels | None = None
    """Labels that a node must have for the exporter to run there."""

    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32, json_schema_extra=ATOMIC)] = ()
    """Taints of nodes that the exporter tolerates."""

    retries: Annotated[int, Field(ge=0, le=20)] = 3
    """How often an export that failed is tried again, each time after a longer pause."""

    service_account_name: ObjectName | None = None
    """The ServiceAccount that the exporter runs as, which must be allowed to write to the folder; left out, that of
    spec.storage."""
