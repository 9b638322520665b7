"""How models are swapped under load: by each strategy, and by what is done without an operator."""
