"""The power-loss model: every disk state that a power cut may leave."""
