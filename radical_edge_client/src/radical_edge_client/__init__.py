"""Python SDK and command line of Radical Edge."""

__version__ = "0.1.0"
