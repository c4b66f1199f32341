"""Reward models: scores of reasoning steps, and the choice among candidates by them."""
