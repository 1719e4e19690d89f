"""How a run comes to its predictions: a network learns, a rule is applied, an ensemble joins its members."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd

from busilib import provenance
from busilib.runs.predict import (
    THRESHOLD,
    batches,
    build,
    milliseconds_per_image,
    network_predictor,
    prediction_table,
    predictor,
    presence_threshold,
)
from busilib.runs.protocols import protocol_named
from busilib.runs.run import FACTS, HISTORY, HOLD_OUT, MASKS, PREDICTIONS, VALIDATION, Run

EPOCHLESS = pd.DataFrame(columns=["epoch", "seconds"])
"""The history of what is not trained in epochs."""


def produce(run: Run) -> None:
    """Train what there is to train, predict the test images, and write the run's folder.

    The run counts as finished once `run.json` is there: it appears whole, after everything else.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    learn = {"network": _train_network, "rule": _apply_rule, "ensemble": _join_members, "head": _ask_member}[
        run.experiment.kind
    ]
    facts, predict = learn(run)
    learned = time.perf_counter()
    chosen_on_test = run.split.selected_on != "validation"
    for name, indices in (
        (PREDICTIONS, run.split.test),
        (VALIDATION, run.split.validation[:0] if chosen_on_test else run.split.validation),
        (HOLD_OUT, run.split.hold_out),
    ):
        if len(indices):
            found = predict(indices, run.test_inputs)
            table = prediction_table(run, indices, found)
            if run.settings.second_head:
                table["presence"] = predict(indices, run.test_inputs, "presence").round(6)
            table.to_csv(run.folder / name, index=False, lineterminator="\n")
            if name == PREDICTIONS and run.experiment.task == "segmentation":
                np.savez_compressed(run.folder / MASKS, masks=found >= THRESHOLD)
    seconds = facts.pop("prepare_seconds") + facts["train_seconds"] + time.perf_counter() - learned
    facts = {
        "key": run.spec.key,
        "spec": asdict(run.spec),
        "dataset": {
            "name": run.data.name,
            "fingerprint": run.spec.data,
            "n": len(run.data) // (1 + protocol_named(run.spec.protocol).copies),
            "size": run.data.size,
        },
        "split": {
            "train": len(run.split.train),
            "validation": len(run.split.validation),
            "test": len(run.split.test),
            "hold_out": len(run.split.hold_out),
            "selected_on": run.split.selected_on,
        },
        **facts,
        "total_seconds": round(seconds, 1),
        "predict_ms_per_image": milliseconds_per_image(run, predict),
        **provenance.environment(),
    }
    if run.spec.origin != "busi":  # those of BUSI are in the shipped table
        held = np.concatenate([run.split.test, run.split.hold_out])
        facts["groups"] = dict(zip(run.data.ids[held].tolist(), run.data.groups[held].tolist(), strict=True))
    part = run.folder / f"{FACTS}.part"
    part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8", newline="\n")
    part.replace(run.folder / FACTS)
    # The last state of a training goes after the facts, so that a kill in between loses nothing.
    for state in run.folder.glob("last.*"):
        state.unlink()


def _train_network(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    from busilib.keras_backend import keras
    from busilib.training.fit import fit

    started = time.perf_counter()
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    model = build(run.experiment, run.settings, pretrained=True)
    train = batches(run, run.split.train, run.inputs, training=True)
    validation = batches(run, run.split.validation, run.inputs)
    prepared = time.perf_counter() - started
    history = fit(model, train, validation, run.settings, run.folder, f"{run.name} fold {run.fold}")
    facts = {
        "parameters": model.count_params(),
        "weights": provenance.weights(run.settings.weights),
        "prepare_seconds": prepared,
        # The history also counts the epochs of a process that was killed; our own clock does not.
        "train_seconds": round(float(history["seconds"].sum()), 1),
    }
    if not run.settings.second_head:
        return facts, network_predictor(run, model)
    ungated, inner = network_predictor(run, model), run.split.validation
    found, presence = (ungated(inner, run.test_inputs, head) for head in ("mask", "presence"))
    facts["presence_threshold"] = presence_threshold(run.ultrasound.masks[inner], found, presence)
    return facts, network_predictor(run, model, facts["presence_threshold"])


def _apply_rule(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    EPOCHLESS.to_csv(run.folder / HISTORY, index=False, lineterminator="\n")
    facts = {"parameters": 0, "weights": {"source": "none"}, "prepare_seconds": 0.0, "train_seconds": 0.0}
    return facts, predictor(run)


def _join_members(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    """Fit the weights of the members on the validation images, which no member learned from."""
    EPOCHLESS.to_csv(run.folder / HISTORY, index=False, lineterminator="\n")
    started = time.perf_counter()
    stacked = np.stack([member.probabilities(run.split.validation) for member in run.members])
    weights = build(run.experiment, run.settings).fit(stacked, run.ultrasound.masks[run.split.validation])
    shares = dict(zip(run.experiment.members, (round(float(w), 6) for w in weights), strict=True))
    (run.folder / "weights.json").write_text(json.dumps(shares, indent=2) + "\n", encoding="utf-8")
    facts = {
        "parameters": sum(member.facts["parameters"] for member in run.members),
        "weights": {"source": "members"},
        "members": shares,
        "prepare_seconds": time.perf_counter() - started,
        "train_seconds": round(sum(member.facts["train_seconds"] for member in run.members), 1),
    }
    return facts, predictor(run)


def _ask_member(run: Run) -> tuple[dict, Callable[..., np.ndarray]]:
    """Nothing is trained: the second head of a segmenter has learned with it."""
    EPOCHLESS.to_csv(run.folder / HISTORY, index=False, lineterminator="\n")
    (member,) = run.members
    facts = {
        "parameters": member.facts["parameters"],
        "weights": member.facts["weights"],
        "prepare_seconds": 0.0,
        "train_seconds": member.facts["train_seconds"],
    }
    return facts, predictor(run)
