"""Unusual but correct implementations: the suite must pass every one of them."""
