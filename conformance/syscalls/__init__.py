"""The syscall engine (Linux): sees every file operation of a write, and can fail, hold, interrupt or kill at each."""
