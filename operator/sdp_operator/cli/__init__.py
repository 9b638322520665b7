"""What `sdpipeline` can do with pipelines as their user: plan, history and undo.

It works with the user's own rights, by way of kubectl; the operator need not be reachable, or run at all.
"""
