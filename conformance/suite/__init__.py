"""The suite: one module a group of clauses, one case a thing that can be seen. Run by `pulse conformance`."""
