"""The same from Python's standard library: allocate a DMA buffer, map it, write to it.

    npx ioctopus run -- python3 examples/native/dma-heap.py
"""
import fcntl
import mmap
import os
import struct

DMA_HEAP_IOCTL_ALLOC = 0xC0184800
DMA_BUF_IOCTL_SYNC = 0x40086200
SYNC_RW, SYNC_START, SYNC_END = 3, 0, 4

heap = os.open("/dev/dma_heap/system", os.O_RDWR)
request = bytearray(struct.pack("QIIQ", 4096, 0, os.O_RDWR | os.O_CLOEXEC, 0))
fcntl.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, request)
_, buffer, _, _ = struct.unpack("QIIQ", request)

with mmap.mmap(buffer, 4096) as pixels:
    fcntl.ioctl(buffer, DMA_BUF_IOCTL_SYNC, struct.pack("Q", SYNC_START | SYNC_RW))
    pixels[:5] = b"hello"
    fcntl.ioctl(buffer, DMA_BUF_IOCTL_SYNC, struct.pack("Q", SYNC_END | SYNC_RW))
    print(f"{os.lseek(buffer, 0, os.SEEK_END)} bytes that begin with {pixels[:5].decode()}")

try:
    os.read(buffer, 1)
except OSError as error:
    print(f"read: {error.strerror}")
os.close(buffer)
os.close(heap)
