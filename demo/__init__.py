"""What `make demo` does: from nothing to two pictures, on this machine's cluster or on the user's own."""
