"""The ways to model servers: what `generation` wants asked is asked here, over gRPC, over REST or of a local folder."""
