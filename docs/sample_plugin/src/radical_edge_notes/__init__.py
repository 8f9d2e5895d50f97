"""Short notes kept on a resource: the sample of a plugin."""
