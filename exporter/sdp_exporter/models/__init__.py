"""The models that can be exported."""
