"""What a run shows: live view, terminal, HTML report."""
