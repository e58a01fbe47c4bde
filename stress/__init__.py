"""The harness: what needs many processes, much time or a real disaster. Its result lines are those of the suite."""
