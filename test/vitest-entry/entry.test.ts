import { expect, machineTest, test } from 'ioctopus/vitest';
import counter from '../../examples/counter-device/board.ts';

test('a test gets a machine of its own', ({ machine }) => {
  machine.volume.fromJSON({ '/etc/motd': 'hello' });
  expect(machine.fs.readFileSync('/etc/motd', 'utf8')).toBe('hello');
});

test('and the next one another', ({ machine }) => {
  expect(machine.fs.existsSync('/etc/motd')).toBe(false);
});

machineTest(() => counter)('a board of one’s own', ({ machine }) => {
  expect(machine.sys.stat('/dev/counter').mode).toBe(0o020600);
});
