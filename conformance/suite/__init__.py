"""The suite: one module per group of clauses, one case per observable behaviour. Run by `pulse conformance`."""
