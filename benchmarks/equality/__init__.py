"""Whether the exported models draw what KerasCV draws, at full size: `python -m benchmarks.equality`."""
