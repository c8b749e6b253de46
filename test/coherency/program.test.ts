import { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_RW, DMA_BUF_SYNC_WRITE, DMA_TEST_KEEP_MAPPING } from '../../src/abi/uapi/index.ts';
import { boardTest, brokenRules, cachesOf, describe, endProgram, expect, SIZE, texts } from './fixture.ts';

const test = boardTest();

const logOf = (machine: Parameters<typeof endProgram>[0]) => machine.system.log.lines.map(({ text }) => text);

describe('the CPU writes, a device that does not snoop reads', () => {
  test('with END it reads what was written', ({ program }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    program.begin(DMA_BUF_SYNC_WRITE);
    program.pixels.bytes.fill(7);
    program.end(DMA_BUF_SYNC_WRITE);
    expect(device.read()).toBe(7);
  });

  test('without END it reads old bytes, and the report says which, of whom and why', ({ program, machine }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    program.begin(DMA_BUF_SYNC_RW);
    program.pixels.bytes.fill(7, 200, 300);
    expect(device.read(192)).toBe(0);
    expect(brokenRules(machine)).toEqual(['coherency-stale-read']);
    expect(texts(machine)).toEqual([
      'dma-direct read old bytes: line 3 (and 1 more) at offset 0xc0 of dma-buf 1 (system), 8192 bytes was written by the CPU after ' +
        't=1.000000000 s (ioctl(1, DMA_BUF_IOCTL_SYNC) of task 1 (main)), in the access that ioctl(1, DMA_BUF_IOCTL_SYNC) of task 1 (main) began and nobody ended, and nothing wrote the cache back (DMA_BUF_IOCTL_SYNC END with WRITE, ' +
        'or a sync for the device)',
    ]);
  });

  test('the same trouble is told once, and again after a sync', ({ program, machine }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    for (let round = 1; round <= 2; round++) {
      program.pixels.bytes.fill(round);
      for (let i = 0; i < 3; i++) device.read();
      program.end(DMA_BUF_SYNC_WRITE);
    }
    expect(brokenRules(machine)).toEqual(['coherency-stale-read', 'coherency-stale-read']);
  });

  test('lines that the device does not read may stay dirty', ({ program }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    program.pixels.bytes.fill(7, 4096);
    expect(device.read(0, 4096)).toBe(0);
  });

  test('mapping it for each transfer syncs, too', ({ program }) => {
    const device = program.attach('direct');
    program.pixels.bytes.fill(7);
    expect(device.read()).toBe(7);
  });
});

describe('a device that does not snoop writes, the CPU reads', () => {
  test('after START it sees what was written', ({ program }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    device.write(9);
    program.begin(DMA_BUF_SYNC_READ);
    expect(program.pixels.bytes[0]).toBe(9);
    program.end(DMA_BUF_SYNC_READ);
  });

  test('without START it sees old bytes, and END knows', ({ program, machine }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    device.write(9, 64, 64);
    expect(program.pixels.bytes[64]).toBe(0);
    program.end(DMA_BUF_SYNC_READ);
    expect(brokenRules(machine)).toEqual(['coherency-stale-view']);
    expect(texts(machine)[0]).toMatch(
      /^the CPU saw old bytes: line 1 at offset 0x40 of dma-buf 1 .* was last written by dma-direct at t=1\.0/,
    );
  });

  test('without any sync the log tells when the device goes', ({ program, machine }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    device.write(9);
    expect(program.pixels.bytes[0]).toBe(0);
    expect(logOf(machine)).toEqual([]);
    endProgram(machine);
    expect(logOf(machine)).toEqual([
      expect.stringMatching(/^line 0 \(and 127 more\) .* was last written by dma-direct .*, and no DMA_BUF_IOCTL_SYNC START/),
    ]);
  });

  test('mapping it for each transfer syncs, too', ({ program }) => {
    program.attach('direct').write(9);
    expect(program.pixels.bytes[0]).toBe(9);
  });
});

describe('the CPU and a device write to the same line', () => {
  test('what the device wrote is lost with the next write back, and told', ({ program, machine }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    device.write(9);
    program.pixels.bytes[3] = 1;
    program.end(DMA_BUF_SYNC_WRITE);
    expect([device.read(0), device.read(64)]).toEqual([0, 9]);
    expect(brokenRules(machine)).toEqual(['coherency-lost-write']);
  });

  test('a program that has begun its access may write over what the device wrote', ({ program }) => {
    const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    device.write(9);
    program.begin(DMA_BUF_SYNC_WRITE);
    program.pixels.bytes.fill(1);
    program.end(DMA_BUF_SYNC_WRITE);
    expect(device.read()).toBe(1);
  });
});

describe('no sync is needed', () => {
  test('with a device that snoops', ({ program }) => {
    const device = program.attach('snooping', DMA_TEST_KEEP_MAPPING);
    program.pixels.bytes.fill(7);
    expect(device.read()).toBe(7);
    device.write(9);
    expect(program.pixels.bytes[0]).toBe(9);
  });

  test('between a device whose writes the caches see and one that does not snoop', ({ program }) => {
    const direct = program.attach('direct', DMA_TEST_KEEP_MAPPING);
    program.attach('snooping', DMA_TEST_KEEP_MAPPING).write(9);
    expect(direct.read()).toBe(9);
    expect(program.pixels.bytes[0]).toBe(9);
  });

  test('for a buffer that the CPU does not cache', ({ uncached }) => {
    const device = uncached.attach('direct', DMA_TEST_KEEP_MAPPING);
    uncached.pixels.bytes.fill(7);
    expect(device.read()).toBe(7);
    device.write(9);
    expect(uncached.pixels.bytes[0]).toBe(9);
  });
});

test('a device with lines of its own is seen when it has flushed them', ({ program, machine }) => {
  const device = program.attach('private', DMA_TEST_KEEP_MAPPING);
  device.write(9);
  program.begin(DMA_BUF_SYNC_READ);
  expect(program.pixels.bytes[0]).toBe(9);
  program.end(DMA_BUF_SYNC_READ);
  expect(cachesOf(machine).dram((machine.system.tasks.get(1)?.files.at(program.buffer)?.memory as never) ?? expect.fail(), 0, 2)).toEqual(
    Uint8Array.of(9, 9),
  );
});

describe('caches that lose lines on their own', () => {
  for (const eviction of ['on', 'hostile'] as const) {
    for (let seed = 1; seed <= 8; seed++) {
      boardTest({}, { eviction, seed })(`never harm a program that syncs (${eviction}, seed ${seed})`, ({ program, machine }) => {
        const random = machine.system.random('schedule');
        const devices = [program.attach('direct', DMA_TEST_KEEP_MAPPING), program.attach('private', DMA_TEST_KEEP_MAPPING)];
        for (let round = 1; round <= 60; round++) {
          const offset = random.below(SIZE - 64);
          const device = devices[random.below(2)] as (typeof devices)[0];
          if (random.below(2) === 0) {
            program.begin(DMA_BUF_SYNC_RW);
            program.pixels.bytes.fill(round, offset, offset + 64);
            program.end(DMA_BUF_SYNC_RW);
            expect(device.read(offset)).toBe(round);
          } else {
            device.write(round, offset, 64);
            program.begin(DMA_BUF_SYNC_READ);
            expect([...program.pixels.bytes.subarray(offset, offset + 64)]).toEqual(Array(64).fill(round));
            program.end(DMA_BUF_SYNC_READ);
          }
          machine.sys.nanosleep(random.below(1_000_000));
        }
      });
    }
  }

  boardTest({ reports: 'off' }, { eviction: 'hostile' })(
    'let some of what was not synced through, and the same each time',
    ({ program }) => {
      const device = program.attach('direct', DMA_TEST_KEEP_MAPPING);
      program.pixels.bytes.fill(7);
      const seen = Array.from({ length: SIZE / 64 }, (_, line) => device.read(line * 64, 64));
      const fresh = seen.filter((byte) => byte === 7).length;
      expect(fresh).toBeGreaterThan(0);
      expect(fresh).toBeLessThan(SIZE / 64);
    },
  );
});
