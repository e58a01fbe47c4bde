"""The tracer: a ptrace(2) client that stops, fails, shortens and kills system calls."""
