import { POLLIN } from 'ioctopus/uapi';
import { expect, machineTest } from 'ioctopus/vitest';
import counter, { COUNTER_GET, COUNTER_START } from './board.ts';

const test = machineTest(() => counter);

test('a read waits until the hardware has counted', ({ machine }) => {
  const { sys } = machine;
  const fd = sys.open('/dev/counter');
  sys.ioctl(fd, COUNTER_START, { limit: 2, period_ns: 1000 });
  expect(sys.ioctl(fd, COUNTER_GET)).toBe(0);
  expect(new TextDecoder().decode(sys.read(fd, 16))).toBe('1\n');
  expect(sys.poll([{ fd, events: POLLIN }])).toEqual([POLLIN]);
  expect(sys.ioctl(fd, COUNTER_GET)).toBe(2);
  sys.close(fd);
});

test('two programs see every step', async ({ machine }) => {
  const seen: string[][] = [[], []];
  for (const mine of seen) {
    machine.spawn(function* (sys) {
      const fd = yield* sys.open('/dev/counter');
      for (let i = 0; i < 3; i++) mine.push(new TextDecoder().decode(yield* sys.read(fd, 16)));
      yield* sys.close(fd);
    });
  }
  machine.sys.ioctl(machine.sys.open('/dev/counter'), COUNTER_START, { limit: 3, period_ns: 1000 });
  await machine.run();
  expect(seen).toEqual([
    ['1\n', '2\n', '3\n'],
    ['1\n', '2\n', '3\n'],
  ]);
  machine.sys.close(0);
});
