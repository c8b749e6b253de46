import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultService } from '../../src/index.ts';
import { FAULT_SERVICES } from '../../src/kernel/index.ts';
import { boardWithLines } from '../dma-buf/fence-device.ts';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { type Held, NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const program = () => compile(join(root, 'test/native/programs/faults.c'), join(folder, 'faults'));
const heapProgram = () => compile(join(root, 'examples/native/dma-heap.c'), join(folder, 'dma-heap'));

describe.skipIf(!hasCompiler)('a native program whose calls fail', () => {
  let native: NativeServer;
  let baseline: Held;

  beforeAll(async () => {
    native = new NativeServer(boardWithLines());
    // What Node opens for itself when it first starts a program.
    await native.run(['true']);
    await native.turn();
    baseline = native.held();
  });
  afterAll(() => native.close());

  const run = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { child, ended } = native.start([program(), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let hasEnded = false;
    const output = text(child.stdout as NonNullable<typeof child.stdout>);
    void ended.finally(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      await native.turn();
      if (isWaiting()) native.skip();
    }
    expect((await ended).status).toBe(0);
    await native.turn();
    await idle();
    expect(native.held()).toEqual(baseline);
    return (await output).trimEnd().split('\n');
  };

  /** Whether a call waits for work of the device, which takes an hour. */
  const isWaiting = () => [...native.machine.system.scheduler.alive].some(({ waitingFor }) => waitingFor !== undefined);

  /** Work that a program submitted goes on without it. */
  const idle = async () => {
    while (native.machine.system.clock.pending > 0) {
      native.skip();
      await native.turn();
    }
  };

  const uses = async (): Promise<ReadonlyMap<FaultService, number>> => {
    native.machine.faults.count();
    const lines = await run();
    expect(lines.filter((line) => !line.endsWith(' ok'))).toEqual([]);
    return new Map(native.machine.faults.uses);
  };

  test('is told so, leaves nothing behind, and goes well afterwards', async () => {
    // Waits are left to the tests below.
    const counted = new Map([...(await uses())].filter(([service]) => service !== 'wait'));
    expect([...counted.keys()].sort()).toEqual(['alloc', 'copy_from_user', 'copy_to_user', 'fd', 'file', 'page']);
    const { faults } = native.machine;
    for (const [service, count] of counted) {
      for (let nth = 1; nth <= count; nth++) {
        faults.clear();
        faults.add({ service, nth });
        const hits = faults.hits.length;
        const lines = await run();
        const failure = lines.find((line) => !line.endsWith(' ok'));
        expect([service, nth, faults.hits.length]).toEqual([service, nth, hits + 1]);
        if (failure === undefined) continue;
        const allowed: readonly string[] = [...FAULT_SERVICES[service], ...(service === 'file' ? ['ENOMEM'] : [])];
        expect([service, nth, failure.split(' ')[0], allowed]).toEqual([
          service,
          nth,
          failure.split(' ')[0],
          expect.arrayContaining([failure.split(' ')[1]]),
        ]);
      }
    }
    faults.clear();
    expect((await run()).filter((line) => !line.endsWith(' ok'))).toEqual([]);
    expect(native.machine.system.findings.unexpected).toEqual([]);
    expect(native.complaints).toEqual([]);
  }, 120_000);

  test('is interrupted in a wait, though no signal came', async () => {
    native.machine.faults.add('wait:nth=1:EINTR');
    expect((await run('wait')).at(-1)).toBe('SYNC EINTR');
    native.machine.faults.clear();
  });

  test('does not notice when the call may begin again', async () => {
    const { faults } = native.machine;
    const hits = faults.hits.length;
    faults.add('wait:nth=1:ERESTARTSYS');
    expect((await run('wait')).at(-1)).toBe('SYNC ok');
    expect(faults.hits.length).toBe(hits + 1);
    faults.clear();
  });
});

describe.skipIf(!hasCompiler)('ioctopus run --fault', () => {
  test('lets calls fail, and says which and which never came', async () => {
    const options = ['--fault', 'alloc:what=struct dma_buf:nth=1', '--fault', 'fd:nth=99'];
    const { status, stderr } = await runNative([heapProgram()], { options });
    expect(status).toBe(1);
    expect(stderr.replace(/\d{2,} \(/, 'N (')).toBe(
      [
        'ioctopus: fault: alloc of struct dma_buf fails with ENOMEM in ioctl(3, DMA_HEAP_IOCTL_ALLOC) of task N (dma-heap)',
        'DMA_HEAP_IOCTL_ALLOC: Cannot allocate memory',
        'ioctopus: the fault fd:nth=99 never came: one use of fd fitted',
        '',
      ].join('\n'),
    );
  });

  test.each([
    ['alloc:nht=3', /no selector is called "nht".*\n {2}alloc:nht=3\n {8}\^\^\^\n/s],
    ['alloc:EIO', /alloc cannot fail with EIO, but with ENOMEM\n {2}alloc:EIO\n {8}\^\^\^\n/],
    ['wait:ERESTARTSYS', /never ends: give nth or times/],
  ])('refuses %s', async (fault, message) => {
    const { status, stdout, stderr } = await runNative(['echo', 'run'], { options: ['--fault', fault] });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
  });
});

describe.skipIf(!hasCompiler)('ioctopus run --strict', () => {
  const board = join(root, 'test/support/careless-board.ts');
  const touch = (status: number) => ['sh', '-c', `: >/dev/careless; exit ${status}`];

  test('says by its status that a rule was broken, and what came before', async () => {
    const { status, stderr } = await runNative(touch(0), { options: ['--board', board, '--strict'] });
    expect(status).toBe(123);
    expect(stderr).toMatch(
      /^ioctopus: fence-signalled-twice: fence careless-line1-1 was signalled again \(t=.*openat.*\n {2}what happened to fence careless/,
    );
    expect(stderr).toMatch(/was made by openat.*\n.*signalled by openat/);
  });

  test('leaves a program’s own failure as it is', async () => {
    expect((await runNative(touch(7), { options: ['--board', board, '--strict'] })).status).toBe(7);
  });

  test('without it the finding is said once, and the status is the program’s', async () => {
    const { status, stderr } = await runNative(touch(0), { options: ['--board', board] });
    expect(status).toBe(0);
    expect(stderr.match(/fence-signalled-twice/g)).toHaveLength(1);
  });

  test('a program that breaks nothing keeps its status', async () => {
    expect(await runNative(['true'], { options: ['--strict'] })).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});
