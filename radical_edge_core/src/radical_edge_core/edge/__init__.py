"""The process on the resource: dials the bridge, mounts plugins, serves their operations."""
