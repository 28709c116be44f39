#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How busy a training keeps its cores, epoch by epoch.

usage: busy_cores.py THREADS DIR COMMAND...     (COMMAND trains with so many threads and writes DIR/times.jsonl)

An epoch lasts from one line of times.jsonl to the next. Busy is what the process's threads have run, and what they were ready to run while other programs had
the core (both in /proc/PID/task/*/schedstat), over THREADS times the wall time. Threads that spin in a barrier count as busy: OMP_WAIT_POLICY=passive has them
sleep.
"""
import glob, os, subprocess, sys, time


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:  # not there yet, or a thread that has ended
        return ""


def busy_seconds(pid):
    lines = (read(path).split() for path in glob.glob("/proc/%d/task/*/schedstat" % pid))
    return sum(int(line[0]) + int(line[1]) for line in lines if line) / 1e9


threads, times = int(sys.argv[1]), sys.argv[2] + "/times.jsonl"
if os.path.exists(times):
    sys.exit(times + " is there already")
process = subprocess.Popen(sys.argv[3:], stdout=subprocess.DEVNULL)
epochs, begun = 0, None
while process.poll() is None:
    seen = read(times).count("\n")
    if seen > epochs:
        now = time.monotonic(), busy_seconds(process.pid)
        if begun is not None and seen == epochs + 1:
            wall = now[0] - begun[0]
            print("epoch %d: %.1f s, cores busy %.1f %%" % (seen, wall, 100 * (now[1] - begun[1]) / wall / threads), flush=True)
        epochs, begun = seen, now
    time.sleep(0.01)
sys.exit(process.returncode)
