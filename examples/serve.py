"""Serve a network with onnxruntime: no torch and no archdsl where it runs.

    archdsl compile lenet5 --weights lenet5.safetensors -o lenet5.onnx
    python examples/serve.py lenet5.onnx --port 8000
    curl --data-binary @image.f32 http://localhost:8000   # the input's numbers, float32, little-endian

The answer is JSON: a list of numbers for each output.
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import onnxruntime

LARGEST = 64 * 2**20  # bytes of a request


def answer(session: onnxruntime.InferenceSession, body: bytes) -> dict[str, list[float]]:
    """The outputs for one input. Raises `ValueError` where it has another size."""
    (first,) = session.get_inputs()
    shape = [1, *first.shape[1:]]
    values = np.frombuffer(body, "<f4").reshape(shape)
    found = session.run(None, {first.name: values})
    return {output.name: value.ravel().tolist() for output, value in zip(session.get_outputs(), found, strict=True)}


def handler(session: onnxruntime.InferenceSession) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            try:
                if length > LARGEST:
                    raise ValueError("the request is too large")
                status, said = 200, json.dumps(answer(session, self.rfile.read(length)))
            except ValueError as error:
                status, said = 400, json.dumps({"error": str(error)})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(said.encode())

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a network with onnxruntime.")
    parser.add_argument("model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    try:
        session = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds have no other base
        parser.error(f"{options.model} is no ONNX file that can be read: {error}")
    server = ThreadingHTTPServer((options.host, options.port), handler(session))
    print(f"http://{options.host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
