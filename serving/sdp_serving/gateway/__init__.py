"""The gateway: one HTTP address in front of a pipeline's model servers."""
