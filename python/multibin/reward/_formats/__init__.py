"""Formats of reward models, and the token ids that they make of questions and candidates."""
