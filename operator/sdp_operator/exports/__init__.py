"""What became of the exports that a pipeline needs: pure."""
