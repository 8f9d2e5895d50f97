"""The command line ``radical-edge``; only here are click and rich imported."""
