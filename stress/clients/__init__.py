"""The writer and the readers that a load drives."""
