"""Published figures are those that torchvision states of its weights, counted by others when they were uploaded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.zoo.published import ALIASES, PUBLISHED

pytest.importorskip("tests.zoo.references_libraries")  # what declares operators that torchvision looks for
models = pytest.importorskip("torchvision.models")

# Networks that torchvision has under another name, or that are others of the name
NAMES = {"alexnet_torchvision": "alexnet", "googlenet_torchvision": "googlenet", "alexnet": None, "googlenet": None}

# Whose operations it counts in images of the size in which they were compared; SWAG_E2E has other weights, too.
OF_OTHER_SIZES = {"efficientnet_b2", "deeplabv3_resnet50"}


def _stated() -> list[Any]:
    """Each variant with what torchvision states of each of its weights."""
    known, found = set(models.list_models()), []
    for variant in (*PUBLISHED, *ALIASES):
        name = NAMES.get(variant, variant)
        if name in known:
            stated = [weights for weights in models.get_model_weights(name) if "SWAG_E2E" not in str(weights)]
            found += [pytest.param(variant, weights, id=str(weights)) for weights in stated]
    return found


@pytest.mark.parametrize(("variant", "weights"), _stated())
def test_a_published_figure_is_what_torchvision_states(variant: str, weights: Any) -> None:
    published = PUBLISHED[ALIASES.get(variant, variant)]
    inference = published.get("inference", {"params": None, "macs": published["macs"]["value"]})
    if variant not in OF_OTHER_SIZES:
        assert round(inference["macs"] / 1e9, 3) == weights.meta["_ops"]
    # Some count what only training needs.
    assert weights.meta["num_params"] in (published["params"]["value"], inference["params"])
