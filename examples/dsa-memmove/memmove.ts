import type { Kernel, Sys } from 'ioctopus';
import { DSA_OPCODE_MEMMOVE, IDXD_OP_FLAG_CRAV, IDXD_OP_FLAG_RCR, MAP_POPULATE, MAP_SHARED, O_RDWR, PROT_WRITE } from 'ioctopus/uapi';

const SIZE = 20_000;
const TRIES = 3;
const DESCRIPTOR = 64;
/** Where in the program's memory what is. */
const [RECORD, SOURCE, DESTINATION] = [0, 0x1000, 0x6000];

/** The same as memmove.c: moves memory by an accelerator, as dsa_test of accel-config does. @returns the status, and whether all arrived */
export function* memmove(sys: Sys<'task'>, isDedicated = false): Kernel<{ status: number; isMoved: boolean }> {
  const fd = yield* sys.open(isDedicated ? '/dev/dsa/wq0.1' : '/dev/dsa/wq0.0', O_RDWR);
  const portal = yield* sys.mmap(fd, { length: 4096, prot: PROT_WRITE, flags: MAP_SHARED | MAP_POPULATE });
  const memory = sys.allocate(0xb000);
  const source = Uint8Array.from({ length: SIZE }, (_, at) => Number((0x0123456789abcdefn >> BigInt((at % 8) * 8)) & 0xffn));
  sys.poke(memory.address + SOURCE, source);

  const descriptor = new DataView(new ArrayBuffer(DESCRIPTOR));
  descriptor.setUint32(4, (DSA_OPCODE_MEMMOVE << 24) | IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR, true);
  descriptor.setBigUint64(8, BigInt(memory.address + RECORD), true);
  descriptor.setBigUint64(16, BigInt(memory.address + SOURCE), true);
  descriptor.setBigUint64(24, BigInt(memory.address + DESTINATION), true);
  descriptor.setUint32(32, SIZE, true);
  const bytes = new Uint8Array(descriptor.buffer);

  if (isDedicated) yield* sys.movdir64b(portal.address, bytes);
  else
    for (let tries = 0; !(yield* sys.enqcmd(portal.address, bytes)); tries++) if (tries === TRIES) throw new Error('the queue stays full');
  while (sys.peek(memory.address + RECORD, 1)[0] === 0) yield* sys.nanosleep(1_000_000);

  const status = sys.peek(memory.address + RECORD, 1)[0] as number;
  const isMoved = Buffer.compare(sys.peek(memory.address + DESTINATION, SIZE), source) === 0;
  yield* sys.munmap(portal);
  yield* sys.close(fd);
  return { status, isMoved };
}
