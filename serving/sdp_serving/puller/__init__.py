"""Brings a model from storage beside the model server, verified."""
