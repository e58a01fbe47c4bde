"""Putting an implementation under load: processes, rounds, chaos."""
