"""Deliberately broken implementations: one function with one defect each, naming the clause that must catch it."""
