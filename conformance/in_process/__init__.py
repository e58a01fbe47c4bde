"""The in-process engine: every file call of a Python implementation, on fake and real file systems."""
