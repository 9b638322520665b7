"""The custom resource, one module a version, and the CustomResourceDefinition made from it."""
