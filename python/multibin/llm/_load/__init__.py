"""Models and tokenizers for the engine: found, checked, loaded and put in place.

- ``hf`` alone knows what transformers does not promise: caches, layers, fields of configs. A new
  field that bounds the context goes there.
- ``architecture`` decides from class and config which models run, ``models`` loads them, with
  ``adapters``, ``placement``, ``failures`` and ``eval_mode``.
- ``tokenizers``, ``eos`` and ``generation_config`` are about text and its end.
- ``load_by_name`` serves the command line, with the built-in model of ``tiny``.
"""
