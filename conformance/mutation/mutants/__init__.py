"""Deliberately broken implementations: one function, one lie, each naming the clause that must catch it."""
