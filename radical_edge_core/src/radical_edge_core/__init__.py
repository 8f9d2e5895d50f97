"""Bridge, edge, the link between them, and the contract that plugins are written against."""

__version__ = "0.1.0"
