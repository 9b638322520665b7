"""Whether a component's pods will find their GPUs, judged from the cluster's nodes and pods. Pure: it reads no API."""
