"""Errors that a user can mend: the command line shows their message without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Base of all such errors; the message says what, where, what was expected and how to mend it."""


class UnknownNameError(UserError, ValueError):
    """An experiment, profile, protocol or fold that does not exist."""


class WeightsError(UserError, RuntimeError):
    """Pretrained weights were asked for and cannot be had."""
