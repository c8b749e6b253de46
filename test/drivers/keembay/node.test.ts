import { describe, expect, test } from 'vitest';
import {
  DMA_HEAP_IOCTL_ALLOC,
  KEEMBAY_IPC_BIND,
  KEEMBAY_IPC_CLEAR_STATS,
  KEEMBAY_IPC_CLOSE_CHANNEL,
  KEEMBAY_IPC_DMABUF_IMPORT,
  KEEMBAY_IPC_DMABUF_RELEASE,
  KEEMBAY_IPC_FOREVER,
  KEEMBAY_IPC_GET_INFO,
  KEEMBAY_IPC_GET_STATS,
  KEEMBAY_IPC_OPEN_CHANNEL,
  KEEMBAY_IPC_PEEK_PACKET,
  KEEMBAY_IPC_POOL_SCAN,
  KEEMBAY_IPC_RECV,
  KEEMBAY_IPC_SEND,
  KEEMBAY_IPC_UNBIND,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
} from '../../../src/abi/uapi/index.ts';
import { echo } from '../../../src/hardware/keembay/index.ts';
import type { KeembayOptions } from '../../../src/index.ts';
import { bootKeembay, errnoOf, LOCAL, REMOTE, rulesOf, shutDown, VPU } from './fixture.ts';

const NODE = '/dev/keembay-ipc';
const chan = (chan_id: number) => ({ chan_id, node_id: VPU });
const record = (vpu_addr: number, size: number) => new Uint8Array(Uint32Array.of(vpu_addr, size).buffer);

/** A board, and a file that has opened and bound channel 20. */
function openNode(options: KeembayOptions = {}) {
  const setup = bootKeembay(options);
  const { sys } = setup.machine;
  const fd = sys.open(NODE, O_RDWR);
  sys.ioctl(fd, KEEMBAY_IPC_OPEN_CHANNEL, chan(20));
  sys.ioctl(fd, KEEMBAY_IPC_BIND, chan(20));
  const pollOf = (events: number) => sys.poll([{ fd, events }], 0)[0];
  return { ...setup, sys, fd, pollOf };
}

/** A buffer of contiguous memory. */
function allocate({ sys }: ReturnType<typeof openNode>, heap = 'payload', len = 8192): number {
  const file = sys.open(`/dev/dma_heap/${heap}`, O_RDONLY);
  const { fd } = sys.ioctl(file, DMA_HEAP_IOCTL_ALLOC, { len, fd_flags: O_RDWR });
  sys.close(file);
  return fd;
}

describe('/dev/keembay-ipc', () => {
  test('sends messages, and receives what the firmware sends back', () => {
    const { sys, fd } = openNode({ firmware: echo });
    sys.ioctl(fd, KEEMBAY_IPC_SEND, { ...chan(20), vpu_addr: 0x90000040, size: 256 });
    const message = sys.ioctl(fd, KEEMBAY_IPC_RECV, { ...chan(20), timeout_ms: KEEMBAY_IPC_FOREVER });
    expect(message).toMatchObject({ vpu_addr: 0x90000040, size: 256 });
    expect(sys.write(fd, record(7, 8))).toBe(8);
    expect(sys.read(fd, 100)).toEqual(record(7, 8));
    sys.close(fd);
  });

  test('reserved fields must be 0', () => {
    const { sys, fd } = openNode();
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_OPEN_CHANNEL, { ...chan(5), reserved: 1 }))).toBe('EINVAL');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_CLOSE_CHANNEL, { ...chan(5), reserved: 1 }))).toBe('EINVAL');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_SEND, { ...chan(5), flags: 1 }))).toBe('EINVAL');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_RECV, { ...chan(5), reserved: 1 }))).toBe('EINVAL');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_RECV, chan(5)))).toBe('ENOENT');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, { handle: 1, flags: 2 }))).toBe('EINVAL');
    expect(errnoOf(() => sys.ioctl(fd, 0x4004e7ff, 0))).toBe('ENOTTY');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_SEND.number, 8))).toBe('EFAULT');
    expect(errnoOf(() => sys.lseek(fd, 0, 0))).toBe('ESPIPE');
    sys.close(fd);
  });

  test('read, write and poll are about the channel that is bound', () => {
    const { sys, fd, firmware, pollOf, pass } = openNode();
    sys.ioctl(fd, KEEMBAY_IPC_UNBIND);
    expect(errnoOf(() => sys.read(fd, 8))).toBe('ENOTCONN');
    expect(errnoOf(() => sys.write(fd, record(0, 0)))).toBe('ENOTCONN');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_BIND, chan(1024)))).toBe('EINVAL');
    sys.ioctl(fd, KEEMBAY_IPC_BIND, chan(20));
    expect(errnoOf(() => sys.read(fd, 7))).toBe('EINVAL');
    expect(errnoOf(() => sys.write(fd, new Uint8Array(9)))).toBe('EINVAL');
    expect(pollOf(POLLIN)).toBe(0);
    firmware.trySend({ channel: 20, dataAddr: 3, dataSize: 4 });
    pass(1e6);
    expect(pollOf(POLLIN)).toBe(POLLIN);
    expect(sys.read(fd, 8)).toEqual(record(3, 4));
    sys.fcntl(fd, 4, O_NONBLOCK);
    expect(errnoOf(() => sys.read(fd, 8))).toBe('EAGAIN');
    sys.ioctl(fd, KEEMBAY_IPC_CLOSE_CHANNEL, chan(20));
    expect(pollOf(POLLIN)).toBe(POLLHUP);
    expect(errnoOf(() => sys.read(fd, 8))).toBe('ENOENT');
    sys.close(fd);
  });

  test('a message wakes who polls, and closing does', () => {
    const { machine, sys, fd, firmware, pass } = openNode();
    const poller = () =>
      machine.spawn(function* (own) {
        const mine = yield* own.open(NODE, O_RDWR);
        yield* own.ioctl(mine, KEEMBAY_IPC_BIND, chan(20));
        const [entry] = yield* own.poll([{ fd: mine, events: POLLIN }], -1);
        return entry;
      });
    const first = poller();
    pass(1000);
    firmware.trySend({ channel: 20, dataAddr: 3, dataSize: 4 });
    pass(1e6);
    expect(first.result()).toBe(POLLIN);
    sys.read(fd, 8);
    const second = poller();
    pass(1000);
    sys.close(fd);
    pass(1000);
    expect(second.result()).toBe(POLLHUP);
  });

  test('channels close with the file that opened them, unless the board says otherwise', () => {
    const { sys, fd, ipc } = openNode();
    sys.close(fd);
    expect(ipc.channels.at(20)).toBeUndefined();
    const kept = openNode({ closeOnRelease: false });
    kept.sys.close(kept.fd);
    expect(kept.ipc.channels.at(20)).toBeDefined();
  });

  test('says what the link is, and what has happened', () => {
    const { sys, fd, firmware } = openNode();
    expect(sys.ioctl(fd, KEEMBAY_IPC_GET_INFO)).toMatchObject({
      version: 1,
      remote_node: 1,
      design: 0,
      max_channels: 1024,
      num_hs: 10,
      packet_size: 64,
      fifo_depth: 128,
      local_vpu_addr: LOCAL,
      remote_vpu_addr: REMOTE,
      pool_slots: 1024,
      rx_ring_len: 256,
      cpu_fifo_phys: 0x203300f0,
      vpu_state: 2,
    });
    for (let i = 0; i < 3; i++) sys.write(fd, record(i, i));
    const taken = firmware.pop();
    if (taken !== undefined) firmware.free(taken);
    firmware.pop();
    const bitmap = sys.allocate(4096);
    const scan = { pool: 0, first: 0, count: 10, bitmap: bitmap.address };
    expect(sys.ioctl(fd, KEEMBAY_IPC_POOL_SCAN, scan)).toMatchObject({ n_allocated: 2, n_free: 8 });
    expect([...bitmap.bytes.subarray(0, 3)]).toEqual([0b110, 0, 0]);
    sys.free(bitmap);
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_POOL_SCAN, { ...scan, first: 1020 }))).toBe('EINVAL');
    expect(sys.ioctl(fd, KEEMBAY_IPC_PEEK_PACKET, { index: 0 })).toMatchObject({ status: 0, true_owner: 0, generation: 1 });
    expect(sys.ioctl(fd, KEEMBAY_IPC_PEEK_PACKET, { index: 1 })).toMatchObject({
      status: 1,
      true_owner: 2,
      channel: 20,
      dst: 1,
      data_addr: 1,
    });
    expect(sys.ioctl(fd, KEEMBAY_IPC_PEEK_PACKET, { index: 2 })).toMatchObject({ status: 1, true_owner: 1 });
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_PEEK_PACKET, { index: 1024 }))).toBe('EINVAL');
    const stats = sys.ioctl(fd, KEEMBAY_IPC_GET_STATS);
    expect(stats).toMatchObject({ tx_ok: 3, slots_allocated_now: 2, silent_frees: 1, scan_steps_total: 3, fifo_high_water: 3 * 2 ** 32 });
    sys.ioctl(fd, KEEMBAY_IPC_CLEAR_STATS);
    const cleared = { tx_ok: 0, scan_steps_total: 0, silent_frees: 0, slots_allocated_now: 2 };
    // One word is in the FIFO still.
    expect(sys.ioctl(fd, KEEMBAY_IPC_GET_STATS)).toMatchObject({ ...cleared, fifo_high_water: 2 ** 32 });
    sys.close(fd);
  });

  test('says in debugfs what the statistics have no place for', () => {
    const { sys, fd, firmware, pass } = openNode({ poolSlots: 2 });
    for (let i = 0; i < 2; i++) sys.write(fd, record(i, i));
    expect(errnoOf(() => sys.write(fd, record(0, 0)))).toBe('ENOMEM');
    pass(3e6);
    for (let i = 0; i < 2; i++) firmware.free(firmware.pop() ?? { slot: undefined });
    pass(5e6);
    sys.write(fd, record(3, 3));
    const file = sys.open('/sys/kernel/debug/keembay-ipc/observations', O_RDONLY);
    const lines = Buffer.from(sys.read(file, 4096)).toString().trimEnd().split('\n');
    sys.close(file);
    const seen = Object.fromEntries(lines.map((line) => [line.split(' ')[0], line.split(' ').slice(1).join(' ')]));
    expect(seen).toMatchObject({
      allocated_max: '2',
      early_reuses: '0',
      exhausted: '1',
      exhausted_ns: '8000000',
      refused_by_channel: '20:1',
      discovery: '1us:0 10us:0 100us:0 1ms:0 10ms:1 100ms:0 1s:0 more:0',
      overflows_by_processor: '',
      irqs: '0',
      buffers: '0',
    });
    expect(seen.sent_by_queue).toBe('0:0 1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:3');
    sys.close(fd);
  });

  test('files that are open when the driver goes say ENODEV', () => {
    const { sys, fd, machine, pollOf, pass, start, remove } = openNode();
    const reader = machine.spawn(function* (own) {
      const mine = yield* own.open(NODE, O_RDWR);
      yield* own.ioctl(mine, KEEMBAY_IPC_BIND, chan(20));
      yield* own.read(mine, 8);
    });
    pass(1000);
    start(remove());
    pass(1000);
    expect(errnoOf(() => reader.result())).toBe('EPIPE');
    expect(errnoOf(() => sys.read(fd, 8))).toBe('ENODEV');
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_GET_INFO))).toBe('ENODEV');
    expect(pollOf(POLLIN)).toBe(POLLERR | POLLHUP);
    expect(errnoOf(() => sys.open(NODE, O_RDWR))).toBe('ENOENT');
    sys.close(fd);
  });
});

describe('polling for room', () => {
  /** Fills a pool of 64 packets, polls for POLLOUT, and frees one a millisecond later. @returns what the poller got */
  function pollForRoom(options: KeembayOptions) {
    const setup = openNode({ regionSize: 4096, ...options });
    const { sys, fd, machine, firmware, pollOf, pass } = setup;
    expect(pollOf(POLLOUT)).toBe(POLLOUT);
    for (let i = 0; i < 64; i++) sys.write(fd, record(i, i));
    expect(errnoOf(() => sys.write(fd, record(0, 0)))).toBe('ENOMEM');
    expect(pollOf(POLLOUT)).toBe(0);
    const poller = machine.spawn(function* (own) {
      const mine = yield* own.open(NODE, O_RDWR);
      const [entry] = yield* own.poll([{ fd: mine, events: POLLOUT }], 1000);
      return entry;
    });
    pass(1e6);
    const taken = firmware.pop();
    if (taken !== undefined) firmware.free(taken);
    pass(500e6);
    const sleeping = machine.system.scheduler.describeWaiting().some((line) => line.includes('in poll'));
    pass(1e9);
    sys.close(fd);
    return { sleeping, revents: poller.result() };
  }

  test('nobody is told of a free packet', () => {
    expect(pollForRoom({})).toEqual({ sleeping: true, revents: POLLOUT });
  });

  test('a timer of the poller finds it', () => {
    expect(pollForRoom({ freeNotify: { by: 'poll-timer', period_ns: 10e6 } })).toEqual({ sleeping: false, revents: POLLOUT });
  });

  test('an interrupt would tell', () => {
    expect(pollForRoom({ freeNotify: { by: 'irq' } })).toEqual({ sleeping: false, revents: POLLOUT });
  });
});

describe('payloads', () => {
  test('are buffers of contiguous memory, which the VPU reads and writes', () => {
    const setup = openNode();
    const { sys, fd, firmware } = setup;
    const buffer = allocate(setup);
    const { vpu_addr, handle } = sys.ioctl(fd, KEEMBAY_IPC_DMABUF_IMPORT, { fd: buffer, offset: 64 });
    expect(vpu_addr).toBe(0x90000040);
    const mapping = sys.mmap(buffer, { length: 8192 });
    mapping.bytes.set([1, 2, 3], 64);
    expect([...firmware.readData(vpu_addr, 3)]).toEqual([1, 2, 3]);
    firmware.writeData(vpu_addr, Uint8Array.of(9));
    expect(mapping.bytes[64]).toBe(9);
    expect(sys.ioctl(fd, KEEMBAY_IPC_DMABUF_IMPORT, { fd: buffer })).toMatchObject({ vpu_addr: 0x90000000, handle });
    sys.ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, { handle });
    expect([...firmware.readData(vpu_addr, 1)]).toEqual([9]);
    sys.ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, { handle });
    expect(errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, { handle }))).toBe('EINVAL');
    sys.munmap(mapping);
    for (const open of [buffer, fd]) sys.close(open);
  });

  test('what cannot be imported', () => {
    const setup = openNode();
    const { sys, fd } = setup;
    const buffer = allocate(setup);
    const tryImport = (request: object) => errnoOf(() => sys.ioctl(fd, KEEMBAY_IPC_DMABUF_IMPORT, { fd: buffer, ...request }));
    expect(tryImport({ fd: 99 })).toBe('EBADF');
    expect(tryImport({ fd })).toBe('EINVAL');
    expect(tryImport({ access: 4 })).toBe('EINVAL');
    expect(tryImport({ offset: 32 })).toBe('EINVAL');
    expect(tryImport({ offset: 8192 })).toBe('EINVAL');
    expect(tryImport({ offset: 64, length: 8192 })).toBe('EINVAL');
    for (const open of [buffer, fd]) sys.close(open);
  });

  /** Sends a message about a buffer, lets the firmware hold its packet, and releases the import. */
  function releaseWhileHeld(payloadLifetime: 'eager' | 'deferred' | 'refuse') {
    const setup = openNode({ payloadLifetime });
    const { sys, fd, firmware } = setup;
    const buffer = allocate(setup);
    const { vpu_addr, handle } = sys.ioctl(fd, KEEMBAY_IPC_DMABUF_IMPORT, { fd: buffer });
    sys.close(buffer);
    sys.write(fd, record(vpu_addr, 8192));
    const packet = firmware.pop();
    if (packet === undefined) throw new Error('nothing was sent');
    const release = (flags = 0) => sys.ioctl(fd, KEEMBAY_IPC_DMABUF_RELEASE, { handle, flags });
    return { ...setup, packet, release, vpu_addr };
  }

  test('eager: the VPU loses the buffer at once', () => {
    const { machine, sys, fd, firmware, vpu_addr, release } = releaseWhileHeld('eager');
    machine.system.findings.expect('dma-outside-mapping');
    release();
    expect([...firmware.readData(vpu_addr, 2)]).toEqual([0xff, 0xff]);
    expect(rulesOf(machine)).toEqual(['dma-outside-mapping']);
    sys.close(fd);
  });

  test('deferred: it stays until a search sees the packet free', () => {
    const { machine, sys, fd, firmware, vpu_addr, packet, release } = releaseWhileHeld('deferred');
    release();
    expect([...firmware.readData(vpu_addr, 2)]).toEqual([0, 0]);
    firmware.free(packet);
    sys.write(fd, record(1, 1));
    expect(machine.system.ledger.count('attachment')).toBe(0);
    sys.close(fd);
  });

  test('deferred: nothing is left of a buffer whose packet was freed when nobody sends any more', () => {
    const { machine, sys, fd, firmware, packet, release } = releaseWhileHeld('deferred');
    release();
    firmware.free(packet);
    sys.close(fd);
    expect(machine.system.ledger.count('attachment')).toBe(1);
    shutDown(machine);
  });

  test('deferred: a buffer that a packet in use names is left', () => {
    const { machine, sys, fd, release } = releaseWhileHeld('deferred');
    release();
    sys.close(fd);
    expect(() => shutDown(machine)).toThrow(/left at shutdown:\n {2}file \/dmabuf:, made by ioctl/);
  });

  test('refuse: EBUSY while the packet is in use, unless forced', () => {
    const { machine, sys, fd, release } = releaseWhileHeld('refuse');
    expect(errnoOf(() => release())).toBe('EBUSY');
    release(1);
    expect(machine.system.ledger.count('attachment')).toBe(0);
    sys.close(fd);
  });
});
