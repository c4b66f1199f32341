"""Runs one model: from prompts to requests, through batches, to text.

- ``admission`` and ``request`` make requests of prompts, ``schedule`` the scheduler's options.
  ``chat`` and ``encoding`` make prompts of messages, and ids of text.
- ``loop`` runs batches: ``prefill``, ``decode``, ``masks``, ``sampling``, ``stops``.
- ``kv_cache`` holds keys and values; ``cache_view`` shows them to the model.
- ``text``, ``detokenize`` and ``pieces`` make text. ``probe`` tries a model once with all of this.
"""
