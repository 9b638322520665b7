"""Brings a model from storage beside the model server, verified.

It runs once, as an init container: resolve the version, judge its manifest, fetch, verify, rename into place, report.
"""
