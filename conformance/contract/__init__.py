"""What SPEC.md says, for programs: the clauses, what a manifest declares, and what can go wrong."""
