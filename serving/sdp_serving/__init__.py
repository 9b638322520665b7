"""The data plane: the contract, the puller beside a model server, the client, and the local stand-in server."""
