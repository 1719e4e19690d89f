"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Profile = Annotated[str, typer.Option(help="smoke (phantoms, minutes), laptop or full (the real BUSI).")]
Data = Annotated[
    str,
    typer.Option(
        help="A BUSI folder (BCSS for histology); smoke makes its own phantoms when it is left out."
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of splits, initial weights and augmentation.")]
Weights = Annotated[
    str,
    typer.Option(
        help="Pretrained backbones: imagenet, a file or folder, local (folder BUSI_WEIGHTS_DIR where it has "
        "the file, else random), or none. Left out: the profile's choice."
    ),
]
Outside = Annotated[
    str, typer.Option(help="Folder of BrEaST, BUS-BRA or BUS-UCLM, for outside data. Left out: phantoms.")
]
