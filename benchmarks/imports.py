"""Imports models of torchvision and timm, and writes which of them are proved equal into IMPORT.md.

    python -m benchmarks.imports [MODEL …]

Each model has a process of its own, with limits of time and memory, and what became of it is noted at once in
`.import-cache.jsonl` with the state of the code: what was interrupted goes on where it was, and what has not changed is
not done again. The page is written at the end, of all models. Takes about an hour on two cores; models that are named
are done anew. Needs torchvision and timm.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from archdsl.errors import SpecError
from archdsl.imported import from_sources
from archdsl.write import write_atomically

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = Path(__file__).with_name("IMPORT.md")
CACHE: Final = Path(os.environ.get("ARCHDSL_IMPORT_CACHE", ROOT / ".import-cache.jsonl"))
ALONE: Final = "--alone"
SECONDS: Final = 900  # for a model
BYTES: Final = 16 << 30
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
        return failed(model, reason)
    proof = network.proof
    assert proof is not None
    lines = sum(bool(line.strip()) for line in network.text.splitlines())
    keys = "strict" if proof.strict else f"{len(proof.missing) + len(proof.unexpected)} differ"
    return [model, str(lines), keys, said(proof.inference), said(proof.training), today, proof.reason]


def failed(model: str, reason: str) -> list[str]:
    return [model, "-", "-", "-", "-", datetime.date.today().isoformat(), reason.replace("|", "/")[:200]]


def said(difference: float | None) -> str:
    return "-" if difference is None else "equal" if difference == 0 else f"{difference:.1e}"


# --- each in a process of its own


def apart(model: str) -> list[str]:
    """What became of a model in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.imports", ALONE, model]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return failed(model, f"not done within {SECONDS} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return failed(model, f"failed: {last}")
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def alone(model: str) -> None:
    """Do a model here, and print its row."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    print(json.dumps(row(model)))


# --- what is known


def revision() -> str:
    """The state of the code that imports."""
    digest = hashlib.sha256()
    for path in code():
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def code() -> Iterator[Path]:
    for folder in ("archdsl", "compiler"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def known(state: str) -> dict[str, list[str]]:
    """The rows that were found in a state of the code."""
    lines = CACHE.read_text(encoding="utf-8").splitlines() if CACHE.exists() else []
    noted = [json.loads(line) for line in lines if line.endswith("}")]  # the last may have been cut off
    return {one["model"]: one["row"] for one in noted if one["revision"] == state}


def note(model: str, state: str, found: list[str]) -> None:
    with CACHE.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"model": model, "revision": state, "row": found}) + "\n")


def written(rows: dict[str, list[str]]) -> str:
    """The page."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows.values())]
    equal = sum(cells[2:5] == ["strict", "equal", "equal"] for cells in rows.values())
    return HEADING + "\n".join(lines) + f"\n\n{equal} of {len(rows)} are proved equal.\n"


def main(names: list[str]) -> None:
    if names[:1] == [ALONE]:
        alone(names[1])
        return
    state = revision()
    rows = known(state)
    for model in names or [one for one in MODELS if one not in rows]:
        start = time.perf_counter()
        rows[model] = apart(model)
        note(model, state, rows[model])
        print(*rows[model], f"{time.perf_counter() - start:.0f} s", flush=True)
    left = [model for model in MODELS if model not in rows]
    if left:
        print(f"{len(left)} models are left: the page is written when all are done")
        return
    write_atomically(PAGE, written({name: rows[name] for name in sorted(MODELS)}).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
