"""The public hub: registers edges, forwards requests to them, fans out their events, guards the door."""
