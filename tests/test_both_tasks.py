"""What the index says of the network for both tasks, by what its control has."""

from types import SimpleNamespace

import pytest

from busilib.metrics.figure import Figure
from busilib.pages import both_tasks
from busilib.pages.both_tasks import MASKS, SCHEDULE, reason

NOTHING, MORE, LESS = (
    Figure(0.0, -0.02, 0.02, 780),
    Figure(0.02, 0.01, 0.03, 780),
    Figure(-0.02, -0.03, -0.01, 780),
)


@pytest.fixture
def said(monkeypatch, tmp_path):
    def say(masks, schedule, whole=True):
        found = {MASKS: masks, SCHEDULE: schedule}
        record = SimpleNamespace(metrics={"macro_auc": Figure(0.94, 0.92, 0.96, 780).to_dict()})
        monkeypatch.setattr(both_tasks, "out_of_fold", lambda id, folder: record if whole else None)
        monkeypatch.setattr(
            both_tasks,
            "compared",
            lambda asked, folder: found[asked] and SimpleNamespace(found=found[asked]),
        )
        return reason(tmp_path)

    return say


def test_the_masks_helped_where_the_network_is_better_than_its_control(said):
    for schedule in (NOTHING, MORE, LESS):
        one = said(MORE, schedule)
        assert one.verdict == ", and its masks help" and "+0.020 (+0.010 to +0.030)" in one.figures


def test_the_schedule_is_reason_enough_where_the_control_is_as_good_and_better_than_without_it(said):
    for masks in (NOTHING, LESS):
        one = said(masks, MORE)
        assert "by its schedule" in one.verdict and "the schedule +0.020 (+0.010 to +0.030)" in one.why


def test_nothing_is_decided_where_neither_differs(said):
    for schedule in (NOTHING, LESS):
        one = said(NOTHING, schedule)
        assert one.verdict == "; why is open" and "the masks bring +0.000" in one.why


def test_there_is_no_control_before_all_of_it_is_recorded(said):
    for one in (said(MORE, MORE, whole=False), said(None, MORE), said(MORE, None)):
        assert one.verdict == "; why is open" and not one.figures and "times the steps" in one.why
