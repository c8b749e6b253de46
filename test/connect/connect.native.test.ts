import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DMA_HEAP_IOCTL_ALLOC,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  POLLIN,
  POLLOUT,
} from '../../src/abi/uapi/index.ts';
import { ConnectServer } from '../../src/doors/connect/index.ts';
import { connect, generic, type RemoteMachine, type RemoteSys } from '../../src/index.ts';
import { hasCompiler, temporaryFolder } from '../support/compiler.ts';
import loopback, { PENDING } from '../support/loopback-board.ts';
import { type Held, NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';

const folder = temporaryFolder();
const path = join(folder, 'socket');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

const board = {
  name: 'both',
  description: 'a heap and a loop',
  setUp(machine: Parameters<typeof loopback.setUp>[0]) {
    generic().setUp(machine);
    loopback.setUp(machine);
  },
};

describe.skipIf(!hasCompiler)('a machine that another process serves', () => {
  let programs: NativeServer;
  let server: ConnectServer;
  let machine: RemoteMachine;
  let sys: RemoteSys;
  let before: Held;

  const listen = () =>
    new ConnectServer({
      addon: programs.addon,
      machine: programs.machine,
      pacer: programs.pacer,
      programs: programs.server,
      library: '',
      path,
    });

  beforeAll(() => {
    programs = new NativeServer(board);
    server = listen();
  });

  afterAll(() => {
    server.close();
    programs.close();
    expect(programs.complaints).toEqual([]);
  });

  beforeEach(async () => {
    await programs.turn();
    before = programs.held();
    machine = await connect(path);
    ({ sys } = machine);
  });

  afterEach(async () => {
    await machine.close();
    expect(server.sessions).toBe(0);
    await programs.turn();
    expect(programs.held()).toEqual(before);
  });

  /** Waits until so many calls wait on the machine. */
  async function waiting(count: number): Promise<void> {
    while (programs.machine.system.scheduler.describeWaiting().length < count) await sys.getcwd();
  }

  test('its calls are those of a task', async () => {
    const fd = await sys.open('/dev/loop', O_RDWR);
    expect(await sys.write(fd, 'hello')).toBe(5);
    expect(await sys.ioctl(fd, PENDING)).toBe(1);
    expect(await sys.poll([{ fd, events: POLLIN | POLLOUT }], 0)).toEqual([POLLIN | POLLOUT]);
    const copy = await sys.dup(fd);
    await sys.close(fd);
    expect(await sys.read(copy, 100)).toEqual(Uint8Array.from(Buffer.from('hello')));
    expect((await sys.stat('/dev/loop')).mode & 0o7777).toBe(0o660);
    expect(await sys.readlink('/proc/self')).toBe(`${process.pid}`);
    await sys.mkdir('/work');
    await sys.chdir('/work');
    expect(await sys.getcwd()).toBe('/work');
    await sys.rmdir('/work');
  });

  test('structs, strings and memory cross the connection', async () => {
    const heap = await sys.open('/dev/dma_heap/system', O_RDWR);
    const { fd } = await sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 8192, fd_flags: O_RDWR });
    expect(await sys.ioctl(fd, DMA_BUF_SET_NAME, 'pixels')).toBe(0);
    expect(await sys.fdinfo(fd)).toContain('name:\tpixels\n');
    const pixels = await sys.mmap(fd, { length: 8192 });
    expect(await sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW })).toBe(0);
    await pixels.write(4094, Uint8Array.of(1, 2, 3, 4));
    expect(await sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW })).toBe(0);
    const again = await sys.mmap(fd, { length: 8192 });
    expect([...(await again.read(4093, 6))]).toEqual([0, 1, 2, 3, 4, 0]);
    expect((await again.read()).length).toBe(8192);
    await expect(pixels.read(8190, 4)).rejects.toMatchObject({ code: 'EFAULT' });
    await sys.munmap(again);
    await expect(again.read(0, 1)).rejects.toMatchObject({ code: 'EFAULT', syscall: 'peek' });
    const memory = await sys.allocate(16);
    await memory.write(0, Buffer.from('by address'));
    const loop = await sys.open('/dev/loop', O_RDWR);
    expect(await sys.writev(loop, [{ address: memory.address + 3, length: 7 }])).toBe(7);
    expect(text(await sys.read(loop, 16))).toBe('address');
    await sys.free(memory);
  });

  test('what fails is an Errno that names the call, with the stack of who called', async () => {
    const failure = await sys.open('/dev/nothing').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ENOENT', errno: 2, syscall: 'open', message: 'ENOENT: there is no nothing in /dev' });
    expect((failure as Error).stack).toContain('connect.native.test.ts');
    await expect(sys.ioctl(99, DMA_BUF_IOCTL_SYNC, { flags: 0 })).rejects.toMatchObject({ code: 'EBADF', syscall: 'ioctl' });
  });

  test('a call that waits holds up no other, and another connection can end its wait', async () => {
    const fd = await sys.open('/dev/loop', O_RDWR);
    const reads = [sys.read(fd, 8), sys.read(fd, 8)];
    await waiting(2);
    const other = await connect(path);
    const end = await other.sys.open('/dev/loop', O_RDWR);
    await other.sys.write(end, 'one');
    await other.sys.write(end, 'two');
    expect((await Promise.all(reads)).map(text).sort()).toEqual(['one', 'two']);
    await other.close();
  });

  test('calls begin in the order in which they were made', async () => {
    const fd = await sys.open('/dev/loop', O_RDWR);
    const words = Array.from({ length: 50 }, (_, index) => `word ${index}`);
    const written = words.map((word) => sys.write(fd, word));
    const read = words.map(() => sys.read(fd, 16));
    await Promise.all(written);
    expect((await Promise.all(read)).map(text)).toEqual(words);
  });

  test('an AbortSignal cuts a call that waits: EINTR, and nothing is taken', async () => {
    const fd = await sys.open('/dev/loop', O_RDWR);
    const cut = new AbortController();
    const read = sys.cutBy(cut.signal).read(fd, 8);
    await waiting(1);
    cut.abort();
    await expect(read).rejects.toMatchObject({ code: 'EINTR', syscall: 'read' });
    await sys.write(fd, 'kept');
    expect(text(await sys.read(fd, 8))).toBe('kept');
    await expect(sys.cutBy(cut.signal).read(fd, 8)).rejects.toMatchObject({ code: 'EINTR' });
  });

  test('one that came too late cuts no other call', async () => {
    const fd = await sys.open('/dev/loop', O_RDWR | O_NONBLOCK);
    const cut = new AbortController();
    const quick = sys.cutBy(cut.signal).fcntl(fd, 3);
    cut.abort();
    expect(await quick).toBeGreaterThanOrEqual(0);
    await sys.fcntl(fd, 4, O_RDWR);
    const read = sys.read(fd, 8);
    await waiting(1);
    await sys.write(fd, 'whole');
    expect(text(await read)).toBe('whole');
  });

  test('closing releases what it held, calls that wait included', async () => {
    const heap = await sys.open('/dev/dma_heap/system', O_RDWR);
    const { fd } = await sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 2 ** 20, fd_flags: O_RDWR });
    await sys.mmap(fd, { length: 2 ** 20 });
    const loop = await sys.open('/dev/loop', O_RDONLY);
    const read = sys.read(loop, 1).catch((error: unknown) => error);
    await waiting(1);
    expect(programs.held().objects.length).toBeGreaterThan(before.objects.length + 3);
    await machine.close();
    expect(await read).toMatchObject({ code: 'ENODEV' });
    await expect(sys.getcwd()).rejects.toMatchObject({ code: 'ENODEV', syscall: 'getcwd' });
    expect(programs.machine.ram.freeBytes).toBe(programs.machine.ram.size);
  });

  test('so does the death of its process', async () => {
    const script = `import { connect } from 'ioctopus';
      const { sys } = await connect(process.argv[1]);
      await sys.open('/dev/loop');
      console.log('open');
      await sys.read(0, 1);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await waiting(1);
    child.kill('SIGKILL');
    await once(child, 'close');
    while (server.sessions > 1) await programs.turn();
    expect(programs.held().coroutines).toBe(0);
  });

  test('what a native program has let go is known before the next call, whatever the event loop does first', async () => {
    const { child, ended } = programs.start(['sh', '-c', 'exec 3</dev/dma_heap/system; echo open; read x'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const objects = () => programs.held().objects.filter((object) => object.startsWith('file'));
    const open = objects().length;
    child.kill('SIGKILL');
    while (!/\) Z /.test(readFileSync(`/proc/${child.pid}/stat`, 'latin1')));
    expect(objects().length).toBe(open);
    programs.server.settle();
    expect(objects().length).toBe(open - 1);
    expect(await ended).toMatchObject({ signal: 'SIGKILL' });
  });

  test('a peer that breaks the rules loses its connection, and spoils no other', async () => {
    const hello = '{"version":1,"purpose":"calls"}';
    const framed = (json: string) => {
      const header = Buffer.alloc(8);
      header.writeUInt32LE(json.length + 4, 0);
      header.writeUInt32LE(json.length, 4);
      return Buffer.concat([header, Buffer.from(json)]);
    };
    const refused = [
      Buffer.from('GET / HTTP/1.0\r\n\r\n'),
      framed('null'),
      framed('{"version":0,"purpose":"calls"}'),
      Buffer.concat([framed(hello), framed('null')]),
      Buffer.concat([framed(hello), framed('{"id":"x"}')]),
      Buffer.concat([framed('{"version":1,"purpose":"launcher"}'), framed('{"id":1,"name":"open","args":["/"]}')]),
      Buffer.concat([framed('{"version":1,"purpose":"mount"}'), framed('{"id":1,"name":"open","args":[{}]}')]),
    ];
    for (const bytes of refused) {
      const socket = createConnection(path);
      socket.on('error', () => {});
      const closed = once(socket, 'close');
      socket.resume();
      socket.write(bytes);
      await closed;
    }
    expect(await sys.getcwd()).toBe('/');
  });

  test('other users cannot connect', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    if (process.getuid?.() !== 0) return;
    chmodSync(folder, 0o755);
    const script = `require('net').connect(${JSON.stringify(path)}).on('error', ({ code }) => console.log(code))`;
    const child = spawn(process.execPath, ['-e', script], { uid: 65534, gid: 65534, stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(child, 'close');
    expect(`${(await once(child.stdout, 'data'))[0]}`).toBe('EACCES\n');
    await closed;
  });

  test('when the server ends, what waits and what comes later is ENODEV', async () => {
    const fd = await sys.open('/dev/loop', O_RDWR);
    const read = sys.read(fd, 1).catch((error: unknown) => error);
    await waiting(1);
    server.close();
    expect(await read).toMatchObject({ code: 'ENODEV', syscall: 'read' });
    expect(await machine.ended).toMatch(/gone|closed|reset/);
    await expect(sys.getcwd()).rejects.toMatchObject({ code: 'ENODEV' });
    expect(existsSync(path)).toBe(false);
    await expect(connect(path)).rejects.toMatchObject({ code: 'ENOENT' });
    server = listen();
  });
});
