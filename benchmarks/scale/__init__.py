"""How the operator fares with many pipelines, on a real control plane with KWOK's nodes: see README.md."""
