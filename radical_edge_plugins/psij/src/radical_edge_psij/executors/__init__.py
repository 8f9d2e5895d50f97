"""The ways to run a job: each is one module, and ``base.py`` says what they have in common."""
