import { O_NONBLOCK, O_RDWR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../../src/abi/uapi/index.ts';
import { ADI_DMA_OVF, ADI_REG_DMA_STATUS, ADI_VDMA_UNF } from '../../../src/ports/iio-converter/index.ts';
import { ALL_CHANNELS, answerOf, type Bench, describe, expect, test } from './fixture.ts';

const SCAN = 8;

/** Which scan the samples begin at, when all of them follow each other. */
function firstScan({ adc }: Bench, bytes: Uint8Array, mask = ALL_CHANNELS): number | undefined {
  const scan = adc.pattern.scanSize(mask);
  for (let first = 0; first < 32_768; first++) {
    if (Buffer.compare(adc.pattern.bytes(mask, first, 4), bytes.subarray(0, 4 * scan)) !== 0) continue;
    if (Buffer.compare(adc.pattern.bytes(mask, first, bytes.length / scan), bytes) === 0) return first;
  }
  return undefined;
}

describe('read', () => {
  test('gives the samples of the model, one after the other', ({ bench }) => {
    const { receive, sys } = bench;
    receive.choose();
    const node = receive.open();
    receive.enable();
    const bytes = Buffer.concat([0, 1, 2, 3].map(() => Buffer.from(sys.read(node, 8192))));
    expect(bytes).toHaveLength(4 * 8192);
    expect(firstScan(bench, bytes)).toBe(0);
    expect(bench.adc.missed).toBe(0);
  });

  test.for([0b0001, 0b0110, 0b1011])('gives the chosen channels only: %i', (mask, { bench }) => {
    const { receive, sys } = bench;
    receive.choose(mask);
    const node = receive.open();
    receive.enable();
    expect(firstScan(bench, Buffer.from(sys.read(node, 24 * 16)), mask)).toBe(0);
  });

  test('takes as long as the converter: 2048 scans at 30.72 MHz', ({ bench: { receive, sys, machine } }) => {
    receive.choose();
    const node = receive.open();
    receive.enable();
    const start_ns = machine.system.now();
    sys.read(node, SCAN);
    const took_ns = machine.system.now() - start_ns;
    expect(took_ns).toBeGreaterThanOrEqual((2048 / 30.72e6) * 1e9);
    expect(took_ns).toBeLessThan((2048 / 30.72e6) * 1e9 + 5000);
  });

  test('gives whole scans, up to the end of a block', ({ bench: { receive, sys } }) => {
    receive.choose();
    receive.store('buffer0/length', '512');
    const node = receive.open();
    receive.enable();
    expect(answerOf(() => sys.read(node, SCAN - 1))).toBe('EINVAL');
    expect(answerOf(() => sys.read(node, 0))).toBe('EINVAL');
    expect(sys.read(node, 2 * SCAN + 3)).toHaveLength(2 * SCAN);
    expect(sys.read(node, 65_536)).toHaveLength(256 * SCAN - 2 * SCAN);
  });

  test('says EAGAIN when it may not wait', ({ bench: { receive, sys } }) => {
    receive.choose();
    const node = receive.open(O_RDWR | O_NONBLOCK);
    receive.enable();
    expect(answerOf(() => sys.read(node, SCAN))).toBe('EAGAIN');
    expect(answerOf(() => sys.read(node, 1))).toBe('EINVAL');
    expect(sys.poll([{ fd: node, events: POLLIN | POLLRDNORM | POLLOUT }])).toEqual([POLLIN | POLLRDNORM]);
    expect(receive.show('buffer0/data_available')).toBe(`${2048 * SCAN}\n`);
    expect(sys.read(node, SCAN)).toHaveLength(SCAN);
  });

  test('faults without losing samples', ({ bench: { receive, sys, adc } }) => {
    receive.choose();
    const node = receive.open();
    receive.enable();
    const bytes = sys.read(node, SCAN);
    expect(answerOf(() => sys.readv(node, [{ address: 0, length: SCAN }]))).toBe('EFAULT');
    expect([Buffer.from(bytes), Buffer.from(sys.read(node, SCAN))]).toEqual([
      Buffer.from(adc.pattern.bytes(ALL_CHANNELS, 0, 1)),
      Buffer.from(adc.pattern.bytes(ALL_CHANNELS, 1, 1)),
    ]);
  });

  test('gives what is left after the buffer was disabled', ({ bench: { receive, sys, machine } }) => {
    receive.choose();
    const node = receive.open(O_RDWR | O_NONBLOCK);
    receive.enable();
    machine.system.scheduler.runFor(100_000);
    receive.disable();
    expect(sys.poll([{ fd: node, events: POLLIN }], 0)).toEqual([POLLIN]);
    expect(sys.read(node, 65_536)).toHaveLength(2048 * SCAN);
    expect(answerOf(() => sys.read(node, 65_536))).toBe('EAGAIN');
    expect(sys.poll([{ fd: node, events: POLLIN }], 0)).toEqual([0]);
  });

  test('begins anew each time that it is enabled', ({ bench }) => {
    const { receive, sys } = bench;
    receive.choose();
    const node = receive.open();
    for (const blocks of [1, 2, 3]) {
      receive.enable();
      const bytes = Buffer.concat(Array.from({ length: blocks }, () => Buffer.from(sys.read(node, 2048 * SCAN))));
      expect(firstScan(bench, bytes)).toBeDefined();
      receive.disable();
    }
  });

  test.for([4, 4096, 1 << 20])('works with a length of %i samples', (length, { bench }) => {
    const { receive, sys } = bench;
    receive.choose(0b0011);
    receive.store('buffer0/length', `${length}`);
    const node = receive.open();
    expect(receive.enable()).toBe(1);
    expect(sys.read(node, 64)).toHaveLength(Math.min(64, length * 2));
  });

  test('of more memory than there is cannot be enabled', ({ bench: { receive, machine } }) => {
    receive.choose();
    receive.store('buffer0/length', `${2 ** 28}`);
    expect(receive.enable()).toBe('ENOMEM');
    expect(receive.show('buffer0/enable')).toBe('0\n');
    receive.store('buffer0/length', '4096');
    expect(receive.enable()).toBe(1);
    expect(machine.system.findings.all).toEqual([]);
  });
});

describe('samples that nobody takes', () => {
  test('are lost, and a flag says so', ({ bench }) => {
    const { receive, sys, adc, machine } = bench;
    receive.choose();
    const node = receive.open();
    receive.enable();
    const block = 2048 * SCAN;
    machine.system.scheduler.runFor(1e6);
    expect(adc.read(ADI_REG_DMA_STATUS)).toBe(0);
    const before = Buffer.concat([0, 1].map(() => Buffer.from(sys.read(node, block))));
    expect(adc.read(ADI_REG_DMA_STATUS)).toBe(ADI_DMA_OVF);
    expect(firstScan(bench, before)).toBe(0);
    const after = firstScan(bench, Buffer.from(sys.read(node, block))) as number;
    expect(after).toBe(4096 + adc.missed);
    expect(after).toBeGreaterThanOrEqual(30_720);
    adc.write(ADI_REG_DMA_STATUS, ADI_DMA_OVF);
    expect(adc.read(ADI_REG_DMA_STATUS)).toBe(0);
  });

  test('are not missed while the buffer is disabled', ({ bench: { receive, adc, machine } }) => {
    receive.choose();
    for (let i = 0; i < 2; i++) {
      receive.enable();
      machine.system.scheduler.runFor(10_000);
      receive.disable();
      machine.system.scheduler.runFor(1e6);
    }
    expect(adc.missed).toBe(0);
  });

  describe('by a converter without a rate', () => {
    test.override({ options: { isUnlimited: true } });

    test('wait', ({ bench }) => {
      const { receive, sys, adc, machine } = bench;
      receive.choose();
      const node = receive.open();
      receive.enable();
      const blocks: Buffer[] = [];
      for (let i = 0; i < 4; i++) {
        machine.system.scheduler.runFor(1e6);
        blocks.push(Buffer.from(sys.read(node, 2048 * SCAN)));
      }
      expect(firstScan(bench, Buffer.concat(blocks))).toBe(0);
      expect(adc.missed).toBe(0);
    });
  });
});

describe('write', () => {
  const sent: Buffer[] = [];
  test.override({
    options: {
      onSent: (bytes: Uint8Array) => {
        sent.push(Buffer.from(bytes));
      },
    },
  });

  test('sends what was written, in whole blocks', ({ bench: { send, sys } }) => {
    sent.length = 0;
    send.choose();
    send.store('buffer0/length', '512');
    const node = send.open();
    expect(answerOf(() => sys.read(node, SCAN))).toBe('EPERM');
    send.enable();
    const samples = Buffer.from(Array.from({ length: 3 * 256 * SCAN + SCAN }, (_, i) => i * 7));
    expect(sys.write(node, samples)).toBe(samples.length);
    sys.poll([{ fd: node, events: POLLOUT | POLLWRNORM }]);
    send.disable();
    const all = Buffer.concat(sent);
    expect(all.length).toBeGreaterThanOrEqual(256 * SCAN);
    expect(all.length % (256 * SCAN)).toBe(0);
    expect(all).toEqual(samples.subarray(0, all.length));
  });

  test('says how much fits when it may not wait', ({ bench: { send, sys } }) => {
    send.choose();
    send.store('buffer0/length', '512');
    const node = send.open(O_RDWR | O_NONBLOCK);
    send.enable();
    expect(sys.poll([{ fd: node, events: POLLIN | POLLOUT | POLLWRNORM }], 0)).toEqual([POLLOUT | POLLWRNORM]);
    expect(sys.write(node, Buffer.alloc(4096 * SCAN))).toBe(512 * SCAN);
    expect(answerOf(() => sys.write(node, Buffer.alloc(SCAN)))).toBe('EAGAIN');
    expect(sys.poll([{ fd: node, events: POLLOUT }], 0)).toEqual([0]);
  });

  test('that comes too late is an underflow', ({ bench: { send, sys, dac, machine } }) => {
    send.choose();
    send.store('buffer0/length', '512');
    const node = send.open();
    send.enable();
    sys.write(node, Buffer.alloc(512 * SCAN));
    machine.system.scheduler.runFor(1e6);
    expect(dac.read(ADI_REG_DMA_STATUS)).toBe(0);
    sys.write(node, Buffer.alloc(512 * SCAN));
    expect(dac.read(ADI_REG_DMA_STATUS)).toBe(ADI_VDMA_UNF);
  });
});
