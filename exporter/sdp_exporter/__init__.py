"""From Stable Diffusion weights to verified SavedModels in storage."""
