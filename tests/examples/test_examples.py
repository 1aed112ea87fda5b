"""The scripts of examples/ run as they stand, on small real data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import archdsl

ROOT = Path(__file__).resolve().parents[2]
# torchvision, which Lightning's metrics import, needs two operators declared beside a torch of another build.
DECLARED = """
import runpy, sys, tests.zoo.references_libraries
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def example(name: str, *arguments: str, cwd: Path, prefix: tuple[str, ...] = ()) -> str:
    """What a script prints."""
    done = subprocess.run(
        [sys.executable, *prefix, str(ROOT / "examples" / name), *arguments],
        cwd=cwd, env=environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Handwritten digits of two classes, as a folder of images for each."""
    digits = load_digits()
    for number in (0, 1):
        (tmp_path / "photos" / str(number)).mkdir(parents=True)
        for index in np.flatnonzero(digits.target == number)[:20]:
            image = Image.fromarray((digits.images[index] * 15).astype("uint8"))
            image.save(tmp_path / "photos" / str(number) / f"{index}.png")
    return tmp_path / "photos"


def test_a_folder_of_images_is_learnt_and_training_goes_on_where_it_ended(photos: Path, tmp_path: Path) -> None:
    options = (
        "cifar_resnet20",
        "--data",
        str(photos),
        "--size",
        "32",
        "--out",
        "run",
        "--workers",
        "0",
        "--batch",
        "8",
    )
    first = example("train.py", *options, "--epochs", "1", cwd=tmp_path)
    more = example("train.py", *options, "--epochs", "2", cwd=tmp_path)
    assert [line.split(":")[0] for line in (first + more).splitlines()] == ["epoch 1", "epoch 2"]
    assert archdsl.load(tmp_path / "run" / "weights.safetensors").report().network == "CifarResNet"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("serve.py", "nowhere.onnx", "nowhere.onnx is no ONNX file that can be read"),
        pytest.param("train.py", "resnet18 --data nowhere --out run", "nowhere is no folder", marks=pytest.mark.heavy),
        pytest.param(
            "finetune.py",
            "resnet18 nowhere.pth --out a.safetensors",
            "cannot read `nowhere.pth`",
            marks=pytest.mark.heavy,
        ),
    ],
)
def test_what_is_not_there_is_said_without_a_traceback(name: str, arguments: str, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments.split()],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_fine_tuning_keeps_the_checkpoint_and_draws_the_classifier_anew(tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = archdsl.load("cifar_resnet20").compile().state_dict()  # stands for a public checkpoint
    torch.save(state, tmp_path / "w.pth")
    options = (
        "cifar_resnet20",
        "w.pth",
        "--classes",
        "12",
        "--classifier",
        "linear",
        "--size",
        "32",
        "--steps",
        "0",
        "--out",
        "out.safetensors",
    )
    example("finetune.py", *options, cwd=tmp_path)
    found = archdsl.load(tmp_path / "out.safetensors").compile(weights=tmp_path / "out.safetensors").state_dict()
    assert found["linear.weight"].shape[0] == 12
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items() if not name.startswith("linear."))


def test_fine_tuning_trains(tmp_path: Path) -> None:
    archdsl.load("cifar_resnet20").export(tmp_path / "w.safetensors")
    options = (
        "cifar_resnet20",
        "w.safetensors",
        "--classifier",
        "linear",
        "--size",
        "32",
        "--steps",
        "1",
        "--out",
        "out.safetensors",
    )
    said = example("finetune.py", *options, cwd=tmp_path)
    assert [line.split(",")[0] for line in said.splitlines()] == ["classifier", "all"]


def test_lightning_trains_a_compiled_network(tmp_path: Path) -> None:
    said = example("lightning_train.py", "lenet5", "--epochs", "1", cwd=tmp_path, prefix=("-c", DECLARED))
    assert "held out" in said


def test_a_served_network_answers_as_the_module_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = archdsl.load("lenet5")
    model = net.compile()
    net.export(tmp_path / "net.onnx", model)
    image = torch.randn(1, 1, 32, 32)
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "serve.py"), "net.onnx", "--port", "0"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with urllib.request.urlopen(address, data=image.numpy().tobytes(), timeout=60) as reply:
            found = json.load(reply)
        with torch.inference_mode():
            torch.testing.assert_close(torch.tensor([found["logits"]]), model.eval()(image), rtol=1e-5, atol=1e-6)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(address, data=b"1234", timeout=60)
    finally:
        server.kill()
        server.wait()


def test_small_networks_train_with_one_thread_and_leave_torchs_number_as_it_was() -> None:
    from compiler.example import threads_for

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with threads_for(1_000):
            assert torch.get_num_threads() == 1
        with threads_for(10**12):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
