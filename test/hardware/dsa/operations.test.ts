import { describe, expect, test } from 'vitest';
import * as uapi from '../../../src/abi/uapi/index.ts';
import { randomFrom } from '../../support/random.ts';
import { execute, FlatMemory, type Wanted } from './fixture.ts';
import { crc32c, delta, sealBlocks } from './reference.ts';

const ROUNDS = 24;
const [A, B, C] = [0x10000, 0x20000, 0x30000];

/** Random bytes everywhere, and a second buffer that differs from the first in a few places. */
function setUp(seed: number) {
  const random = { below: randomFrom(seed + 1) };
  const memory = new FlatMemory();
  for (let at = 0; at < memory.bytes.length; at++) memory.bytes[at] = random.below(256);
  const size = 1 + random.below(0x4000);
  const source = A + random.below(4096);
  const destination = B + random.below(4096);
  const take = (address: number, length: number) => memory.bytes.slice(address, address + length);
  /** What the operation must leave in memory. */
  const expectOnly = (before: Uint8Array, ...changes: readonly (readonly [number, Uint8Array])[]) => {
    const wanted = before.slice();
    for (const [address, bytes] of changes) wanted.set(bytes, address);
    expect(Buffer.compare(memory.bytes, wanted)).toBe(0);
  };
  return { random, memory, size, source, destination, take, expectOnly };
}

const rounds = Array.from({ length: ROUNDS }, (_, seed) => seed);

describe('operations equal a plain reference on random inputs', () => {
  test.each(rounds)('memmove, apart and overlapping (%i)', (seed) => {
    const { random, memory, size, source, take, expectOnly } = setUp(seed);
    const destination = seed % 2 === 0 ? B : source + random.below(2 * size) - size;
    const before = memory.bytes.slice();
    const moved = take(source, size);
    const { status, record } = execute(memory, { opcode: uapi.DSA_OPCODE_MEMMOVE, source, destination, size });
    expect(status).toBe(uapi.DSA_COMP_SUCCESS);
    expect(record.result).toBe(source < destination && destination < source + size ? 1 : 0);
    expectOnly(before, [destination, moved]);
  });

  test.each(rounds)('fill (%i)', (seed) => {
    const { memory, size, destination, take, expectOnly } = setUp(seed);
    const pattern = take(8, 8);
    const before = memory.bytes.slice();
    const fields = [[16, 8, new DataView(pattern.buffer).getBigUint64(0, true)]] as const;
    expect(execute(memory, { opcode: uapi.DSA_OPCODE_MEMFILL, destination, size, fields }).status).toBe(1);
    expectOnly(before, [destination, Uint8Array.from({ length: size }, (_, at) => pattern[at % 8] as number)]);
  });

  test.each(rounds)('compare (%i)', (seed) => {
    const { random, memory, size, source, destination, take } = setUp(seed);
    memory.bytes.set(take(source, size), destination);
    const at = random.below(size);
    const differs = seed % 3 !== 0;
    if (differs) memory.bytes[destination + at] = (memory.bytes[destination + at] as number) ^ 0x10;
    const expected = seed % 2;
    const fields = [[40, 1, expected]] as const;
    const { status, record } = execute(memory, {
      opcode: uapi.DSA_OPCODE_COMPARE,
      flags: uapi.IDXD_OP_FLAG_CR,
      source,
      destination,
      size,
      fields,
    });
    expect([record.result, record.completed]).toEqual(differs ? [1, at] : [0, size]);
    expect(status).toBe((differs ? 1 : 0) === expected ? uapi.DSA_COMP_SUCCESS : uapi.DSA_COMP_SUCCESS_PRED);
  });

  test.each(rounds)('compare with a pattern (%i)', (seed) => {
    const { random, memory, size, source, take } = setUp(seed);
    const pattern = take(16, 8);
    for (let at = 0; at < size; at++) memory.bytes[source + at] = pattern[at % 8] as number;
    const at = random.below(size);
    if (seed % 2 === 0) memory.bytes[source + at] = (memory.bytes[source + at] as number) ^ 1;
    const destination = Number(new DataView(pattern.buffer).getBigUint64(0, true) & 0n);
    const fields = [[24, 8, new DataView(pattern.buffer).getBigUint64(0, true)]] as const;
    const { record } = execute(memory, { opcode: uapi.DSA_OPCODE_COMPVAL, source, destination, size, fields });
    expect([record.result, record.completed]).toEqual(seed % 2 === 0 ? [1, at] : [0, size]);
  });

  test.each(rounds)('a delta, made and applied (%i)', (seed) => {
    const { random, memory, take } = setUp(seed);
    const size = 8 * (1 + random.below(2000));
    memory.bytes.copyWithin(B, A, A + size);
    for (let n = random.below(60); n > 0; n--) memory.bytes[B + random.below(size)] = random.below(256);
    const wanted = delta(take(A, size), take(B, size));
    const room = 10 * (8 + random.below(60));
    const made = execute(memory, {
      opcode: uapi.DSA_OPCODE_CR_DELTA,
      source: A,
      destination: B,
      size,
      fields: [
        [40, 8, C],
        [48, 4, room],
      ],
    });
    expect(made.status).toBe(1);
    expect(made.record.result).toBe(wanted.length === 0 ? 0 : wanted.length > room ? 2 : 1);
    const used = made.record.specific.getUint32(0, true);
    expect(used).toBe(Math.min(wanted.length, room));
    expect([...take(C, used)]).toEqual(wanted.slice(0, used));
    if (made.record.result !== 1) return;
    const target = take(B, size);
    const applied = execute(memory, { opcode: uapi.DSA_OPCODE_AP_DELTA, source: C, destination: A, size, fields: [[40, 4, used]] });
    expect(applied.status).toBe(1);
    expect(Buffer.compare(take(A, size), target)).toBe(0);
  });

  test.each(rounds)('dualcast (%i)', (seed) => {
    const { memory, size, source, destination, take, expectOnly } = setUp(seed);
    const second = C + (destination % 4096);
    const before = memory.bytes.slice();
    const wanted: Wanted = { opcode: uapi.DSA_OPCODE_DUALCAST, source, destination, size, fields: [[40, 8, second]] };
    expect(execute(memory, wanted).status).toBe(1);
    expectOnly(before, [destination, take(source, size)], [second, take(source, size)]);
  });

  test.each(rounds)('CRC, alone and with a copy, by all flags (%i)', (seed) => {
    const { random, memory, size, source, destination, take, expectOnly } = setUp(seed);
    const flags = (seed % 8) << 16;
    const crcSeed = random.below(2 ** 31);
    const seedInMemory = new DataView(memory.bytes.buffer).getUint32(0x100, true);
    const wanted = crc32c(take(source, size), (flags & 0x10000) !== 0 ? seedInMemory : crcSeed, flags);
    const common = {
      flags,
      source,
      destination,
      size,
      fields: [
        [40, 4, crcSeed],
        [48, 8, 0x100],
      ],
    } as const;
    expect(execute(memory, { opcode: uapi.DSA_OPCODE_CRCGEN, ...common }).record.specific.getUint32(0, true)).toBe(wanted);
    const before = memory.bytes.slice();
    expect(execute(memory, { opcode: uapi.DSA_OPCODE_COPY_CRC, ...common }).record.specific.getUint32(0, true)).toBe(wanted);
    expectOnly(before, [destination, take(source, size)]);
  });

  test('the CRC of "123456789" is the one in the books', () => {
    const memory = new FlatMemory();
    memory.bytes.set(Buffer.from('123456789'), A);
    const { record } = execute(memory, { opcode: uapi.DSA_OPCODE_CRCGEN, source: A, size: 9 });
    expect(record.specific.getUint32(0, true)).toBe(0xe3069283);
  });

  test.each(rounds)('protection information: inserted, checked, updated, stripped (%i)', (seed) => {
    const { random, memory, take } = setUp(seed);
    const block = [512, 520, 4096, 4104][seed % 4] as number;
    const count = 1 + random.below(block > 1000 ? 4 : 20);
    const size = block * count;
    const difFlags = (seed % 4) | (random.below(4) << 2);
    const makeTags = () => ({
      ref: random.below(2 ** 31),
      app: random.below(65536),
      mask: random.below(65536),
      fixedRef: random.below(2) === 1,
      countsApp: random.below(2) === 1,
    });
    const sideFlags = (tags: ReturnType<typeof makeTags>) => (tags.fixedRef ? 0x80 : 0) | (tags.countsApp ? 0x10 : 0);
    const [tags, others] = [makeTags(), makeTags()];
    const data = take(A, size);
    const sealed = sealBlocks(data, block, tags, difFlags);
    const to = (t: typeof tags) =>
      [
        [41, 1, sideFlags(t)],
        [56, 4, t.ref],
        [60, 2, t.mask],
        [62, 2, t.app],
      ] as const;
    const from = (t: typeof tags) =>
      [
        [40, 1, sideFlags(t)],
        [48, 4, t.ref],
        [52, 2, t.mask],
        [54, 2, t.app],
      ] as const;
    const kind = [[42, 1, difFlags]] as const;
    expect(
      execute(memory, { opcode: uapi.DSA_OPCODE_DIF_INS, source: A, destination: B, size, fields: [...to(tags), ...kind] }).status,
    ).toBe(1);
    expect(Buffer.compare(take(B, sealed.length), sealed)).toBe(0);
    const sealedAt = { source: B, size: sealed.length };
    expect(execute(memory, { opcode: uapi.DSA_OPCODE_DIF_CHECK, ...sealedAt, fields: [...from(tags), ...kind] }).status).toBe(1);
    const update: Wanted = {
      opcode: uapi.DSA_OPCODE_DIF_UPDT,
      ...sealedAt,
      destination: C,
      fields: [...from(tags), ...to(others), ...kind],
    };
    expect(execute(memory, update).status).toBe(1);
    expect(Buffer.compare(take(C, sealed.length), sealBlocks(data, block, others, difFlags))).toBe(0);
    expect(
      execute(memory, { opcode: uapi.DSA_OPCODE_DIF_STRP, ...sealedAt, destination: C, fields: [...from(tags), ...kind] }).status,
    ).toBe(1);
    expect(Buffer.compare(take(C, size), data)).toBe(0);
    memory.bytes[B + sealed.length - 8 - 1 - random.below(block)] ^= 0x40;
    const spoilt = execute(memory, { opcode: uapi.DSA_OPCODE_DIF_CHECK, ...sealedAt, fields: [...from(tags), ...kind] });
    expect([spoilt.status, spoilt.record.result, spoilt.record.completed]).toEqual([uapi.DSA_COMP_DIF_ERR, 1, sealed.length - block - 8]);
  });
});

describe('what has gone wrong half-way can go on (9.8)', () => {
  test.each(rounds)('a memmove over a page that is not there (%i)', (seed) => {
    const { random, memory, take } = setUp(seed);
    const size = 0x3000 + random.below(0x1000);
    const source = A + random.below(4096);
    const isOverlapping = seed % 2 === 0;
    let destination = isOverlapping ? source + 1 + random.below(4096) : B + random.below(4096);
    let from = source;
    let left = size;
    const moved = take(source, size);
    const target = destination;
    const hole = Math.floor((seed % 3 === 0 ? source : destination) / 4096) + 1 + random.below(2);
    (seed % 3 === 0 ? memory.missing : memory.readOnly).add(hole);
    const first = execute(memory, { opcode: uapi.DSA_OPCODE_MEMMOVE, source: from, destination, size: left });
    expect(first.status & uapi.DSA_COMP_STATUS_MASK).toBe(uapi.DSA_COMP_PAGE_FAULT_NOBOF);
    expect(Math.floor(first.record.faultAddress / 4096)).toBe(hole);
    memory.missing.clear();
    memory.readOnly.clear();
    left -= first.record.completed;
    if (first.record.result === 0) {
      from += first.record.completed;
      destination += first.record.completed;
    }
    expect(execute(memory, { opcode: uapi.DSA_OPCODE_MEMMOVE, source: from, destination, size: left }).status).toBe(1);
    expect(Buffer.compare(take(target, size), moved)).toBe(0);
  });

  test.each(rounds)('a CRC and its copy (%i)', (seed) => {
    const { random, memory, take } = setUp(seed);
    const size = 0x3000 + random.below(0x1000);
    const wanted = crc32c(take(A, size), 0, 0);
    memory.missing.add(A / 4096 + 1 + random.below(2));
    const first = execute(memory, { opcode: uapi.DSA_OPCODE_COPY_CRC, source: A, destination: B, size });
    expect(first.status).toBe(uapi.DSA_COMP_PAGE_FAULT_NOBOF);
    memory.missing.clear();
    const { completed, specific } = first.record;
    const rest = {
      source: A + completed,
      destination: B + completed,
      size: size - completed,
      fields: [[40, 4, specific.getUint32(0, true)]],
    } as const;
    expect(execute(memory, { opcode: uapi.DSA_OPCODE_COPY_CRC, ...rest }).record.specific.getUint32(0, true)).toBe(wanted);
    expect(Buffer.compare(take(B, size), take(A, size))).toBe(0);
  });
});

describe('what is refused', () => {
  const memory = new FlatMemory();
  const status = (wanted: Wanted) => execute(memory, wanted).status;

  test('dualcast to places that differ in their page offset, or overlap', () => {
    expect(status({ opcode: uapi.DSA_OPCODE_DUALCAST, source: A, destination: B, size: 64, fields: [[40, 8, C + 64]] })).toBe(
      uapi.DSA_COMP_DCAST_ERR,
    );
    expect(status({ opcode: uapi.DSA_OPCODE_DUALCAST, source: A, destination: B, size: 8192, fields: [[40, 8, B + 4096]] })).toBe(
      uapi.DSA_COMP_OVERLAP_BUFFERS,
    );
  });

  test('a copy with a CRC onto itself', () => {
    expect(status({ opcode: uapi.DSA_OPCODE_COPY_CRC, source: A, destination: A + 1, size: 64 })).toBe(uapi.DSA_COMP_OVERLAP_BUFFERS);
  });

  test('deltas of odd sizes, addresses and records', () => {
    const fields = [
      [40, 8, C],
      [48, 4, 80],
    ] as const;
    const opcode = uapi.DSA_OPCODE_CR_DELTA;
    expect(status({ opcode, source: A, destination: B, size: 12, fields })).toBe(uapi.DSA_COMP_XFER_ERANGE);
    expect(status({ opcode, source: A, destination: B, size: 0x80008, fields })).toBe(uapi.DSA_COMP_XFER_ERANGE);
    expect(status({ opcode, source: A + 4, destination: B, size: 16, fields })).toBe(uapi.DSA_COMP_ADDR_ALIGN);
    expect(
      status({
        opcode,
        source: A,
        destination: B,
        size: 16,
        fields: [
          [40, 8, C],
          [48, 4, 70],
        ],
      }),
    ).toBe(uapi.DSA_COMP_DR_ERANGE);
  });

  test('a delta whose offsets do not increase, or lie beyond', () => {
    const apply = (...offsets: readonly number[]) => {
      for (const [index, offset] of offsets.entries()) memory.bytes[C + 10 * index] = offset;
      return status({ opcode: uapi.DSA_OPCODE_AP_DELTA, source: C, destination: A, size: 64, fields: [[40, 4, 10 * offsets.length]] });
    };
    expect(apply(1, 3)).toBe(uapi.DSA_COMP_SUCCESS);
    expect(apply(3, 3)).toBe(uapi.DSA_COMP_DR_OFFSET_NOINC);
    expect(apply(1, 8)).toBe(uapi.DSA_COMP_DR_OFFSET_ERANGE);
  });

  test('blocks that are not whole', () => {
    expect(status({ opcode: uapi.DSA_OPCODE_DIF_CHECK, source: A, size: 512 })).toBe(uapi.DSA_COMP_XFER_ERANGE);
  });
});
