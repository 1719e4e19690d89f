"""Augmented copies: what they are of, what they keep, and that they are told from originals."""

import numpy as np
import pytest

from busilib.training.augmentation import R2
from busilib.training.copies import is_copy, with_copies


@pytest.fixture(scope="module")
def many(phantom):
    return with_copies(phantom, R2, copies=2, seed=3)


def test_originals_come_first_and_stay_as_they_are(phantom, many):
    n = len(phantom)
    assert len(many) == 3 * n and many.name == "phantoms with copies"
    np.testing.assert_array_equal(many.images[:n], phantom.images)
    np.testing.assert_array_equal(many.masks[:n], phantom.masks)
    assert many.ids[:n].tolist() == phantom.ids.tolist()


def test_a_copy_keeps_what_it_is_of_and_has_an_id_of_its_own(phantom, many):
    n = len(phantom)
    assert many.table["id"].is_unique
    assert is_copy(many.table["id"]).tolist() == [False] * n + [True] * 2 * n
    assert many.ids[n : 2 * n].tolist() == [f"{id} copy 1" for id in phantom.ids]
    for part in (slice(n, 2 * n), slice(2 * n, 3 * n)):
        np.testing.assert_array_equal(many.groups[part], phantom.groups)
        np.testing.assert_array_equal(many.labels[part], phantom.labels)


def test_copies_differ_from_their_originals_and_from_each_other(phantom, many):
    n = len(phantom)
    first, second = many.images[n : 2 * n], many.images[2 * n :]
    assert (first != phantom.images).any((1, 2)).all() and (first != second).any((1, 2)).all()


def test_image_and_mask_move_together(phantom, many):
    """The lesions of phantoms are darker than what is around them: so they must be in the copies."""
    n = len(phantom)
    for index in np.flatnonzero(many.masks[n:].any((1, 2))) + n:
        inside, outside = many.images[index][many.masks[index]], many.images[index][~many.masks[index]]
        original = phantom.images[index % n], phantom.masks[index % n]
        gap = original[0][~original[1]].mean() - original[0][original[1]].mean()
        assert outside.mean() - inside.mean() > 0.3 * gap


def test_the_seed_decides(phantom, many):
    again = with_copies(phantom, R2, copies=2, seed=3)
    other = with_copies(phantom, R2, copies=2, seed=4)
    assert again.fingerprint == many.fingerprint != other.fingerprint
