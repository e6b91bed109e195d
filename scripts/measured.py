#!/usr/bin/env python3
"""Runs a command and prints, on standard error, its times and its peak memory, which bash itself does not know.

    scripts/measured.py [--most-bytes N] COMMAND...

Exits as the command does, or with 1 if its peak memory reaches --most-bytes.
"""
import resource
import subprocess
import sys
import time

command = sys.argv[1:]
most = None
if command[:1] == ["--most-bytes"]:
    most, command = int(command[1]), command[2:]
started = time.time()
code = subprocess.run(command).returncode
elapsed = time.time() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{elapsed:.2f} s elapsed, {used.ru_utime:.2f} s user + {used.ru_stime:.2f} s system "
      f"= {used.ru_utime + used.ru_stime:.2f} s CPU, peak memory {used.ru_maxrss / 1024:.0f} MiB", file=sys.stderr, flush=True)
sys.exit(code or (most is not None and used.ru_maxrss * 1024 >= most))
