"""The commands of `pulse stress`."""
