"""Draws captioned shapes and trains sd-tiny on them, from nothing, on a CPU."""
