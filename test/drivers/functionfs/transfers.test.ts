import { describe, expect, test } from 'vitest';
import { FunctionFixture } from './fixture.ts';

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

describe.each(['dummy_udc.0', 'sg_udc.0'] as const)('data through %s', (controller) => {
  test.each([1, 64, 511, 513, 5000, 100_000])('%i bytes come and go', (length) => {
    const fixture = new FunctionFixture().describe().bind(controller);
    const { sys } = fixture;
    expect(fixture.events()).toEqual(['ENABLE']);
    const sent = bytesOf(length);
    const sending = fixture.hostWrites(sent);
    expect(Buffer.compare(sys.read(fixture.out, length), sent)).toBe(0);
    expect(fixture.ended(sending)).toBe(length);
    const got = new Uint8Array(length);
    const getting = fixture.hostReads(got);
    expect(sys.write(fixture.in, sent)).toBe(length);
    expect(fixture.ended(getting)).toBe(length);
    expect(Buffer.compare(got, sent)).toBe(0);
    fixture.end();
  });
});
