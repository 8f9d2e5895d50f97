"""Radical Edge plugin `queue_info`."""

__version__ = "0.1.0"
