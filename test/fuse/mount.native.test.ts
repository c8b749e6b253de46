import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasFuse, Mounted } from '../support/fuse.ts';

/** What the trace says of a call that waits. */
const WAITS = /(read|write)\(\d+, .* waits for the loop/;

describe.skipIf(!hasFuse)('shell tools on a mount', () => {
  let mounted: Mounted;
  beforeAll(async () => {
    mounted = await Mounted.make({ options: ['--strace'] });
  });
  afterAll(async () => {
    expect(await mounted?.end()).toBe(0);
    // Nothing was left: no leak, no broken rule. What it said at the beginning has been thrown away.
    expect(mounted.stderr.split('\n').filter((line) => line.startsWith('ioctopus:'))).toEqual([]);
  });

  const output = async (command: string) => {
    const { status, stdout, stderr } = await mounted.sh(command);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    return stdout;
  };
  const failure = async (command: string) => {
    const { status, stderr } = await mounted.sh(command);
    expect(status).not.toBe(0);
    return stderr.trim().split('\n')[0];
  };
  /** Starts a reader of /dev/loop and lets it come to its wait. */
  const startReader = async (command: string) => {
    mounted.stderr = '';
    const reader = mounted.start(command);
    await mounted.said(WAITS);
    return reader;
  };

  test('ls, stat and find show nodes as regular files with their permissions, and what they are in README', async () => {
    expect(await output('ls -A')).toBe('README\ndev\nproc\nsys\n');
    expect(await output("stat -c '%A %s %h %U %n' dev/*")).toBe('-rw-rw---- 0 1 root dev/loop\n-rw------- 0 1 root dev/memory\n');
    expect(await output('ls -l dev | cut -c1-10')).toBe('total 0\n-rw-rw----\n-rw-------\n');
    expect(await output('find README dev -type f | sort')).toBe('README\ndev/loop\ndev/memory\n');
    expect(await output('ls -i dev/loop | cut -d" " -f1')).toBe(await output('stat -c %i dev/loop'));
    expect(await output('cat README')).toContain(`ioctopus mount ${mounted.folder} -- COMMAND`);
  });

  test('proc/self is whoever looks; its descriptors are not ours to tell', async () => {
    expect(await output('cat proc/self/comm')).toBe('cat\n');
    expect(await output('cd proc/self && pwd -P')).toMatch(/\/proc\/\d+\n$/);
    expect(await output('sed -n "s/^\\(Name\\|Threads\\):.//p" proc/self/status')).toBe('sed\n1\n');
    expect(await output('ls proc/self')).toBe('cmdline\ncomm\ncwd\nmountinfo\nmounts\nroot\nstatus\n');
    expect(await output('head -n 1 proc/mounts')).toMatch(/^rootfs \/ tmpfs /);
    expect(await failure('cat proc/999999999/status')).toMatch(/No such file or directory$/);
  });

  test('what is written comes back, record by record', async () => {
    expect(await output('echo one > dev/loop; echo two >> dev/loop; head -c 4 dev/loop; head -c 4 dev/loop')).toBe('one\ntwo\n');
    expect(await output('printf 0123456789 > dev/loop; dd if=dev/loop bs=4 count=3 status=none')).toBe('0123456789');
    expect(await output('printf ab > dev/loop; dd if=dev/loop bs=2 count=1 status=none | xxd -p')).toBe('6162\n');
    // One write of 100 KiB is one record.
    expect(
      await output('dd if=/dev/zero of=dev/loop bs=100K count=1 status=none; dd if=dev/loop bs=128K count=1 status=none | wc -c'),
    ).toBe('102400\n');
  });

  test('positions are the device’s', async () => {
    expect(await output('printf hello | dd of=dev/memory bs=1 seek=4000 conv=notrunc status=none; xxd -s 4000 -l 5 -p dev/memory')).toBe(
      '68656c6c6f\n',
    );
    expect(await output('dd if=dev/memory bs=4000 skip=1 count=1 status=none | head -c 5')).toBe('hello');
    expect(await output('cat dev/memory | wc -c')).toBe('8192\n');
    expect(await failure('dd if=/dev/zero of=dev/memory bs=8192 count=2 status=none')).toMatch(/No space left on device$/);
  });

  test('errors are the device’s and the tree’s', async () => {
    expect(await failure('dd if=dev/loop bs=4 count=1 iflag=nonblock')).toMatch(/Resource temporarily unavailable$/);
    expect(await failure('cat dev/nothing')).toMatch(/No such file or directory$/);
    expect(await failure('ls dev/loop/x')).toMatch(/Not a directory$/);
    expect(await failure('mkdir dev')).toMatch(/File exists$/);
    expect(await failure('mkfifo fifo')).toMatch(/Operation not permitted$/);
  });

  test('a reader that waits holds nobody up, and gets what comes', async () => {
    const reader = await startReader('head -c 6 dev/loop');
    expect(await output('ls dev; xxd -l 0 dev/memory')).toBe('loop\nmemory\n');
    await output('echo later > dev/loop');
    expect(await reader.ended).toMatchObject({ status: 0, stdout: 'later\n' });
  });

  test('tail -f shows what comes', async () => {
    const reader = await startReader('exec tail -f -c +1 dev/loop');
    mounted.stderr = '';
    await output('echo more > dev/loop');
    await mounted.said(WAITS);
    reader.child.kill('SIGKILL');
    await reader.ended;
    await output('mkdir -p tmp; echo first > tmp/log');
    const follower = mounted.start('exec tail -f -s 0.01 tmp/log');
    await follower.shows('first\n');
    await output('echo second >> tmp/log');
    await follower.shows('first\nsecond\n');
    follower.child.kill();
    await follower.ended;
  });

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'a reader that %s ends is gone though nothing comes, and has taken nothing',
    async (signal) => {
      const reader = await startReader('exec cat dev/loop');
      reader.child.kill(signal);
      expect(await reader.ended).toMatchObject({ status: null, signal });
      await mounted.said(/EINTR|ERESTARTSYS/);
      await output('echo kept > dev/loop');
      expect(await output('head -c 5 dev/loop')).toBe('kept\n');
    },
  );

  test('so is a writer that waits for room', async () => {
    await output('for i in $(seq 64); do echo $i > dev/loop; done');
    mounted.stderr = '';
    const writer = mounted.start('exec dd if=/dev/zero of=dev/loop bs=4 count=1 status=none');
    await mounted.said(WAITS);
    writer.child.kill('SIGKILL');
    expect(await writer.ended).toMatchObject({ signal: 'SIGKILL' });
    await mounted.said(/EINTR|ERESTARTSYS/);
    expect(await output('for i in $(seq 64); do dd if=dev/loop bs=8 count=1 status=none; done')).toBe(
      Array.from({ length: 64 }, (_, i) => `${i + 1}\n`).join(''),
    );
    expect(await failure('dd if=dev/loop bs=4 count=1 iflag=nonblock')).toMatch(/Resource temporarily unavailable$/);
  });

  test('the tree can be changed where the machine’s can', async () => {
    expect(await output('mkdir -p tmp/a/b; echo text > tmp/a/f; echo more >> tmp/a/f; cat tmp/a/f')).toBe('text\nmore\n');
    expect(await output('ln -s f tmp/a/l; ln tmp/a/f tmp/a/h; readlink tmp/a/l; cat tmp/a/l; stat -c %h tmp/a/f')).toBe(
      'f\ntext\nmore\n2\n',
    );
    expect(await output('mv tmp/a/f tmp/a/g; ls tmp/a; rmdir tmp/a/b; rm tmp/a/h tmp/a/l; ls tmp/a')).toBe('b\ng\nh\nl\ng\n');
    expect(await output('chmod 640 tmp/a/g; chown 3:4 tmp/a/g; stat -c "%a %u %g" tmp/a/g')).toBe('640 3 4\n');
    expect(await output("touch -d '2020-01-02 03:04:05.123456789 UTC' tmp/a/g; stat -c '%.9Y' tmp/a/g")).toBe('1577934245.123456789\n');
    expect(await output("touch -m -d '2021-01-01 UTC' tmp/a/g; stat -c '%.9X %.9Y' tmp/a/g")).toBe(
      '1577934245.123456789 1609459200.000000000\n',
    );
    expect(await output('truncate -s 3 tmp/a/g; cat tmp/a/g; : > tmp/a/g; wc -c < tmp/a/g')).toBe('tex0\n');
    expect(await failure('rmdir tmp/a')).toMatch(/Directory not empty$/);
    expect(await output('(umask 077; echo > tmp/private); stat -c %a tmp/private')).toBe('600\n');
    expect(await failure('set -C; echo > tmp/private')).toMatch(/cannot create tmp\/private: File exists/);
    expect(await output('rm -r tmp/a tmp/private; exec 3> tmp/gone; rm tmp/gone; echo x >&3; ls tmp; rm -f tmp/log')).toBe('log\n');
  });
});
