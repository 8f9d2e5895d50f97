"""A module that tries to end whoever imports it."""

import sys

sys.exit("enough at import")
