"""The plugin that the benchmarks call, and the same application by itself."""
