import { expect, test } from 'vitest';
import { PACKET_ALLOCATED, PACKET_SIZE, readPacket, setStatus, statusOf, writePacket } from '../../../src/ports/keembay/index.ts';

test('a packet has the bytes of struct kmb_ipc_buf', () => {
  const bytes = new Uint8Array(2 * PACKET_SIZE);
  const packet = { dataAddr: 0x90000040, dataSize: 256, channel: 5, srcNode: 0, dstNode: 1 };
  writePacket(bytes, PACKET_SIZE, packet);
  setStatus(bytes, PACKET_SIZE, PACKET_ALLOCATED);
  const expected = new Uint8Array(2 * PACKET_SIZE);
  expected.set([0x40, 0, 0, 0x90, 0, 1, 0, 0, 5, 0, 0, 1, 1], PACKET_SIZE);
  expect(bytes).toEqual(expected);
  expect(readPacket(bytes, PACKET_SIZE)).toEqual(packet);
  expect(statusOf(bytes, PACKET_SIZE)).toBe(PACKET_ALLOCATED);
});
