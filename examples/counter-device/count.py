"""Reads /dev/counter until it is at 3, waiting for each step by poll. Who is slow misses steps.

    npx ioctopus run --board examples/counter-device/board.ts -- python3 examples/counter-device/count.py
"""
import fcntl
import os
import select
import struct

COUNTER_START = 0x40086301
COUNTER_GET = 0x80046302

counter = os.open("/dev/counter", os.O_RDWR)
fcntl.ioctl(counter, COUNTER_START, struct.pack("II", 3, 20_000_000))
poll = select.poll()
poll.register(counter, select.POLLIN)
count = 0
while count < 3:
    poll.poll()
    count = int(os.read(counter, 16))
    print("read", count)
value = fcntl.ioctl(counter, COUNTER_GET, bytes(4))
print("the counter is at", struct.unpack("I", value)[0])
