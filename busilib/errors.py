"""Errors that a user can mend: the command line shows their message without a traceback."""

from __future__ import annotations

import errno
import textwrap


class UserError(Exception):
    """Base of all such errors; the message says what, where, what was expected and how to mend it."""


class UnknownNameError(UserError, ValueError):
    """An experiment, profile, protocol or fold that does not exist."""


class WeightsError(UserError, RuntimeError):
    """Pretrained weights were asked for and cannot be had."""


def explained(error: Exception) -> str:
    """What a user can do about an error, in a sentence or two.

    Example:
        >>> explained(OSError(28, "No space left on device", "findings/report.md"))
        'findings/report.md: No space left on device. Make room, or name another place.'
    """
    if isinstance(error, MemoryError):
        return "memory is used up. Ask for fewer or smaller images, or close other programs."
    if not isinstance(error, OSError) or isinstance(error, UserError):
        return str(error)
    mend = {
        errno.ENOSPC: "Make room, or name another place.",
        errno.EDQUOT: "Make room, or name another place.",
        errno.EACCES: "Mend its permissions, or name another place.",
        errno.EROFS: "Name another place.",
    }.get(error.errno or 0, "Check the path.")
    place = error.filename or "a file could not be read or written"
    return f"{place}: {error.strerror or error}. {mend}"


def in_one_line(error: Exception) -> str:
    """An error as one line of a list: what a user can mend is explained, of others the kind is named.

    Example:
        >>> in_one_line(ValueError("shapes differ:\\n3 and 4"))
        'ValueError: shapes differ: 3 and 4'
    """
    if isinstance(error, UserError | OSError | MemoryError):
        return " ".join(explained(error).split())
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" …")
