"""A process reward model of several domains against one of arithmetic alone, trained in place.

The claim of VersaPRM (arXiv 2502.06737) in small: scores of steps help a vote in the domains that
the reward model has been trained on. `domains` poses problems, `solver` writes candidates with
errors in them, `models` trains and scores, `measure` votes, `report` draws up the results.
"""
