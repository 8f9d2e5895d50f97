"""Plugins of throw-away distributions: each module is copied into one, and imported only by an edge."""
