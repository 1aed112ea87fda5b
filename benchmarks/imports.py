"""Imports models of torchvision and timm, and writes which of them are proved equal into IMPORT.md.

    python -m benchmarks.imports [MODEL …]

Takes about an hour on two cores; a model that is named is done alone, and its row replaced. Needs torchvision and timm.
"""

from __future__ import annotations

import datetime
import re
import sys
import time
from pathlib import Path
from typing import Any, Final

from archdsl.errors import SpecError
from archdsl.imported import from_sources

PAGE: Final = Path(__file__).with_name("IMPORT.md")
HEADING: Final = """# Imported models

<!-- Written by `python -m benchmarks.imports`; do not edit. -->

Models of torchvision and timm as `archdsl import` writes them, with the weights that they start with: lines of the
spec, whether the keys of the `state_dict` load strictly, and whether outputs are equal to the last bit, in inference
and in training. A `-` is a model that is not imported, and the last column says why.

"""
COLUMNS: Final = ("model", "lines", "keys", "inference", "training", "date", "note")
TIMM: Final = (
    "cait_xxs24_224 coat_tiny convmixer_768_32 convnext_tiny convnextv2_atto cspresnet50 deit_tiny_patch16_224"
    " densenet121 dla34 dpn68 ecaresnet50t edgenext_xx_small efficientformer_l1 efficientnet_b0"
    " eva02_tiny_patch14_224 fastvit_t8 focalnet_tiny_srf ghostnet_100 gmlp_s16_224 hardcorenas_a hrnet_w18_small"
    " inception_next_tiny inception_v4 levit_128s mixer_s16_224 mnasnet_100 mobilenetv2_100 mobilenetv3_large_100"
    " mobilevit_xxs nasnetalarge nfnet_l0 pit_ti_224 poolformer_s12 pvt_v2_b0 regnety_004 repvgg_a0 repvit_m1"
    " res2net50_26w_4s resmlp_12_224 resnet50d resnetv2_50 resnext50_32x4d selecsls42 senet154 seresnet50 skresnet18"
    " starnet_s1 swin_tiny_patch4_window7_224 tf_efficientnet_b0 tinynet_a twins_pcpvt_small vgg16"
    " vit_tiny_patch16_224 volo_d1_224 vovnet39a xception41"
)
VISION: Final = (
    "alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet1_0"
    " mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_y_400mf resnet50 resnext50_32x4d shufflenet_v2_x1_0"
    " squeezenet1_1 swin_t vgg11_bn vit_b_16"
)
MODELS: Final = (*(f"timm:{name}" for name in TIMM.split()), *(f"tv:{name}" for name in VISION.split()))


def source(model: str) -> str:
    library, _, name = model.partition(":")
    return f"timm:create_model({name!r})" if library == "timm" else f"torchvision.models:{name}"


def shape(model: str) -> dict[str, tuple[int, ...]]:
    return {"image": (2, 3, 299, 299)} if model == "tv:inception_v3" else {}


def row(model: str) -> list[str]:
    """What became of a model."""
    today = datetime.date.today().isoformat()
    try:
        (network,) = from_sources([source(model)], shape(model))
    except SpecError as error:
        reason = "; ".join(one.message for one in error.diagnostics[:2])
        return [model, "-", "-", "-", "-", today, reason.replace("|", "/")[:200]]
    proof = network.proof
    assert proof is not None
    lines = sum(bool(line.strip()) for line in network.text.splitlines())
    keys = "strict" if proof.strict else f"{len(proof.missing) + len(proof.unexpected)} differ"
    return [model, str(lines), keys, said(proof.inference), said(proof.training), today, proof.reason]


def said(difference: float | None) -> str:
    return "-" if difference is None else "equal" if difference == 0 else f"{difference:.1e}"


def written(rows: dict[str, list[str]]) -> str:
    """The page."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows.values())]
    equal = sum(cells[2:5] == ["strict", "equal", "equal"] for cells in rows.values())
    return HEADING + "\n".join(lines) + f"\n\n{equal} of {len(rows)} are proved equal.\n"


def known() -> dict[str, list[str]]:
    """The rows of the page that is there."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", text, re.M)]
    return {cells[0]: cells for cells in found[2:]}


def main(names: list[str]) -> None:
    rows: dict[str, Any] = known()
    for model in names or MODELS:
        start = time.perf_counter()
        rows[model] = row(model)
        print(*rows[model], f"{time.perf_counter() - start:.0f} s", flush=True)
        ordered = {name: rows[name] for name in sorted(rows)}
        PAGE.write_text(written(ordered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
