import { describe, expect, test } from 'vitest';
import { PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { Ledger } from '../../src/kernel/index.ts';
import { ArrayMemoryProvider } from '../../src/memory/index.ts';

function setUp() {
  const ledger = new Ledger(
    () => 0,
    () => undefined,
  );
  return { ledger, provider: new ArrayMemoryProvider(() => ledger) };
}

describe('a memory object', () => {
  test('is zero at first, and the same bytes for everybody who asks', () => {
    const memory = setUp().provider.allocate(2 * PAGE_SIZE, 'a test');
    const bytes = memory.bytes();
    expect([bytes.length, memory.size, bytes.every((byte) => byte === 0)]).toEqual([2 * PAGE_SIZE, 2 * PAGE_SIZE, true]);
    bytes[5] = 7;
    expect(memory.get().bytes()).toBe(bytes);
    expect(memory.bytes()[5]).toBe(7);
  });

  test('is live until its last put', () => {
    const { ledger, provider } = setUp();
    const memory = provider.allocate(PAGE_SIZE, 'a test');
    memory.get();
    memory.put();
    expect(ledger.list()).toEqual(['memory of a test, 4096 bytes, made by the kernel at t=0.000000000 s']);
    memory.put();
    expect(ledger.list()).toEqual([]);
  });

  test.for(['bytes', 'get', 'put'] as const)('stops at once when %s comes after that', (use) => {
    const memory = setUp().provider.allocate(PAGE_SIZE, 'a test');
    memory.put();
    expect(() => memory[use]()).toThrow('of memory of a test, 4096 bytes after its last put');
  });

  test.for([0, -PAGE_SIZE, 1, PAGE_SIZE + 1])('of %d bytes cannot be made', (size) => {
    const { ledger, provider } = setUp();
    expect(() => provider.allocate(size, 'a test')).toThrow(RangeError);
    expect(ledger.count()).toBe(0);
  });
});
