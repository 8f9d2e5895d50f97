"""The markers that tell hook specifications and implementations from other functions."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "radical_edge"

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
