"""How readers disturb a writer on Windows: the measurements of ``docs/windows.md``.

``python -m bench.sharing`` measures, under a Windows Python; ``build.sh`` builds the readers in other languages.
"""
