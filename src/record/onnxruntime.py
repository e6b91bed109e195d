"""Measures networks for `nasbench latency --through onnxruntime`: a line of JSON in, a line out."""

import json
import sys
import time

try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit()


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def passes(session, shape, count):
    images = numpy.random.default_rng(0).uniform(-1.0, 1.0, shape).astype(numpy.float32)
    session.run(None, {"images": images})
    for _ in range(count):
        started = time.perf_counter()
        session.run(None, {"images": images})
        yield time.perf_counter() - started


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
for line in sys.stdin:
    asked = json.loads(line)
    try:
        session = onnxruntime.InferenceSession(asked["file"], options, providers=["CPUExecutionProvider"])
        medians = [median(passes(session, shape, asked["passes"])) for shape in asked["shapes"]]
        print(json.dumps({"medians": medians}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
