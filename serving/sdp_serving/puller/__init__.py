"""Brings models from storage beside the model server, verified.

As an init container, `fetch` lays the first model: resolve the version, judge its manifest, fetch, verify, rename into
place, report. As a sidecar, `follow` brings in those that come later, and lets each take over once it has proven good.
"""
