"""Measurements of the whole, each one command, with its results committed as a table."""
