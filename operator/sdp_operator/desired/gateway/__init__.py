"""The gateway's children: one HTTP address in front of a pipeline's components."""
