"""The sampler as native TensorFlow, so that one request to the diffusion model's server makes whole latents."""
