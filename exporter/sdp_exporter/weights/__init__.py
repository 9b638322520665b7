"""Weights of Stable Diffusion, from the files that they come in to the variables of the models."""
