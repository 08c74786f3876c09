"""The command line: ``phee ...``, and the composition of the hub's processes.

This is the only package that knows every other one: it reads the settings, builds the objects and
hands them to each other. A command module holds what one command does; :mod:`phee.cli.main` holds
the words of ``--help`` and imports a command only when it is called, so that ``phee --help``
answers at once.
"""
