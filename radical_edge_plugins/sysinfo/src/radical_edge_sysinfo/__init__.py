"""Radical Edge plugin `sysinfo`."""

__version__ = "0.1.0"
