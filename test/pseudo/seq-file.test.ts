import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEEK_SET } from '../../src/abi/uapi/index.ts';
import { debugfs } from '../../src/vfs/index.ts';
import { Fixture } from '../vfs/fixture.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** A machine with a file of debugfs that shows those records. */
function withRecords(records: readonly string[]) {
  const fixture = new Fixture();
  debugfs(fixture.machine.system).createRecords('records', 0o444, (index) => records[index]);
  return { fixture, sys: fixture.sys, fd: fixture.sys.open('/sys/kernel/debug/records') };
}

const step = fc.oneof(
  fc.record({ call: fc.constant('read' as const), length: fc.integer({ min: 0, max: 6000 }), at: fc.constant(0) }),
  fc.record({ call: fc.constant('pread' as const), length: fc.integer({ min: 1, max: 6000 }), at: fc.nat(12_000) }),
  fc.record({ call: fc.constant('lseek' as const), length: fc.constant(0), at: fc.nat(12_000) }),
);

describe('text that is made record by record', () => {
  it('reads the same whatever the pieces', () => {
    const record = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 4000, max: 5000 }));
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), fc.array(step, { maxLength: 12 }), (lengths, steps) => {
        const records = lengths.map((length, index) => String.fromCharCode(97 + index).repeat(length));
        const whole = records.join('');
        const { sys, fd } = withRecords(records);
        let position = 0;
        for (const { call, length, at } of steps) {
          if (call === 'lseek') {
            expect(sys.lseek(fd, at, SEEK_SET)).toBe(at);
            position = at;
            continue;
          }
          const from = call === 'read' ? position : at;
          const got = text(call === 'read' ? sys.read(fd, length) : sys.pread(fd, length, at));
          expect(whole.startsWith(got, from) || got === '').toBe(true);
          expect(got.length).toBeLessThanOrEqual(length);
          if (length > 0 && from < whole.length) expect(got.length).toBeGreaterThan(0);
          if (call === 'read') position += got.length;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('is cut between records where a page is full', () => {
    const { sys, fd } = withRecords(['a'.repeat(2000), 'b'.repeat(2000), 'c'.repeat(2000)]);
    expect(sys.read(fd, 10_000)).toHaveLength(4000);
    expect(text(sys.read(fd, 10_000))).toBe('c'.repeat(2000));
  });

  it('gives a record that is larger than a page as a whole', () => {
    const { sys, fd } = withRecords(['a'.repeat(9000)]);
    expect(sys.read(fd, 10_000)).toHaveLength(9000);
  });
});
