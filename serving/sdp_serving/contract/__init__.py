"""What the operator, the exporter and the data plane agree on; it knows none of them, nor TensorFlow or Kubernetes."""
