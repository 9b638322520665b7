"""From a prompt to images over a pipeline's three Services."""
