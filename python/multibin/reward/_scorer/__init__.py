"""Runs a reward model: each token once, however many candidates share it.

`tree` holds what was read, by shared beginnings; `plan` cuts what is missing into passes; `packed`
and `padded` run them; `scorer` puts it together, and `probe` tries out which way a model takes.
"""
