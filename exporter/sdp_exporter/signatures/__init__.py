"""The TensorFlow modules that are saved: the contract's signatures around the bare models."""
