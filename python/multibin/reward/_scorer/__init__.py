"""Runs a reward model: each token once, however many candidates share it.

- `tree` holds token sequences by their shared beginnings; `plan` cuts what is missing into passes.
- `packed` runs a pass, in `rows` for attention; `padded` is for models without our attention.
- `packed_groups` and `padded_groups` run all candidates of a call, in `batches` of the scheduler.
- `readout` projects what is read. `probe` tries out how a model can run. `scorer` is the front.
"""
