"""Options that take several values, as people type them."""

from __future__ import annotations

import typer.core


class InARow(typer.core.TyperCommand):
    """A command whose repeatable options also take their values in a row: `--folds 0 1`."""

    def parse_args(self, ctx, args):
        repeatable = {name for each in self.params if each.multiple for name in each.opts}
        spread, option, given = [], "", 0
        for word in args:
            if word.startswith("--"):
                name, equals, _ = word.partition("=")
                option, given = (name if name in repeatable else ""), len(equals)
            elif option:
                given += 1
                if given > 1:
                    spread.append(option)
            spread.append(word)
        return super().parse_args(ctx, spread)
