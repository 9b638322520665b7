"""How one model follows another in a component's pods: what is remembered, what is decided, and why."""
