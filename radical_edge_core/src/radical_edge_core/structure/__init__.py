"""
Strict structure hooks: how one JSON value becomes one Python value, or a list of everything that is wrong
with it.

Nothing is coerced: an ``int`` is an ``int`` (no ``true``, no ``1.0``, no ``"1"``), a list comes from a list,
an object from an object. The two exceptions have no JSON type of their own: ``bytes`` come as base64 text and
``datetime`` as ISO 8601 text with an offset. A ``float`` also takes an ``int``, and never NaN or an infinity.
"""

from __future__ import annotations

from radical_edge_core.structure.bounds import annotated_hook
from radical_edge_core.structure.mismatch import MAX_PROBLEMS, Collector, Hook, Mismatch, problems_of, wrong
from radical_edge_core.structure.nested import fixed_tuple_hook, mapping_hook, record_hook, sequence_hook
from radical_edge_core.structure.plain import as_bytes, as_choice, as_datetime, as_float, exactly
from radical_edge_core.structure.union import union_hook

__all__ = [
    "MAX_PROBLEMS",
    "Collector",
    "Hook",
    "Mismatch",
    "annotated_hook",
    "as_bytes",
    "as_choice",
    "as_datetime",
    "as_float",
    "exactly",
    "fixed_tuple_hook",
    "mapping_hook",
    "problems_of",
    "record_hook",
    "sequence_hook",
    "union_hook",
    "wrong",
]
