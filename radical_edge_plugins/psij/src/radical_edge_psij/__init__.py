"""Radical Edge plugin `psij`."""

__version__ = "0.1.0"
