"""One module for each group; each reads its host and nothing else, and knows no event loop."""
