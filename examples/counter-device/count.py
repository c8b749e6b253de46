"""Reads /dev/counter three times, waiting for it by poll.

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
for _ in range(3):
    poll.poll()
    print("read", os.read(counter, 16).decode().strip())
value = fcntl.ioctl(counter, COUNTER_GET, bytes(4))
print("the counter is at", struct.unpack("I", value)[0])
