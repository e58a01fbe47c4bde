"""What an attributing run loads into programs whose language knows its own stack: see `judge.sources`."""
