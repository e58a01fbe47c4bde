"""What readers do to a writer on Windows: one writer, readers that open its target in a stated way, and the counts.

``python -m bench.sharing`` under a Windows Python measures and prints; see ``__main__.py``.
"""
