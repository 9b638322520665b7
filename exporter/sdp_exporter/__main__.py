"""`python -m sdp_exporter` is `sdpipeline-export`."""

from sdp_exporter.cli import main

if __name__ == "__main__":
    main()
