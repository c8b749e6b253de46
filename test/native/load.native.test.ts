import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { type Held, NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';

const folder = temporaryFolder();
const program = (name: string) => compile(join(root, 'test/native/programs', `${name}.c`), join(folder, name));
const FINE = { status: 0, signal: null };
const IN_Q_OVERFLOW = 0x4000;
/** What a process of this host may have open, some to spare; the tests need twice that. */
const DESCRIPTORS = Number(/Max open files +\S+ +(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]) - 1000;
/** Each connection costs the server three descriptors; 4096 is the most that it serves. */
const CLIENTS_MAX = Math.min(4096, Math.floor(DESCRIPTORS / 3) - 100);
const FILES = Math.min(10_000, Math.floor(DESCRIPTORS / 2));

/** Waits for a process to close what it has, while this process does nothing else. */
function untilClosed(pid: number): void {
  while (readdirSync(`/proc/${pid}/fd`).length > 100);
}

describe.skipIf(!hasCompiler)('much at once', () => {
  let native: NativeServer;
  let baseline: Held;

  beforeAll(async () => {
    native = new NativeServer();
    await native.run(['true']);
    await native.turn();
    baseline = native.held();
  });
  afterAll(() => native.close());

  /** A program that prints a line, waits for one of ours, and so on. */
  function converse(command: readonly string[]) {
    const { child, ended } = native.start(command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    return {
      child,
      ended,
      line: async () => (await lines.next()).value as string,
      goOn: () => child.stdin?.write('\n'),
    };
  }

  async function expectNothingLeft() {
    await native.turn();
    expect(native.held()).toEqual(baseline);
    expect(native.complaints).toEqual([]);
    expect(native.machine.system.findings.unexpected).toEqual([]);
  }

  test('64 threads of one process', async () => {
    expect(await native.run([program('churn'), '1', '40', '64'])).toEqual(FINE);
    await expectNothingLeft();
  });

  test('32 processes', async () => {
    const churn = program('churn');
    const ends = await Promise.all(Array.from({ length: 32 }, (_, i) => native.run([churn, `${i}`, '60'])));
    expect(ends).toEqual(Array(32).fill(FINE));
    await expectNothingLeft();
  });

  test.each([
    ['threads', '1100', ['calls of 1100 threads that live on: 0 failed', 'calls beside 200 that wait: 0 failed']],
    ['blocked', '1030', ['beyond 1024 calls: 7 refused by ENOMEM; another: 0']],
    ['ends', '600', ['calls after threads that ended: 0 failed']],
  ])('more threads than a process has slots: %s', async (mode, count, lines) => {
    const run = converse([program('many'), mode, count]);
    for (const line of lines) expect(await run.line()).toBe(line);
    expect(await run.ended).toEqual(FINE);
    await expectNothingLeft();
  });

  test(`${FILES} open nodes and as many buffers in one process`, async () => {
    const run = converse([program('many'), 'files', `${FILES}`]);
    expect(await run.line()).toBe(`nodes: ${FILES}, enough`);
    expect(await run.line()).toBe(`buffers: ${FILES}, enough`);
    expect(native.server.files.count).toBe(2 * FILES + 1);
    run.goOn();
    expect(await run.line()).toBe('closed');
    run.child.stdin?.end();
    expect(await run.ended).toEqual(FINE);
    await expectNothingLeft();
  });

  test('more news of ended files than the kernel keeps for us', async () => {
    const run = converse([program('many'), 'files', `${FILES}`, 'again']);
    expect(await run.line()).toBe(`nodes: ${FILES}, enough`);
    expect(await run.line()).toBe(`buffers: ${FILES}, enough`);
    const news = vi.spyOn(native.addon, 'watchEvents');
    run.goOn();
    untilClosed(run.child.pid as number);
    expect(await run.line()).toBe('closed');
    run.child.stdin?.end();
    expect(await run.ended).toEqual(FINE);
    const masks = news.mock.results.flatMap(({ value }) => (value as number[] | null)?.filter((_, index) => index % 2 === 1) ?? []);
    expect(masks.some((mask) => (mask & IN_Q_OVERFLOW) !== 0)).toBe(true);
    news.mockRestore();
    await expectNothingLeft();
  });

  test('as many processes as there is room for, and what one more gets', async () => {
    const crowd = `${CLIENTS_MAX + 3}`;
    const run = converse([program('crowd'), crowd]);
    expect(await run.line()).toBe(`of ${crowd}: ${CLIENTS_MAX} connected, 3 refused by ENFILE, 0 otherwise`);
    expect(native.server.clients.length).toBe(CLIENTS_MAX);
    run.child.stdin?.end();
    expect(await run.ended).toEqual(FINE);
    expect(native.complaints.splice(0)).toEqual([
      expect.stringMatching(/^out of (connections: CLIENTS_MAX|descriptors: RLIMIT_NOFILE) allows \d+ per /),
    ]);
    await expectNothingLeft();
  });

  test('a program that exits with everything open', async () => {
    const run = converse([program('many'), 'files', '5000']);
    await run.line();
    await run.line();
    run.child.kill('SIGKILL');
    await once(run.child, 'exit');
    await run.ended;
    await expectNothingLeft();
  });
});
