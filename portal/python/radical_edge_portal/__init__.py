"""The portal: built pages, and the routes by which a bridge serves them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__version__ = "0.1.0"
__all__ = ["__version__", "static_dir"]


def static_dir() -> Path:
    """
    Return the folder with the built pages.

    Raises:
        FileNotFoundError: They were not built; the text says what to do.
    """
    folder = Path(str(files(__name__) / "static"))
    if not (folder / "index.html").is_file():
        raise FileNotFoundError(
            "the portal's pages were not built: install Node.js >= 20.19 and reinstall radical-edge-portal without "
            "EDGE_PORTAL_SKIP_BUILD, or install its wheel"
        )
    return folder
