"""Logs of strace(1): an independent witness of the tracer."""
