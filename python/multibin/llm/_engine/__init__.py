"""Runs one model: from prompts to requests, through batches, to text."""
