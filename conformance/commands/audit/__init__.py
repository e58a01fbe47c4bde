"""The gate: from the results of several runs to a decision."""
