"""The command line: `sdpipeline generate` and `replay`, and what other parts of the project register beside them."""

from sdp_serving.client.cli.group import kubectl_plugin, main

__all__ = ["kubectl_plugin", "main"]
