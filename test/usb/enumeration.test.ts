import { describe, expect, test } from 'vitest';
import { bulkMessage, controlMessage, URB_ZERO_PACKET } from '../../src/usb/index.ts';
import { makeRig } from './fixture.ts';

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

describe.each([
  ['dummy', false],
  ['dummy', true],
  ['sg', false],
  ['sg', true],
] as const)('%s controller, super speed %s', (controller, isSuperSpeed) => {
  test('the host enumerates a gadget', () => {
    const rig = makeRig({ controller, isSuperSpeed });
    const device = rig.plug();
    expect(device).toMatchObject({ product: 'thing', manufacturer: 'maker', serial: '12345' });
    expect(rig.gadget.events.at(-1)).toBe('configured');
    expect(device.interfaces).toHaveLength(1);
    rig.end();
  });

  test('what goes out comes back', () => {
    const rig = makeRig({ controller, isSuperSpeed });
    rig.plug();
    for (const length of [0, 1, 64, 511, 512, 513, 1024, 16_384, 100_000]) {
      const sent = bytesOf(length);
      const got = new Uint8Array(length + 1024);
      const [out, back] = rig.runAll(
        bulkMessage(rig.endpoint(false), sent, { flags: URB_ZERO_PACKET }),
        bulkMessage(rig.endpoint(true), got, { timeout_ms: 1000 }),
      );
      expect([out, back]).toEqual([length, length]);
      expect(Buffer.compare(got.subarray(0, length), sent)).toBe(0);
    }
    rig.end();
  });

  test('as fast as it goes', () => {
    const rig = makeRig({ controller, isSuperSpeed });
    rig.link.rate = { value: 1 };
    rig.plug();
    const sent = bytesOf(200_000);
    const got = new Uint8Array(sent.length);
    const before_ns = rig.machine.system.now();
    rig.runAll(bulkMessage(rig.endpoint(false), sent), bulkMessage(rig.endpoint(true), got));
    expect(Buffer.compare(got, sent)).toBe(0);
    // Only interrupts take time.
    expect(rig.machine.system.now() - before_ns).toBeLessThan(100_000);
    rig.end();
  });

  test('control transfers carry data both ways, and an unknown one stalls', () => {
    const rig = makeRig({ controller, isSuperSpeed });
    const device = rig.plug();
    const data = bytesOf(1000);
    expect(rig.run(controlMessage(device, { bRequestType: 0x41, bRequest: 0x5b, data }))).toBe(1000);
    const back = new Uint8Array(2000);
    expect(rig.run(controlMessage(device, { bRequestType: 0xc1, bRequest: 0x5c, data: back }))).toBe(1000);
    expect(back.subarray(0, 1000)).toEqual(data);
    expect(() => rig.run(controlMessage(device, { bRequestType: 0x41, bRequest: 0x77 }))).toThrow('EPIPE');
    rig.end();
  });
});
