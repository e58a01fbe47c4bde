"""What follows a run: its clauses explained, its failures reported, two runs compared, many decided about."""
