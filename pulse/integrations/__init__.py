"""Callbacks for training frameworks: each module imports its framework, and ``pulse`` imports none of them.

``pulse.integrations.transformers``, ``.lightning`` and ``.keras`` each have a ``PulseCallback``. A plain loop needs
none of them: see :func:`pulse.training`.
"""
