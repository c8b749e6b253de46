import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const include = `-I${join(root, 'native-shims/include')}`;
const build = (name: string) => compile(join(root, `test/native/programs/${name}.c`), join(folder, name), include);
const CLIENTS = '/sys/bus/dsa/devices/wq0.0/clients';
const options = ['--board', 'dsa', '--strict'];
const testWithAccelConfig = test.skipIf(spawnSync('accel-config', ['--version']).error !== undefined);

/** Of test/native/programs/portal.c. */
const FORMS = [
  'mov32',
  'mov64',
  'immediates',
  'movnti32',
  'movnti64',
  'movups',
  'movaps',
  'movdqu',
  'movdqa',
  'movntdq',
  'movq_xmm',
  'movd_xmm',
  'movss',
  'movsd',
  'movlps',
  'movhps',
  'movq_mmx',
  'movntq',
  'movdiri',
  'vmovdqu',
  'vmovntdq',
  'vmovups_xmm',
  'vmovdqu64',
  'vmovdqu64_high',
  'vmovntdq_zmm',
  'movdir64b',
];

describe.runIf(process.arch === 'x64')('a portal natively', () => {
  const faults = [
    'no handler: 1',
    'handler: 1',
    'caught: 1',
    'killed by a fault: 1',
    'killed by what is no instruction: 1',
    'a child’s store: 1',
    'a store without the right: 1',
    'munmap: 0',
  ].map((line) => line.replace('’', "'"));

  testWithCompiler('takes each form of store, and leaves other faults to the program', async () => {
    for (const [queue, enqcmd] of [
      ['/dev/dsa/wq0.0', 'enqcmd: 1 moved'],
      // A dedicated queue takes none.
      ['/dev/dsa/wq0.1', 'retry enqcmd: 0 lost'],
    ] as const) {
      const { status, stdout, stderr } = await runNative([build('portal'), queue, 'all'], { options });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout.trimEnd().split('\n')).toEqual([...FORMS.map((form) => `${form}: 1 moved`), enqcmd, ...faults]);
    }
  });

  testWithCompiler('shows stores in traces', async () => {
    const { stderr } = await runNative([build('portal'), '/dev/dsa/wq0.0', 'enqcmd'], { options: [...options, '--strace'] });
    expect(stderr).toMatch(
      /enqcmd\("\/dev\/dsa\/wq0\.0", 0, \{opcode=DSA_OPCODE_MEMMOVE, flags=IDXD_OP_FLAG_CRAV\|IDXD_OP_FLAG_RCR, .*, xfer_size=1000, int_handle=0\}\) = 1\n/,
    );
  });

  testWithCompiler('200 processes on one shared queue get exactly their own completions, each by its own vector', async () => {
    const { status, stdout, stderr } = await runNative([build('dsa-crowd'), '200', '5'], { options });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '200 of 200\n', stderr: '' });
  });

  testWithCompiler('processes that are killed in the middle leave the queue to the others', async () => {
    const crowd = build('dsa-crowd');
    const until = (count: number) => `until [ "$(cat ${CLIENTS})" = ${count} ]; do sleep 0.01; done`;
    const killed = '$(cat /proc/$!/task/$!/children) $!';
    const script = `${crowd} 20 1000000 >/dev/null & ${until(20)}; kill -9 ${killed}; wait; ${crowd} 10 10; ${until(0)}`;
    const { status, stdout, stderr } = await runNative(['sh', '-c', script], { options });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '10 of 10\n', stderr: expect.not.stringContaining('ioctopus') });
  });

  testWithCompiler('examples/dsa-memmove', async () => {
    const program = compile(join(root, 'examples/dsa-memmove/memmove.c'), join(folder, 'memmove'));
    for (const how of [[], ['--dedicated']]) {
      const { status, stdout, stderr } = await runNative([program, ...how], { options });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'status 1, 20000 bytes moved\n', stderr: '' });
    }
  });
});

describe('accel-config, unmodified', () => {
  interface Listed {
    readonly dev: string;
    readonly state: string;
    readonly groups: readonly {
      readonly grouped_workqueues?: readonly { readonly dev: string; readonly mode: string; readonly state: string }[];
    }[];
  }
  const queuesOf = (text: string) => (JSON.parse(text) as Listed[])[0]?.groups.flatMap(({ grouped_workqueues: queues = [] }) => queues);

  testWithAccelConfig('lists the configured device', async () => {
    const { status, stdout, stderr } = await runNative(['accel-config', 'list'], { options });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect((JSON.parse(stdout) as Listed[])[0]).toMatchObject({ dev: 'dsa0', state: 'enabled', max_work_queues: 8, ims_size: 2048 });
    expect(queuesOf(stdout)).toMatchObject([
      { dev: 'wq0.0', mode: 'shared', size: 64, priority: 10, type: 'user', state: 'enabled' },
      { dev: 'wq0.1', mode: 'dedicated', size: 16, type: 'user', state: 'enabled' },
    ]);
  });

  testWithAccelConfig('disables, configures and enables', async () => {
    const script = [
      'accel-config disable-device dsa0',
      'accel-config config-engine dsa0/engine0.1 --group-id=1',
      'accel-config config-wq dsa0/wq0.2 --mode=shared --type=user --name=x --group-id=1 --wq-size=8 --priority=3 --threshold=6 -d user',
      'accel-config enable-device dsa0',
      'accel-config enable-wq dsa0/wq0.2',
      'ls /dev/dsa >&2',
      'accel-config list',
    ].join(' && ');
    const { status, stdout, stderr } = await runNative(['sh', '-c', script], { options });
    expect(status).toBe(0);
    expect(stderr.split('\n')).toContain('wq0.2');
    expect(queuesOf(stdout.slice(stdout.indexOf('[')))).toMatchObject([
      { dev: 'wq0.2', size: 8, threshold: 6, priority: 3, state: 'enabled' },
    ]);
  });
});
