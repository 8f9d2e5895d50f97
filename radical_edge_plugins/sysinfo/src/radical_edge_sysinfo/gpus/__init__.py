"""The GPUs, as the vendors' own tools tell of them; one module for each vendor."""
