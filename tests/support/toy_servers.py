"""A stand-in that serves toy models, and a kubectl whose cluster has them as a pipeline."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from tests.support.standin import StandIn, standin
from tests.support.toy_models import GUIDANCE_SCALE, IMAGE_SIZE, WIDTH, alphas, build

from sdp_exporter.sources import Saveable
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName

# Small enough that the models' images are neither black nor white all over.
_SCALES: Final = MappingProxyType(
    {
        Component.TEXT_ENCODER: 1e-5,
        Component.DIFFUSION_MODEL: 1.0,
        Component.DECODER: 0.3,
        Component.IMAGE_ENCODER: 1.0,
    }
)
_PLAIN: Final = (SignatureName.DEFAULT, SignatureName.SAMPLE)
VERSION: Final = 7
METRICS: Final = "/metrics"


def save_toys(folder: Path) -> Mapping[str, Mapping[Component, Path]]:
    """Save toy models below a folder.

    Returns:
        The models' folders, by component: `exported` as our exporter writes them, and `plain`, the same with no more
        signatures than every server must offer, without an image encoder.
    """
    import tensorflow as tf

    saved: dict[str, dict[Component, Path]] = {"exported": {}, "plain": {}}
    for component, scale in _SCALES.items():
        module = _curved_model() if component is Component.DIFFUSION_MODEL else build(component, scale)
        signatures = module.signatures()
        kinds = {"exported": signatures, "plain": {name: signatures[name] for name in _PLAIN if name in signatures}}
        if component is Component.IMAGE_ENCODER:
            del kinds["plain"]
        for kind, wanted in kinds.items():
            saved[kind][component] = folder / kind / component
            tf.saved_model.save(module, str(saved[kind][component] / str(VERSION)), signatures=wanted)
    return saved


def _curved_model() -> Saveable:
    """A diffusion model whose prediction depends on all that it is given, so that samplers and divisions matter."""
    import keras
    import tensorflow as tf

    from sdp_exporter.signatures.diffusion_model import DiffusionModel

    class Curved(keras.Model):  # type: ignore[misc]  # Keras has no types.
        def keys_and_values(self, context: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(context, axis=[1, 2])

        def call(self, latent: tf.Tensor, timestep: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
            push = mean + tf.cast(timestep, tf.float32) / 1000.0
            return tf.math.tanh(latent * 0.8) + 0.3 * tf.math.sin(3.0 * push)[:, tf.newaxis, tf.newaxis, tf.newaxis]

    model = Curved()
    model(tf.zeros([1, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4]), tf.zeros([1], tf.int32), tf.zeros([1]))
    return DiffusionModel(model, alphas=alphas(), width=WIDTH, image_size=IMAGE_SIZE, guidance_scale=GUIDANCE_SCALE)


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[Component, Path]]:
    """What `save_toys` saves, once for all tests."""
    return save_toys(tmp_path_factory.mktemp("toys"))


@contextmanager
def serving(folder: Path, models: Mapping[Component, Path], *more_flags: str) -> Iterator[StandIn]:
    """A stand-in with these models, once it serves.

    Args:
        folder: where its configuration and log go.
        models: a folder with versions for each component.
        more_flags: of the stand-in.
    """
    folder.mkdir(exist_ok=True)
    listed = [
        f'config {{ name: "{name}" base_path: "{at}" model_platform: "tensorflow" }}' for name, at in models.items()
    ]
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(listed)} }}")
    (folder / "monitoring.config").write_text(f'prometheus_config {{ enable: true, path: "{METRICS}" }}')
    flags = (f"--model_config_file={folder}/models.config", f"--monitoring_config_file={folder}/monitoring.config")
    with standin(folder, *flags, "--num_load_threads=2", *more_flags) as running:
        running.wait_until_serving()
        yield running


class ToyCluster:
    """A kubectl, to be put on the PATH, whose cluster has one pipeline, and that forwards to a stand-in's ports.

    Attributes:
        folder: of the program.
        log: of what it was asked.
    """

    def __init__(self, folder: Path, server: StandIn) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.has(ready="True")
        self.forwards("sleep 60 & trap 'kill $!' TERM; wait")
        self.answers(
            f"""echo "$*" >> {self.log}
case "$*" in
  *port-forward*:8500) echo "Forwarding from 127.0.0.1:{server.grpc_port} -> 8500"; . {folder}/forward ;;
  *port-forward*:8501) echo "Forwarding from 127.0.0.1:{server.rest_port} -> 8501"; . {folder}/forward ;;
  *get*" sd "*) cat {folder}/pipeline ;;
  *get*) printf '{{"items": [%s]}}' "$(cat {folder}/pipeline)" ;;
esac
"""
        )

    def answers(self, script: str) -> None:
        """Make it another program."""
        program = self.folder / "kubectl"
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)

    def has(
        self,
        ready: str,
        canary: Mapping[str, Any] | None = None,
        components: Mapping[Component, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        """Make the pipeline another one.

        Args:
            ready: the status of its condition Ready.
            canary: what its status says of one.
            components: what its status says of them beside their endpoints; all that are needed are there anyway.
        """
        condition = {"type": "Ready", "status": ready, "reason": "Loading", "message": "the decoder is loading"}
        has = [one for one in Component if one is not Component.IMAGE_ENCODER or one in components]
        parts: dict[str, Any] = {
            one.field: {"endpoints": {"grpc": f"sd-{one}.ns.svc:8500"}, **components.get(one, {})} for one in has
        }
        if canary is not None:
            parts["diffusionModel"]["canary"] = {"model": "gs://b/unet", "percent": 100, **canary}
        pipeline = {
            "metadata": {"name": "sd"},
            "spec": {one.field: {} for one in has},
            "status": {"conditions": [condition], **parts},
        }
        (self.folder / "pipeline").write_text(json.dumps(pipeline))

    def lacks(self, component: Component) -> None:
        """Take a component from the pipeline."""
        pipeline = json.loads((self.folder / "pipeline").read_text())
        for part in ("spec", "status"):
            del pipeline[part][component.field]
        (self.folder / "pipeline").write_text(json.dumps(pipeline))

    def forwards(self, script: str) -> None:
        """What a port-forward does once it listens."""
        (self.folder / "forward").write_text(script)

    def ends_forwards(self) -> None:
        """Let port-forwards end as soon as they listen."""
        self.answers(
            f"""case "$*" in
  *get*) cat {self.folder}/pipeline;;
  *) echo 'Forwarding from 127.0.0.1:9 -> 8500'; echo 'error: lost connection to pod' >&2; exit 1;;
esac"""
        )
