"""What the system tests are made of: real processes, a network that fails on demand, plugins that misbehave."""
