"""Whether a segmenter draws what looks malignant rougher: by hand, and what is recorded against a referee."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from busilib.metrics.malignancy import malignancy_score
from busilib.pages import learned_style
from busilib.pages.learned_style import SEGMENTER, kinds, outlines, told, told_by
from busilib.pages.shipped import the_record
from busilib.runs.records import Part, Record

LESIONS = {  # P(malignant), circumference drawn and predicted
    "benign (1)": (0.1, 1.00, 1.01),
    "benign (2)": (0.2, 1.02, 1.30),
    "benign (3)": (0.7, 1.01, 1.20),
    "benign (4)": (0.9, 1.01, 1.40),
    "malignant (1)": (0.8, 1.20, 1.10),
    "malignant (2)": (0.3, 1.30, 1.50),
    "malignant (3)": (0.9, 1.10, np.nan),
    "normal (1)": (0.6, np.nan, np.nan),
}


def record_of(name: str, *seeds: pd.DataFrame) -> Record:
    parts = [
        Part({"spec": {"seed": seed, "fold": 0}}, {"predictions": table.assign(seed=seed, fold=0)})
        for seed, table in enumerate(seeds)
    ]
    return Record(name, {}, tuple(parts))


@pytest.fixture
def made_up() -> tuple[dict[str, Record], Record]:
    rows = pd.DataFrame.from_dict(LESIONS, orient="index", columns=["malignant", "drawn", "predicted"])
    rows = rows.rename_axis("id").reset_index()
    true = rows["id"].str.split(" ").str[0]
    believed = pd.DataFrame({"id": rows["id"], "true": true, "malignant": rows["malignant"], "normal": 0.0})
    believed["benign"] = 1 - believed["malignant"]
    found = pd.DataFrame({"id": rows["id"], "true": true, "tp": 8, "fp": 2, "fn": 2, "tn": 88})
    found["true_circumference"], found["circumference"] = rows["drawn"], rows["predicted"]
    return {SEGMENTER: record_of(SEGMENTER, found)}, record_of("own-clf", believed, believed)


def test_outlines_that_were_found_and_what_they_look_like(made_up):
    table = outlines(*made_up).set_index("id")
    assert sorted(table.index) == sorted(set(LESIONS) - {"malignant (3)", "normal (1)"})
    assert table.loc["benign (3)", ["looks", "drawn", SEGMENTER]].tolist() == ["malignant", 1.01, 1.20]
    assert (table[f"{SEGMENTER} dice"] == 0.8).all()
    assert kinds(table).value_counts().to_dict() == {
        "benign, looks benign": 2,
        "benign, looks malignant": 2,
        "malignant": 2,
    }


def test_areas_under_the_curve_by_hand(made_up):
    table = outlines(*made_up)
    benign = table[table["true"] == "benign"]
    # 1.10 lies above one of four benign ones, 1.50 above all four
    assert told_by(table, SEGMENTER, "true")["value"] == pytest.approx(5 / 8)
    assert told_by(table, "drawn", "true")["value"] == 1
    # 1.20 lies above one of two, 1.40 above both; drawn by hand both lie between the two
    assert told_by(benign, SEGMENTER, "looks")["value"] == pytest.approx(3 / 4)
    assert told_by(benign, "drawn", "looks")["value"] == pytest.approx(1 / 2)
    assert told(table).startswith("`own-clf` takes 2 of 4 benign lesions for malignant rather than benign.")


def test_only_seeds_that_all_have_are_compared(made_up):
    segmenters, classifier = made_up
    moved = classifier.parts[1].tables["predictions"].assign(malignant=0.99, benign=0.01)
    later = record_of("own-clf", classifier.parts[0].tables["predictions"], moved)
    pd.testing.assert_frame_equal(outlines(segmenters, later), outlines(segmenters, classifier))


def test_what_is_recorded_against_a_referee():
    segmenters = learned_style.recorded()
    table = outlines(segmenters, the_record("own-clf")).set_index("id")
    found, believed = (one.predictions for one in (segmenters[SEGMENTER], the_record("own-clf")))
    found = found[found["true"] != "normal"].set_index(["id", "seed"])["circumference"].dropna()
    score = believed.assign(score=malignancy_score(believed)).set_index(["id", "seed"])["score"]
    both = pd.concat([found, score], axis=1, join="inner").groupby("id").mean()
    assert sorted(both.index) == sorted(table.index)
    benign = both[both.index.str.startswith("benign")]
    area = roc_auc_score(benign["score"] > 0.5, benign["circumference"])
    rows = table[table["true"] == "benign"].reset_index()
    assert told_by(rows, SEGMENTER, "looks")["value"] == pytest.approx(area)
