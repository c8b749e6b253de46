import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import stuckBoard from '../support/rpmsg-stuck-board.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const build = () => compile(join(root, 'test/native/programs/rpmsg-client.c'), join(folder, 'rpmsg-client'));
const options = ['--board', join(root, 'test/support/rpmsg-board.ts'), '--strict'];

const ANSWERS = [
  'make an endpoint: 0',
  'open it again: EBUSY',
  'write to it: 5',
  'poll for the answer: 1',
  'read three bytes of it: 3',
  'read the rest, which is lost: EAGAIN',
  'destroy it: 0',
  'read from it: EPIPE',
  'write to nobody: EPIPE',
  'poll it: 8',
  'open what is gone: ENOENT',
  'write 496 bytes: 496',
  'read them: 496',
  'write 497 bytes: EMSGSIZE',
  'write from a bad address: EFAULT',
  'write nothing: 0',
  'read nothing: 0',
  'write: 5',
  'wait for it: 1',
  'read to a bad address: EFAULT',
  'flow control: 0',
  'of the remote: 0',
  'flow control of ours: EOPNOTSUPP',
  'with 2: EINVAL',
  "destroy a channel's: EINVAL",
  'unknown request: EINVAL',
  'make a channel: 0',
  'make it again: ENXIO',
  'its node: 0',
  'release it: 0',
  'release it again: EINVAL',
  'its node: ENOENT',
  'unknown request: EINVAL',
];

/** What the kernel says of it. */
const LOG = [
  'rpmsg_chrdev virtio0.rpmsg-raw.-1.1024: message is too big (497)',
  'virtio_rpmsg_bus virtio0: channel rpmsg-raw:63:ffffffff already exist',
  'rpmsg rpmsg_ctrl0: failed to create rpmsg-raw channel',
  'rpmsg rpmsg_ctrl0: failed to release rpmsg-raw channel (-22)',
].map((line) => `ioctopus: ${line}`);

describe('/dev/rpmsg_ctrl0 and /dev/rpmsg0 natively', () => {
  testWithCompiler('give a C program the answers that they give in process', async () => {
    const { status, stdout, stderr } = await runNative([build(), 'questions'], { options });
    expect({ status, stderr: stderr.trimEnd().split('\n') }).toEqual({ status: 0, stderr: LOG });
    expect(stdout.trimEnd().split('\n')).toEqual(ANSWERS);
  });

  testWithCompiler('take a hundred thousand messages to an echo and back', async () => {
    const { status, stdout, stderr } = await runNative([build(), 'exchange', '50000'], { options });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '50000 messages\n', stderr: '' });
    const streamed = await runNative([build(), 'stream', '50000'], { options });
    expect(streamed).toEqual({ status: 0, stdout: '50000 messages\n', stderr: '' });
  });

  testWithCompiler('let one wait fifteen seconds for a remote that takes in nothing', async () => {
    const { status, stdout, stderr } = await runNative([build(), 'stuck'], {
      options: ['--board', join(root, 'test/support/rpmsg-stuck-board.ts'), '--time=warp', '--strict'],
    });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'ioctopus: rpmsg_chrdev virtio0.rpmsg-raw.-1.1024: timeout waiting for a tx buffer\n',
    });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'sent without waiting: 4',
      'and one more: EAGAIN',
      'and waiting: -1, errno 512 after 15 s',
    ]);
  });
});

testWithCompiler('a writer that is killed while it waits for a buffer leaves nothing', async () => {
  const native = new NativeServer(stuckBoard);
  const { scheduler } = native.machine.system;
  const isWaiting = () => [...scheduler.alive].some(({ waitingFor }) => waitingFor?.what === 'virtio0 to have a buffer to send from');
  try {
    // What Node opens for itself when it first starts a program; and the remote's greeting.
    await native.run(['true']);
    await native.turn();
    const before = native.held();
    const { child, ended } = native.start([build(), 'stuck']);
    while (!isWaiting()) await new Promise(setImmediate);
    child.kill('SIGKILL');
    expect(await ended).toEqual({ status: null, signal: 'SIGKILL' });
    await native.turn();
    expect(native.held()).toEqual(before);
  } finally {
    native.close();
  }
});

describe('the board remoteproc, from a shell', () => {
  const script = (program: string) => `
    cd /sys/class/remoteproc/remoteproc0
    echo echo.elf > firmware && echo start > state && cat state
    until [ -e /dev/rpmsg0 ]; do sleep 0.01; done
    ${program}
    echo stop > state && cat state
    ls /dev | grep rpmsg`;

  testWithCompiler('takes messages to the firmware and back', async () => {
    const options = ['--board', 'remoteproc', '--strict'];
    const { status, stdout, stderr } = await runNative(['sh', '-c', script(`${build()} stream 20000`)], { options });
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: 'running\n20000 messages\noffline\n', stderr: '' });
  });

  testWithCompiler('runs the example, with its requests shown', async () => {
    const example = compile(join(root, 'examples/rpmsg-echo/echo.c'), join(folder, 'echo'));
    const options = ['--board', 'remoteproc', '--strace'];
    const { stdout, stderr } = await runNative(['sh', '-c', script(`${example} hello world`)], { options });
    expect(stdout).toBe('running\nhello\nworld\noffline\n');
    expect(stderr.replace(/^\[pid \d+\] /gm, '').split('\n')).toEqual(
      expect.arrayContaining([
        'openat(AT_FDCWD, "/dev/rpmsg_ctrl0", O_RDWR|O_CLOEXEC) = 3',
        'ioctl(3, RPMSG_CREATE_EPT_IOCTL, {name="example", src=RPMSG_ADDR_ANY, dst=1024}) = 0',
        'write(4, "hello", 5) = 5',
        'read(4, "hello", 512) = 5',
        'ioctl(4, RPMSG_DESTROY_EPT_IOCTL) = 0',
      ]),
    );
  });
});
