"""OpenAI's images API, as the official clients speak it."""
