"""The syscall engine (Linux): sees every file operation of a write, and fails, holds, interrupts or kills at each."""
