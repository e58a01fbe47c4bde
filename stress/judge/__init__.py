"""What was observed, judged: pure functions."""
