import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { Errno } from '../../src/index.ts';
import { kstrtobool, kstrtoint, kstrtou8, kstrtoull, sysfsStreq } from '../../src/kernel/index.ts';

function outcome(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
}

// Answers of the real kernel to the first column are in conformance/scripts/expected/debugfs.txt.
test.each([
  ['0x20\n', 32n],
  ['0x1ffffffff', 0x1ffffffffn],
  ['-1', 'EINVAL'],
  ['abc', 'EINVAL'],
  ['', 'EINVAL'],
  ['\n', 'EINVAL'],
  ['+7\n', 7n],
  ['18446744073709551615', 2n ** 64n - 1n],
  ['18446744073709551616', 'ERANGE'],
  ['8\n\n', 'EINVAL'],
  ['8 ', 'EINVAL'],
  [' 8', 'EINVAL'],
  ['010', 8n],
  ['08', 'EINVAL'],
  ['0x', 'EINVAL'],
  ['8\0zz', 8n],
])('kstrtoull(%j) is %s', (text, expected) => {
  expect(outcome(() => kstrtoull(text))).toBe(expected);
});

test.each([
  ['255', 255],
  ['256', 'ERANGE'],
])('kstrtou8(%j) is %s', (text, expected) => {
  expect(outcome(() => kstrtou8(text))).toBe(expected);
});

test.each([
  ['-2147483648', -(2 ** 31)],
  ['2147483648', 'ERANGE'],
  ['--1', 'EINVAL'],
  ['-+1', 'EINVAL'],
])('kstrtoint(%j) is %s', (text, expected) => {
  expect(outcome(() => kstrtoint(text))).toBe(expected);
});

test.each([
  ['y', true],
  ['on', true],
  ['oN', true],
  ['1', true],
  ['T', true],
  ['n', false],
  ['off', false],
  ['0', false],
  ['e', 'EINVAL'],
  ['o', 'EINVAL'],
  ['', 'EINVAL'],
])('kstrtobool(%j) is %s', (text, expected) => {
  expect(outcome(() => kstrtobool(text))).toBe(expected);
});

describe('kstrtoint', () => {
  it('takes back every number', () => {
    fc.assert(fc.property(fc.integer(), (value) => kstrtoint(`${value}\n`) === value));
  });
});

describe('sysfs_streq', () => {
  it('overlooks one newline', () => {
    expect([sysfsStreq('on\n', 'on'), sysfsStreq('on', 'on\n'), sysfsStreq('on\n\n', 'on'), sysfsStreq('o', 'on')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
