"""Radical Edge plugin `staging`."""

__version__ = "0.1.0"
