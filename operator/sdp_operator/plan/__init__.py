"""What an edited pipeline would bring about, computed from what was seen of the cluster and of the models. Pure."""
