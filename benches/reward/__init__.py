"""Step scores beside the ways in which others compute them: one model, one workload."""
