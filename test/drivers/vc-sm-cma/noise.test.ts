/** Random messages of the VPU and random requests: each is logged or refused as the reference says, and nothing real is lost by them. */
import { describe, expect, test } from 'vitest';
import {
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from '../../../src/abi/uapi/index.ts';
import { randomFrom } from '../../support/random.ts';
import { alloc, bench, codeOf, errors, heapBuffer, importFd, listed, openNode, rules, settle, vpuLog } from './fixture.ts';

const MESSAGES = 300;
const REQUESTS = 500;
const EVENT = 0x80000000;
const ACKNOWLEDGED = 9;
const RELEASED = 11;
const MEMORY_WANTED = 12;

/** The word at an offset of a message that may be too short. */
const wordAt = (bytes: Uint8Array, at: number) => [0, 1, 2, 3].reduce((sum, i) => sum + (bytes[at + i] ?? 0) * 2 ** (8 * i), 0);

/** What section 13.2 says that the driver prints; undefined for what it acts upon. @param ids that buffers have */
function expectedLine(bytes: Uint8Array): string | undefined {
  const first = wordAt(bytes, 0);
  if (first < EVENT) {
    return bytes.length > 60
      ? `vc_sm_cma_vchi_rx_ack: reply too big (${bytes.length}) ${first}, throw away...`
      : `vc_sm_cma_vchi_rx_ack: received response ${first}, throw away...`;
  }
  const type = first - EVENT;
  if (type === ACKNOWLEDGED) return undefined;
  if (type === RELEASED) return `vc_sm_vpu_event: VC released a buffer that is already released, kernel_id ${wordAt(bytes, 12) | 0}`;
  return `vc_sm_vpu_event: Unknown vpu cmd ${first.toString(16)}`;
}

/** Bytes of any length, whose first word is often one that means something. */
function message(below: (limit: number) => number): Uint8Array {
  const bytes = Uint8Array.from({ length: below(80) }, () => below(256));
  const kind = below(4);
  const view = new DataView(bytes.buffer);
  if (kind > 0 && bytes.length >= 4) {
    // A request for memory is answered; it has a test of its own.
    const types = [0, 1, 8, ACKNOWLEDGED, 10, RELEASED, RELEASED, 13, 99];
    view.setUint32(0, (kind === 1 ? below(100) : EVENT + (types[below(types.length)] as number)) >>> 0, true);
  }
  if (wordAt(bytes, 0) === EVENT + MEMORY_WANTED) view.setUint32(0, 0, true);
  return bytes;
}

describe.each([1, 2, 3, 4])('seed %d', (seed) => {
  test('messages that mean nothing are lines in the log, and an import between them is as ever', () => {
    const on = bench();
    const below = randomFrom(seed);
    const node = openNode(on);
    const source = heapBuffer(on);
    const { handle, vc_handle } = importFd(on, node, source);
    settle(on);
    const expected: string[] = [];
    for (let i = 0; i < MESSAGES; i++) {
      const bytes = message(below);
      on.videocore.send(bytes);
      const line = expectedLine(bytes);
      if (line !== undefined) expected.push(line);
      if (below(3) === 0) settle(on);
    }
    settle(on);
    expect(errors(on)).toEqual(expected);
    expect(listed(on)).toEqual([[vc_handle.toString(16), 1]]);
    // A real command and its answer still find each other.
    const second = alloc(on, node, 1);
    for (const fd of [handle, second.handle, source, node]) on.sys.close(fd);
    settle(on);
    expect([listed(on), on.videocore.handles]).toEqual([[], []]);
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  });

  test('requests for memory of any size and alignment get memory or a refusal, each its own answer', () => {
    const on = bench({ cma_MiB: 16 });
    const below = randomFrom(seed);
    settle(on);
    const wanted = Array.from({ length: 60 }, () => {
      const size = below(8) === 0 ? 0 : below(4) === 0 ? 2 ** 31 + below(2 ** 31) : below(3 * 2 ** 20);
      return { size, handle: on.videocore.requestMemory(size, 2 ** below(14), 'codec') };
    });
    settle(on);
    const answers = vpuLog(on).flatMap((line) => /^VC_MEM_REQUEST_REPLY trans_id (\d+) addr (\w+)/.exec(line)?.slice(1, 3) ?? []);
    expect(answers.filter((_, at) => at % 2 === 0)).toEqual(wanted.map((_, at) => String(at + 1)));
    const given = wanted.filter((_, at) => answers[2 * at + 1] !== '00000000');
    expect(given.map(({ handle }) => handle.toString(16)).reverse()).toEqual(listed(on).map(([handle]) => handle));
    expect(wanted.filter(({ size }) => size === 0 || size >= 2 ** 31).some((one) => given.includes(one))).toBe(false);
    expect(errors(on)).toHaveLength(wanted.length - given.length);
    for (const { handle, size } of given) {
      on.videocore.write(handle, size - 1, Uint8Array.of(1));
      on.videocore.heap.release(handle);
    }
    settle(on);
    expect([given.length > 0, listed(on), on.videocore.handles]).toEqual([true, [], []]);
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  });

  test('requests of programs are refused by their number first, and then by their address', () => {
    const on = bench();
    const below = randomFrom(seed);
    const node = openNode(on);
    settle(on);
    const known = [VC_SM_CMA_IOCTL_MEM_ALLOC, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2].map(
      ({ number }) => number,
    );
    for (let i = 0; i < REQUESTS; i++) {
      let request = below(2 ** 32);
      const kind = below(4);
      if (kind === 1) request = known[below(3)] as number;
      if (kind === 2) request = ((known[below(3)] as number) & 0xffff00ff) | (below(256) << 8);
      if (kind === 3) request = ((known[below(3)] as number) & 0xffffff00) | below(256);
      request >>>= 0;
      const [magic, nr] = [(request >>> 8) & 0xff, request & 0xff];
      const isKnownNumber = nr >= 0x5a && nr <= 0x5c;
      const isWhole = known.includes(request);
      let expected = 'EINVAL';
      if (magic !== 0x4a || (isKnownNumber && !isWhole)) expected = 'ENOTTY';
      else if (nr === 0x5a || nr === 0x5b) expected = 'EFAULT';
      expect([request.toString(16), codeOf(() => on.sys.ioctl(node, request, 8))]).toEqual([request.toString(16), expected]);
    }
    expect(vpuLog(on)).toEqual(['CLIENT_VERSION 2']);
    const { handle } = alloc(on, node, 1);
    for (const fd of [handle, node]) on.sys.close(fd);
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  });
});
