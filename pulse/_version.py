"""The version, read by the build and by the program."""

__all__ = ["__version__"]

__version__ = "0.1.0"
