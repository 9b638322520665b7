"""The ways to draw, each as a function of the number of steps and of the sampler."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.exporter import networks, seed
from benchmarks.exporter.plan import Plan
from benchmarks.exporter.ways import Exported
from sdp_exporter.models.keras_cv import package
from sdp_exporter.models.keras_cv.unet import DiffusionModel as UNet
from sdp_exporter.models.precision import building_in
from sdp_exporter.sampling.schedule import alphas_cumprod
from sdp_exporter.signatures.diffusion_model import DiffusionModel
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS, SignatureName

Draw = Callable[[int, Sampler], object]
"""Draw one picture's latent; returns when it is there."""

_GUIDANCE_SCALE = 7.5


def exported(options: Exported, plan: Plan, size: int) -> Draw:
    """The exporter's model: the function that a server runs, without the server."""
    side = size // LATENT_FACTOR
    with building_in(options.precision):
        model = UNet(plan.unet)
        model(tf.zeros([1, side, side, LATENT_CHANNELS]), tf.zeros([1], tf.int32), _context(plan))
    module = DiffusionModel(
        model if options.caches else networks.Uncached(model),
        alphas=alphas_cumprod(),
        width=plan.unet.width,
        image_size=size,
        guidance_scale=_GUIDANCE_SCALE,
        guidance=options.guidance,
        jit_compile=options.jit_compile,
    )
    function = module.signatures()[SignatureName.TEXT_TO_IMAGE]

    def draw(steps: int, sampler: Sampler) -> object:
        answer = function(
            context=_context(plan),
            unconditional_context=_context(plan),
            seeds=tf.constant([0], tf.int64),
            num_steps=tf.constant(steps),
            schedule=tf.constant(Schedule.LINSPACE.value),
            sampler=tf.constant(sampler.value),
            guidance_scale=tf.constant(_GUIDANCE_SCALE),
            height=tf.constant(size),
            width=tf.constant(size),
        )
        # The module, whose variables the function only refers to, must outlive it.
        return module and answer["latent"].numpy()

    return draw


def seeds(plan: Plan, size: int) -> Draw:
    """The seed's serving function, which knows DDIM only."""
    function = seed.serving_function(
        networks.kerascvs(plan, size), width=plan.unet.width, channels=plan.unet.channels[0], size=size
    )
    return lambda steps, _: function(_context(plan), _context(plan), tf.constant(steps), tf.constant(1)).numpy()


def kerascvs(plan: Plan, size: int) -> Draw:
    """KerasCV's `generate_image`, which `text_to_image` calls with the encoded prompt; it knows DDIM only."""
    drawer: Any = package.modules()["stable_diffusion"].StableDiffusion(size, size)
    drawer._diffusion_model = networks.kerascvs(plan, size)  # Otherwise it would download weights.
    drawer._get_unconditional_context = lambda: _context(plan)  # As above: of the text encoder.
    # Decoding is no part of what is compared.
    drawer._decoder = keras.Sequential([keras.layers.Identity()])
    return lambda steps, _: drawer.generate_image(np.asarray(_context(plan))[0], num_steps=steps, seed=0)


def _context(plan: Plan) -> tf.Tensor:
    return tf.random.stateless_normal([1, TOKENS, plan.unet.width], [1, 2])
