"""A stand-in for TensorFlow Serving's model server, which ships no binary for laptops and local clusters.

It offers the same command line, REST and gRPC on real SavedModels, and copies the awkward behaviours too, so that what
works with it works with the real one. `python -m sdp_serving.standin --help` lists the flags.
"""
