import { type EventEmitter, once } from 'node:events';
import hostFs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createNodeFs, type NodeFs } from '../../src/doors/node-fs/index.ts';
import { Fixture } from '../vfs/fixture.ts';
import { HostTmpfs } from '../vfs/host.ts';

/** Calls by name, with arguments that follow from the folder. Each is made in both asynchronous forms, one after the other. */
const SESSION: readonly [name: string, args: (dir: string) => unknown[]][] = [
  ['mkdir', (d) => [d, { recursive: true }]],
  ['writeFile', (d) => [`${d}/f`, 'hello']],
  ['appendFile', (d) => [`${d}/f`, ' world']],
  ['readFile', (d) => [`${d}/f`, 'utf8']],
  ['readFile', (d) => [`${d}/nope`]],
  ['readFile', (d) => [d]],
  ['access', (d) => [`${d}/f`]],
  ['access', (d) => [`${d}/nope`]],
  ['mkdir', (d) => [`${d}/a/b`, { recursive: true }]],
  ['mkdir', (d) => [`${d}/a`]],
  ['readdir', (d) => [d]],
  ['readdir', (d) => [`${d}/nope`]],
  ['copyFile', (d) => [`${d}/f`, `${d}/g`]],
  ['copyFile', (d) => [`${d}/nope`, `${d}/g`]],
  ['rename', (d) => [`${d}/g`, `${d}/h`]],
  ['rename', (d) => [`${d}/g`, `${d}/h`]],
  ['link', (d) => [`${d}/f`, `${d}/l`]],
  ['symlink', (d) => ['f', `${d}/s`]],
  ['readlink', (d) => [`${d}/s`]],
  ['realpath', (d) => [`${d}/s`]],
  ['chmod', (d) => [`${d}/f`, 0o600]],
  ['chmod', (d) => [`${d}/nope`, 0o600]],
  ['utimes', (d) => [`${d}/f`, 1, 2]],
  ['truncate', (d) => [`${d}/f`, 3]],
  ['readFile', (d) => [`${d}/s`, { encoding: 'base64' }]],
  ['unlink', (d) => [`${d}/l`]],
  ['unlink', (d) => [`${d}/l`]],
  ['rmdir', (d) => [`${d}/a`]],
  ['cp', (d) => [`${d}/a`, `${d}/b`, { recursive: true }]],
  ['rm', (d) => [`${d}/a`, { recursive: true }]],
  ['readdir', (d) => [d]],
  ['readdir', (d) => [d, { recursive: true }]],
  ['writeFile', (d) => [`${d}/f`, 'x', { signal: AbortSignal.abort() }]],
];

/** What a call came to. */
async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    const { name, message, code, errno, syscall, path, dest } = error as NodeJS.ErrnoException & { dest?: string };
    return { name, message, code, errno, syscall, path, dest };
  }
}

const byPromise = (fs: NodeFs, name: string, args: unknown[]) => outcome(() => (fs.promises as any)[name](...args));
const byCallback = (fs: NodeFs, name: string, args: unknown[]) =>
  outcome(
    () =>
      new Promise((resolve, reject) => {
        (fs as any)[name](...args, (...[error, value]: unknown[]) => (error ? reject(error) : resolve(value)));
      }),
  );

describe.runIf(HostTmpfs.isAvailable)('the asynchronous forms and those of node:fs', () => {
  const host = new HostTmpfs('/dir');
  const fixture = new Fixture();
  const ours = createNodeFs(fixture.sys);
  ours.mkdirSync(host.path, { recursive: true });
  fixture.sys.umask(process.umask());
  const theirs = hostFs as unknown as NodeFs;
  afterAll(() => host.remove());

  it.each([
    ['promises', byPromise],
    ['callbacks', byCallback],
  ] as const)('%s answer alike', async (form, run) => {
    for (const [index, [name, args]] of SESSION.entries()) {
      const given = args(`${host.path}/${form}`);
      expect(await run(ours, name, given), `${index}: ${name}(${given.join(', ')})`).toEqual(await run(theirs, name, given));
    }
  });
});

describe('calls with callbacks', () => {
  let fs: NodeFs;
  beforeEach(() => {
    fs = createNodeFs(new Fixture().sys);
    fs.writeFileSync('/f', 'hello');
  });

  it('answer later, in the order in which they were made', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      fs.stat('/f', () => order.push('stat'));
      fs.access('/nope', (error) => {
        order.push(error?.code ?? 'ok');
        resolve();
      });
      order.push('after the calls');
    });
    expect(order).toEqual(['after the calls', 'stat', 'ENOENT']);
  });

  it('throw at once what is wrong with their arguments', () => {
    expect(() => fs.open(undefined as never, () => {})).toThrow(TypeError);
    expect(() => fs.stat('/f', undefined as never)).toThrow(/"cb" argument must be of type function/);
    expect(() => fs.read(-1, () => {})).toThrow(RangeError);
  });

  it('give the buffer along', async () => {
    const fd = fs.openSync('/f', 'r+');
    const results: unknown[][] = [];
    const note = (...result: unknown[]) => void results.push(result);
    const buffer = Buffer.alloc(3);
    fs.read(fd, buffer, 0, 3, 1, note);
    fs.read(fd, { buffer, position: 0, length: 1 }, note);
    fs.read(fd, buffer, { offset: 2 }, note);
    fs.write(fd, 'J', 0, note);
    fs.write(fd, Buffer.from('xyz'), 1, note);
    fs.writev(fd, [Buffer.from('a'), Buffer.from('b')], note);
    fs.readv(fd, [buffer], 0, note);
    fs.read(999, buffer, 0, 1, null, note);
    fs.exists('/f', note);
    fs.exists('/nope', note);
    expect(results).toEqual([]);
    await new Promise(process.nextTick);
    expect(results.map(([error, count]) => [error instanceof Error ? error.message : error, count])).toEqual([
      [null, 3],
      [null, 1],
      [null, 1],
      [null, 1],
      [null, 2],
      [null, 2],
      [null, 3],
      ['EBADF: bad file descriptor, read', 0],
      [true, undefined],
      [false, undefined],
    ]);
    expect(results[0]?.[2]).toBe(buffer);
    expect(results[3]?.[2]).toBe('J');
    await new Promise<void>((resolve) => fs.close(fd, () => resolve()));
    expect(fs.readFileSync('/f', 'utf8')).toBe('Jyzab');
  });

  it('can be made promises of', async () => {
    const fd = fs.openSync('/f', 'r');
    expect(await promisify(fs.read)(fd, Buffer.alloc(5), 0, 5, 0)).toEqual({ bytesRead: 5, buffer: Buffer.from('hello') });
    expect(await promisify(fs.exists)('/f')).toBe(true);
    expect((await promisify(fs.stat)('/f')).size).toBe(5);
    await promisify(fs.close)(fd);
  });
});

describe('a FileHandle', () => {
  let fixture: Fixture;
  let fs: NodeFs;
  beforeEach(() => {
    fixture = new Fixture();
    fs = createNodeFs(fixture.sys);
  });

  it('does what descriptors do', async () => {
    const handle = await fs.promises.open('/f', 'w+', 0o600);
    let closed = 0;
    // @types/node does not say so.
    (handle as unknown as EventEmitter).on('close', () => closed++);
    expect(await handle.write('hello world')).toMatchObject({ bytesWritten: 11 });
    expect(await handle.write(Buffer.from('HE'), 0, 2, 0)).toMatchObject({ bytesWritten: 2 });
    expect(await handle.writev([Buffer.from('!'), Buffer.from('?')])).toMatchObject({ bytesWritten: 2 });
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(5), 0, 5, 0);
    expect([bytesRead, buffer.toString()]).toEqual([5, 'HEllo']);
    expect((await handle.read({ position: 6 })).buffer.toString('utf8', 0, 7)).toBe('world!?');
    const parts = [Buffer.alloc(1), Buffer.alloc(2)];
    expect((await handle.readv(parts, 0)).bytesRead).toBe(3);
    await handle.truncate(5);
    await handle.chmod(0o640);
    await handle.utimes(1, 2);
    await handle.sync();
    await handle.datasync();
    expect(await handle.stat()).toMatchObject({ size: 5, mode: 0o100640, mtimeMs: 2000 });
    expect((await handle.stat({ bigint: true })).size).toBe(5n);
    await fs.promises.writeFile(handle, ' by handle');
    expect(fs.readFileSync('/f', 'latin1')).toBe(`HEllo${'\0'.repeat(8)} by handle`);
    await handle.close();
    await handle.close();
    expect([handle.fd, closed]).toEqual([-1, 1]);
    await expect(handle.stat()).rejects.toMatchObject({ code: 'EBADF', syscall: 'fstat' });
    fixture.machine.shutdown();
  });

  it('reads and writes whole files, pieces, lines and streams', async () => {
    await fs.promises.writeFile(
      '/f',
      (function* () {
        yield 'one\n';
        yield Buffer.from('two\n');
      })(),
    );
    const appended = await fs.promises.open('/f', 'a');
    await appended.appendFile('three\n');
    await appended.close();
    const handle = await fs.promises.open('/f');
    const closed = once(handle as unknown as EventEmitter, 'close');
    const lines: string[] = [];
    for await (const line of handle.readLines()) lines.push(line);
    expect(lines).toEqual(['one', 'two', 'three']);
    await closed;
    expect(handle.fd).toBe(-1);
    const again = await fs.promises.open('/f');
    expect(await again.readFile('utf8')).toBe('one\ntwo\nthree\n');
    await again.close();
    await expect(fs.promises.readFile('/f', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
    });
  });
});

describe('streams', () => {
  it('are Node’s own over the machine', async () => {
    const fixture = new Fixture();
    const fs = createNodeFs(fixture.sys);
    const content = Buffer.alloc(300_000, 'abcdefghij');
    fs.writeFileSync('/from', content);
    await pipeline(fs.createReadStream('/from'), fs.createWriteStream('/to', { mode: 0o600 }));
    expect(fs.readFileSync('/to').equals(content)).toBe(true);
    expect(fs.statSync('/to').mode).toBe(0o100600);
    const chunks: unknown[] = [];
    const part = fs.createReadStream('/from', { start: 5, end: 14, encoding: 'latin1', highWaterMark: 4 });
    const closed = once(part, 'close');
    for await (const chunk of part) chunks.push(chunk);
    await closed;
    expect(chunks).toEqual(['fghi', 'jabc', 'de']);
    const failing = fs.createReadStream('/nope');
    await expect(new Promise((_resolve, reject) => failing.on('error', reject))).rejects.toMatchObject({ code: 'ENOENT', path: '/nope' });
    fixture.machine.shutdown();
  });
});

describe('folders', () => {
  it('can be read name by name', async () => {
    const fs = createNodeFs(new Fixture().sys);
    fs.mkdirSync('/d/sub', { recursive: true });
    fs.writeFileSync('/d/f', '');
    const names: string[] = [];
    for await (const entry of await fs.promises.opendir('/d')) names.push(`${entry.name}${entry.isDirectory() ? '/' : ''}`);
    expect(names).toEqual(['f', 'sub/']);
    const dir = fs.opendirSync('/d');
    expect([dir.readSync()?.name, (await dir.read())?.name, dir.readSync()]).toEqual(['f', 'sub', null]);
    dir.closeSync();
    expect(() => dir.readSync()).toThrow('closed');
    expect(() => fs.opendirSync('/nope')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('are copied with filters that answer later', async () => {
    const fs = createNodeFs(new Fixture().sys);
    fs.mkdirSync('/d/sub', { recursive: true });
    fs.writeFileSync('/d/f', 'x');
    await fs.promises.cp('/d', '/e', { recursive: true, filter: async (from) => !from.endsWith('sub') });
    expect(fs.readdirSync('/e')).toEqual(['f']);
    const names = ['/t-', '/t-'].map((prefix) => fs.mkdtempSync(prefix));
    expect(names).toEqual(['/t-000000', '/t-000001']);
  });
});
