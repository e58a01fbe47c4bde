"""Adapters: ``pulse init`` writes one to start from, ``pulse adapter check`` says what is wrong with one."""
