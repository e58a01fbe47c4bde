"""``pulse compare``: two runs of one implementation, and which ground the newer one lost."""
