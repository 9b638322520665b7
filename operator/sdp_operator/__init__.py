"""The control plane: from a StableDiffusionPipeline to Deployments and Services, and back to its status."""
