import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const board = ['--board', 'remoteproc'];

describe('remote processors natively', () => {
  testWithCompiler('/dev/remoteproc0 gives a C program the answers that it gives in process', async () => {
    const program = compile(join(root, 'test/native/programs/remoteproc.c'), join(folder, 'remoteproc'));
    const { status, stdout } = await runNative([program], { options: [...board, '--strict'] });
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'no firmware: ENOENT',
      'read: EINVAL',
      'poll: 1',
      'nothing: EINVAL',
      'eleven bytes: EINVAL',
      'start with a newline: EINVAL',
      'from a bad address: EFAULT',
      's: 1',
      'then it is: running',
      'seek: ESPIPE',
      'get: 0',
      'flag: 0',
      'set: 0',
      'get: 0',
      'flag: 1',
      'set from a bad address: EFAULT',
      'get to a bad address: EFAULT',
      'unknown request: EINVAL',
      'detach: EINVAL',
      'after the close: offline',
    ]);
  });

  testWithCompiler('a shell starts, watches, crashes and stops them', async () => {
    const script = `
      one=/sys/class/remoteproc/remoteproc0 two=/sys/class/remoteproc/remoteproc1
      debug=/sys/kernel/debug/remoteproc
      echo echo.elf > $one/firmware; echo start > $one/state; cat $one/state
      echo crash-iommu.elf > $two/firmware; echo disabled > $two/recovery; echo start > $two/state
      until grep -q crashed $two/state; do sleep 0.01; done
      tail -n 1 $debug/remoteproc1/trace0
      until grep -q serving $debug/remoteproc0/trace0; do sleep 0.01; done
      cat $debug/remoteproc0/trace0
      grep -A 1 'Name: vdev0vring0' $debug/remoteproc0/carveout_memories | head -n 1
      grep -c Vring $debug/remoteproc0/resource_table
      printf s > /dev/remoteproc0; echo stop > $one/state; cat $one/state
      echo stop > $one/state; cat $one/state
      echo stop > $one/state
      echo stop > $two/state; cat $two/name $two/state`;
    const { stdout, stderr } = await runNative(['sh', '-c', script], { options: [...board, '--time=warp'] });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'running',
      'now: bus',
      'echo: waiting for the driver',
      'rings at 0x10040000 and 0x10041000',
      'echo: serving',
      '\tName: vdev0vring0',
      '2',
      'running',
      'offline',
      'dsp',
      'crashed',
    ]);
    expect(stderr).toContain('remoteproc remoteproc1: crash detected in dsp: type mmufault');
    // Two stops of what does not run; this shell calls every error of a write so.
    expect(stderr.match(/echo: I\/O error|write error/g)).toHaveLength(2);
  });

  testWithCompiler('firmware is what programs put into /lib/firmware', async () => {
    const script = `
      ls -d /lib/firmware; ls -l /lib/firmware | tail -n +2 | wc -l
      cat /lib/firmware/echo.elf > ${folder}/copy.elf; cmp ${folder}/copy.elf /lib/firmware/echo.elf
      cp ${folder}/copy.elf /lib/firmware/mine.elf; cd /usr/lib/firmware; mkdir own; mv mine.elf own/; find own -type f
      cd /sys/class/remoteproc/remoteproc0
      echo own/mine.elf > firmware; echo start > state; cat state; echo stop > state`;
    const { status, stdout, stderr } = await runNative(['sh', '-c', script], { options: [...board, '--strict'] });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '/lib/firmware\n4\nown/mine.elf\nrunning\n', stderr: '' });
  });

  testWithCompiler('requests are shown by their names', async () => {
    const program = join(folder, 'remoteproc');
    const { stderr } = await runNative([program], { options: [...board, '--strace'] });
    expect(stderr).toContain('ioctl(3, RPROC_SET_SHUTDOWN_ON_RELEASE, 7) = 0');
    expect(stderr).toContain('write(3, "s", 1) = 1');
  });
});
