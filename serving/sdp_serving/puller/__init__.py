"""Brings models from storage beside the model server, verified.

As an init container it lays the first one and ends; as a sidecar it follows what the operator wants from then on. What
both do: find the model and judge it (`inspection`), bring it into a folder (`bring`), rename that into place.
"""
