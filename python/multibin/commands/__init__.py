"""The subcommands of ``multibin``, one module each: ``HELP``, ``arguments(parser)`` and
``run(options)``, which returns the exit status. Heavy imports belong into ``run``."""
