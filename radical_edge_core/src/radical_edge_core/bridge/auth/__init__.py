"""Who stands at the door: tokens of callers, join tokens and credentials of edges."""
