"""The data plane: what it sends, costs and bears, beside the seed's REST flow."""
