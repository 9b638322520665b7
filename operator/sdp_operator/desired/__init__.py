"""The children that a pipeline should have: pure functions from its spec, one module a kind of child."""
