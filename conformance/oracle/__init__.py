"""How the kit knows right from wrong: documents, snapshots, histories, observations and faults."""
