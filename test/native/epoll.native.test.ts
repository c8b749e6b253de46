import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();

testWithCompiler('epoll over emulated and real files, with threads, children, copies, bad pointers and signals', async () => {
  const program = compile(join(root, 'test/native/programs/epoll.c'), join(folder, 'epoll'));
  const { status, stdout, stderr } = await runNative([program]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  // As on Linux 6.12.
  expect(stdout.trimEnd().split('\n')).toEqual([
    'a buffer: 0x1:0xfedcba9876543210',
    'a silent pipe beside it: 0x1:0xfedcba9876543210',
    'both: 0x1:0x2 0x1:0xfedcba9876543210',
    'one after the other: both',
    'changed: 0x1:0x2 0x5:0x3',
    'one-shot: 0x1:0x2',
    'nothing, until the time is up:',
    "data of the program's own: 0x1:0x10c70b05ffffffff",
    'and a buffer: 0x1:0x4 0x1:0x10c70b05ffffffff',
    'a waiting thread: 0x1:0x1',
    'a waiting thread: 0x4:0x2',
    'a child: 0x1:0x1',
    "after the child's change: 0x1:0x2",
    'after children were killed: 0x1:0x4',
    "after a child's deletion:",
    'a copy: 0x1:0x1',
    'a copy of it: 0x1:0x1',
    'poll of the set: 1',
    'deleted through it: 0',
    'poll of the set: 0',
    'descriptors left: 0',
    'no memory: -1 EFAULT',
    'nowhere to write: -1 EFAULT',
    'room for one: 1',
    'both are still there: 0x1:0 0x1:0x1',
    'closed:',
    'interrupted: EINTR',
    'in nanoseconds: 0',
    'without an end: 1',
    'with a mask: 1',
  ]);
});

testWithCompiler('calls show in the trace with their events', async () => {
  const program = compile(join(root, 'test/native/programs/epoll.c'), join(folder, 'traced'));
  const { status, stderr } = await runNative([program], { options: ['--strace'] });
  expect(status).toBe(0);
  expect(stderr).toMatch(/epoll_ctl\(\d+, EPOLL_CTL_ADD, \d+, \{events=EPOLLIN, data=18364758544493064720\}\) = 0/);
  expect(stderr).toMatch(/epoll_wait\(\d+, \[\{events=EPOLLIN, data=18364758544493064720\}\], 4, 0\) = 1/);
});

/** An event loop of another language's own. */
const PYTHON = `
import fcntl, os, select, socket, struct
heap = os.open("/dev/dma_heap/system", os.O_RDWR)
def buffer():
    answer = fcntl.ioctl(heap, 0xC0184800, struct.pack("QIIQ", 4096, 0, os.O_RDWR | os.O_CLOEXEC, 0))
    return struct.unpack("QIIQ", answer)[1]
one, other = socket.socketpair()
loop = select.epoll()
buffers = [buffer() for _ in range(300)]
for fd in buffers:
    loop.register(fd, select.EPOLLIN)
loop.register(one, select.EPOLLIN)
seen = set()
while len(seen) < 300:
    seen.update(fd for fd, events in loop.poll())
print("buffers:", seen == set(buffers))
other.send(b"x")
while one.fileno() not in seen:
    seen.update(fd for fd, events in loop.poll(maxevents=2))
print("the socket, too")
for fd in buffers[1:]:
    loop.unregister(fd)
    os.close(fd)
one.recv(1)
print("one is left:", loop.poll() == [(buffers[0], select.EPOLLIN)])
os.close(buffers[0])
print("none:", loop.poll(0.001))
loop.close()
`;

const hasPython = spawnSync('python3', ['--version']).status === 0;

test.skipIf(!hasPython)("Python's select.epoll waits for 300 buffers and a socket", async () => {
  const { status, stdout, stderr } = await runNative(['python3', '-c', PYTHON]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.trimEnd().split('\n')).toEqual(['buffers: True', 'the socket, too', 'one is left: True', 'none: []']);
});
