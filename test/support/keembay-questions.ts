import { type AnyRequest, IO } from '../../src/abi/index.ts';
import * as uapi from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot, keembay } from '../../src/index.ts';

const record = (vpu_addr: number, size: number) => new Uint8Array(Uint32Array.of(vpu_addr, size).buffer);
const chan = (chan_id: number, node_id = 1) => ({ chan_id, node_id });

/** Asks what test/native/programs/keembay.c asks, in its order and words, in process. @returns its lines */
export function askKeembay(): string[] {
  const machine = boot(keembay());
  const lines = ask(machine);
  machine.shutdown();
  return lines;
}

function ask({ sys }: BootedMachine): string[] {
  const lines: string[] = [];
  const say = (question: string, call: () => unknown) => {
    let answer: unknown;
    try {
      const result = call();
      answer = typeof result === 'number' ? result : 0;
    } catch (error) {
      answer = (error as { code: string }).code;
    }
    lines.push(`${question}: ${answer}`);
  };
  const fd = sys.open('/dev/keembay-ipc', uapi.O_RDWR);
  const on = (request: AnyRequest, argument: object) => () => sys.ioctl(fd, request, argument as never);
  const send = (id: number, vpu_addr: number, size: number, flags = 0) => on(uapi.KEEMBAY_IPC_SEND, { ...chan(id), flags, vpu_addr, size });
  const receive = (id: number, timeout_ms: number) => () => {
    const { vpu_addr, size } = sys.ioctl(fd, uapi.KEEMBAY_IPC_RECV, { ...chan(id), timeout_ms });
    return vpu_addr + size;
  };
  const polled = (events: number, timeout_ms: number) => () => sys.poll([{ fd, events }], timeout_ms)[0];

  say('open 20', on(uapi.KEEMBAY_IPC_OPEN_CHANNEL, chan(20)));
  say('open 20 again', on(uapi.KEEMBAY_IPC_OPEN_CHANNEL, chan(20)));
  say('open 1024', on(uapi.KEEMBAY_IPC_OPEN_CHANNEL, chan(1024)));
  say('open of node 0', on(uapi.KEEMBAY_IPC_OPEN_CHANNEL, chan(21, 0)));
  say('close of a closed one', on(uapi.KEEMBAY_IPC_CLOSE_CHANNEL, chan(21)));
  say('send to a closed one', send(21, 1, 1));
  say('send with a flag', send(20, 1, 1, 1));
  say('receive of nothing', receive(20, 0));
  say('receive of nothing for 20 ms', receive(20, 20));
  say('receive from a closed one', receive(21, 0));
  say('unknown request', () => sys.ioctl(fd, IO(0xe7, 99).number, 0));
  say('bad address', () => sys.ioctl(fd, uapi.KEEMBAY_IPC_SEND.number, 8));

  say('send', send(20, 1000, 24));
  say('receive', receive(20, uapi.KEEMBAY_IPC_FOREVER));
  say('write unbound', () => sys.write(fd, record(3, 4)));
  say('bind', on(uapi.KEEMBAY_IPC_BIND, chan(20)));
  say('write', () => sys.write(fd, record(3, 4)));
  say('write of too much', () => sys.write(fd, '123456789'));
  say('poll', polled(uapi.POLLIN, 1000));
  let read = new Uint8Array();
  say('read', () => {
    read = sys.read(fd, 8).slice();
    return read.length;
  });
  const [address, size] = new Uint32Array(read.buffer);
  say('  address', () => address);
  say('  size', () => size);
  say('read of too little', () => sys.read(fd, 7));
  say('poll for room', polled(uapi.POLLIN | uapi.POLLOUT, 0));
  sys.fcntl(fd, uapi.F_SETFL, uapi.O_NONBLOCK);
  say('read without waiting', () => sys.read(fd, 8));
  say('seek', () => sys.lseek(fd, 0, 0));

  const heap = sys.open('/dev/dma_heap/payload', uapi.O_RDONLY);
  let buffer = -1;
  let imported = { vpu_addr: 0, handle: 0 };
  say('allocate', () => {
    buffer = sys.ioctl(heap, uapi.DMA_HEAP_IOCTL_ALLOC, { len: 8192, fd_flags: uapi.O_RDWR | uapi.O_CLOEXEC }).fd;
  });
  say('import', () => {
    imported = sys.ioctl(fd, uapi.KEEMBAY_IPC_DMABUF_IMPORT, { fd: buffer, offset: 64 });
  });
  say('  address', () => imported.vpu_addr);
  say('release', on(uapi.KEEMBAY_IPC_DMABUF_RELEASE, { handle: imported.handle }));
  say('release again', on(uapi.KEEMBAY_IPC_DMABUF_RELEASE, { handle: imported.handle }));
  say('import of no buffer', on(uapi.KEEMBAY_IPC_DMABUF_IMPORT, { fd: heap, offset: 64 }));
  sys.close(buffer);
  sys.close(heap);

  say('info', on(uapi.KEEMBAY_IPC_GET_INFO, {}));
  const info = sys.ioctl(fd, uapi.KEEMBAY_IPC_GET_INFO);
  say('  packets', () => info.pool_slots);
  say('  local region', () => info.local_vpu_addr);
  say('statistics', on(uapi.KEEMBAY_IPC_GET_STATS, {}));
  const stats = sys.ioctl(fd, uapi.KEEMBAY_IPC_GET_STATS);
  say('  sent', () => stats.tx_ok);
  say('  received', () => stats.rx_ok);
  say('peek', on(uapi.KEEMBAY_IPC_PEEK_PACKET, { index: 0 }));
  const peek = sys.ioctl(fd, uapi.KEEMBAY_IPC_PEEK_PACKET, { index: 0 });
  say('  channel', () => peek.channel);
  say('  generation', () => peek.generation);
  sys.nanosleep(20e6);
  const bitmap = sys.allocate(4096);
  const scanned = sys.ioctl(fd, uapi.KEEMBAY_IPC_POOL_SCAN, { count: 10, bitmap: bitmap.address });
  say('scan', () => 0);
  say('  in use', () => scanned.n_allocated);
  say('  bitmap', () => (bitmap.bytes[0] as number) | ((bitmap.bytes[1] as number) << 8));
  sys.free(bitmap);
  say('peek beyond', on(uapi.KEEMBAY_IPC_PEEK_PACKET, { index: 1 << 20 }));
  say('close', on(uapi.KEEMBAY_IPC_CLOSE_CHANNEL, chan(20)));
  say('poll of a closed one', polled(uapi.POLLIN, 0));
  sys.close(fd);
  return lines;
}
