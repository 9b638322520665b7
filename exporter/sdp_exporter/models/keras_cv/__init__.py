"""Stable Diffusion 1.x and 2.x, built of KerasCV's layers.

The networks are KerasCV's (https://github.com/keras-team/keras-cv, Apache License 2.0), of the same layers in the same
order; they are put together here so that one model takes latents of any size, and tests can have small ones. Every
variable stands at the position where KerasCV's model has it.
"""
