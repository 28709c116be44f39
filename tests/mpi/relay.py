# SPDX-License-Identifier: MIT
"""A link that is late and slow, for kernels without netem: two TAP devices, and what comes out of one goes into the
other so many milliseconds later, at most so many megabits a second in each direction. Prints a line when both devices
are there; they may then be moved into network namespaces, and go with this program.

relay.py DEVICE DEVICE MILLISECONDS MBIT"""
import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
QUEUE = 4 << 20  # bytes that wait; more are lost, as in a router


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


class Direction:
    def __init__(self, source, target, delay, bytes_a_second):
        self.source, self.target, self.delay, self.rate = source, target, delay, bytes_a_second
        self.packets, self.bytes = collections.deque(), 0
        self.free = 0.0  # when the wire is, after the packets so far

    def take(self):
        try:
            packet = os.read(self.source, 65536)
        except OSError:  # the device is down
            return
        if self.bytes + len(packet) > QUEUE:
            return
        self.free = max(self.free, time.monotonic()) + len(packet) / self.rate
        self.packets.append((self.free + self.delay, packet))
        self.bytes += len(packet)

    def give(self, now):
        while self.packets and self.packets[0][0] <= now:
            packet = self.packets.popleft()[1]
            self.bytes -= len(packet)
            try:
                os.write(self.target, packet)
            except OSError:  # as above: it is lost
                pass


def main():
    ends = [tap(name) for name in sys.argv[1:3]]
    delay, rate = float(sys.argv[3]) / 1e3, float(sys.argv[4]) * 1e6 / 8
    directions = [Direction(ends[0], ends[1], delay, rate), Direction(ends[1], ends[0], delay, rate)]
    print("ready", flush=True)
    while True:
        due = [d.packets[0][0] for d in directions if d.packets]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        readable = select.select(ends, [], [], wait)[0]
        for direction in directions:
            if direction.source in readable:
                direction.take()
            direction.give(time.monotonic())


main()
