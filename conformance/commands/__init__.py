"""The commands of `pulse` beside `pulse conformance`, a package each: before a run, instead of one, and after it."""
