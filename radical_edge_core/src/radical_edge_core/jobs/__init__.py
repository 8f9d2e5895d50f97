"""Job folders: a job is claimed, run once, and leaves a record and its output, whoever watches."""
