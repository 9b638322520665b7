"""A local model server with TensorFlow Serving's API and behaviour, where its binary is not to be had."""
