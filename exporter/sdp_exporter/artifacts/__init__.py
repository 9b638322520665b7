"""`sdpipeline artifacts`: the versions at a URI, verified and pruned."""
