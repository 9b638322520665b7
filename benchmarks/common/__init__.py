"""What the benchmarks share: the machine, samples, tables."""
