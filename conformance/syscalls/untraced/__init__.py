"""What a writer syncs when no tracer is attached to it: seen through seccomp(2), which needs none."""
