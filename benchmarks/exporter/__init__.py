"""How fast the exported diffusion model draws, by option, against the seed's, KerasCV's and diffusers'."""
