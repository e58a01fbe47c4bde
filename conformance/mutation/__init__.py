"""Deliberately broken implementations and unusual but correct ones: the subjects that judge the kit."""
