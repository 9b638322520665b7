"""The one address in front of a pipeline's model servers."""
