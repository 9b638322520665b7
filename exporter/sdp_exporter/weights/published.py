"""The weights that KerasCV has published, held to the digests that KerasCV holds them to."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from sdp_exporter.digest import sha256
from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights import copies
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion


@dataclass(frozen=True)
class Published:
    """A file that KerasCV downloads, once it is needed."""

    url: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where KerasCV keeps it."""
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        return home / "datasets" / PurePosixPath(self.url).name

    def bring(self) -> Path:
        """See to it that the file lies at `path`, whole.

        Raises:
            UnusableWeightsError: if another one lies there, or the file can't be had.
            WeightsOutOfReachError: if it can't be downloaded.
        """
        if not self.path.is_file():
            return copies.copy_web(f"{self.url}#sha256={self.sha256}", self.path)
        found = sha256(self.path)
        if found != self.sha256:
            raise UnusableWeightsError(
                f"{self.path} is not what KerasCV published (its SHA-256 is {found}, not {self.sha256}): delete it and"
                " it is downloaded anew, or give its path as --weights if you mean it"
            )
        return self.path


_VAE: Final = {
    Component.DECODER: Published(
        "https://huggingface.co/fchollet/stable-diffusion/resolve/main/kcv_decoder.h5",
        "ad350a65cc8bc4a80c8103367e039a3329b4231c2469a1093869a345f55b1962",
    ),
    Component.IMAGE_ENCODER: Published(
        "https://huggingface.co/fchollet/stable-diffusion/resolve/main/vae_encoder.h5",
        "c60fb220a40d090e0f86a6ab4c312d113e115c87c40ff75d11ffcf380aab7ebb",
    ),
}
_PRETRAINED: Final[Mapping[StableDiffusionVersion, Mapping[Component, Published]]] = {
    StableDiffusionVersion.V1_4: {
        Component.TEXT_ENCODER: Published(
            "https://huggingface.co/fchollet/stable-diffusion/resolve/main/kcv_encoder.h5",
            "4789e63e07c0e54d6a34a29b45ce81ece27060c499a709d556c7755b42bb0dc4",
        ),
        Component.DIFFUSION_MODEL: Published(
            "https://huggingface.co/fchollet/stable-diffusion/resolve/main/kcv_diffusion_model.h5",
            "8799ff9763de13d7f30a683d653018e114ed24a6a819667da4f5ee10f9e805fe",
        ),
        **_VAE,
    },
    StableDiffusionVersion.V2_1: {
        Component.TEXT_ENCODER: Published(
            "https://huggingface.co/ianstenbit/keras-sd2.1/resolve/main/text_encoder_v2_1.h5",
            "985002e68704e1c5c3549de332218e99c5b9b745db7171d5f31fcd9a6089f25b",
        ),
        Component.DIFFUSION_MODEL: Published(
            "https://huggingface.co/ianstenbit/keras-sd2.1/resolve/main/diffusion_model_v2_1.h5",
            "c31730e91111f98fe0e2dbde4475d381b5287ebb9672b1821796146a25c5132d",
        ),
        **_VAE,
    },
}
"""What KerasCV 0.9.0 downloads, with the SHA-256 of each; of version 2.1 the model of 512 pixels."""


def pretrained(version: StableDiffusionVersion, components: Collection[Component]) -> Mapping[Component, Published]:
    """KerasCV's own weights, none of which is downloaded yet.

    Raises:
        UnusableWeightsError: if KerasCV has none of this version.
    """
    if version not in _PRETRAINED:
        raise UnusableWeightsError(
            f"KerasCV has no pretrained weights of Stable Diffusion {version}, only of {' and '.join(_PRETRAINED)}:"
            " choose one of these, or give the weights' path or URI"
        )
    return {component: _PRETRAINED[version][component] for component in components}
