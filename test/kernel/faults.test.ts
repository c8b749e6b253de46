import { DMA_HEAP_IOCTL_ALLOC, F_SETFL, O_NONBLOCK, O_RDWR, POLLIN } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot, type Fault } from '../../src/index.ts';
import { formatFault, parseFault } from '../../src/kernel/index.ts';
import { allocate, describe, expect, test } from '../dma-buf/fixture.ts';

/** What calls answer: `ok`, or the error's code. */
const tried = (call: () => unknown): string => {
  try {
    call();
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

/** One character for each try: + went well, - failed. */
const pattern = (machine: BootedMachine, tries: number): string =>
  Array.from({ length: tries }, () => (tried(() => machine.sys.close(machine.sys.open('/dev/null', O_RDWR))) === 'ok' ? '+' : '-')).join(
    '',
  );

const NULL = {
  name: 'null',
  description: 'a node that does nothing',
  setUp: ({ system }: BootedMachine) => system.devices.addMisc({ name: 'null', ops: {} }),
};

describe('faults as text', () => {
  test.each<[string, Fault]>([
    ['alloc', { service: 'alloc' }],
    ['alloc:nth=3:ENOMEM', { service: 'alloc', nth: 3, error: 'ENOMEM' }],
    ['fd:every=5:times=2', { service: 'fd', every: 5, times: 2 }],
    ['copy_to_user:call=DMA_HEAP_IOCTL_ALLOC:p=0.25', { service: 'copy_to_user', call: 'DMA_HEAP_IOCTL_ALLOC', p: 0.25 }],
    [
      'wait:task=cat:after=1.5s:before=2000ms:nth=1:ERESTARTSYS',
      { service: 'wait', task: 'cat', after_ns: 1.5e9, before_ns: 2e9, nth: 1, error: 'ERESTARTSYS' },
    ],
    ['alloc:what=struct sync_file', { service: 'alloc', what: 'struct sync_file' }],
  ])('%s', (text, fault) => {
    expect(parseFault(text)).toEqual(fault);
    expect(parseFault(formatFault(fault))).toEqual(fault);
  });

  test.each([
    ['allok:nth=3', 'no service is called "allok"', '^^^^^'],
    ['alloc:nht=3', 'no selector is called "nht"; there are nth, every', '      ^^^'],
    ['alloc:nth=0', 'nth is a whole number from 1 on', '          ^'],
    ['alloc:nth=', 'nth is a whole number from 1 on', '          ^'],
    ['alloc:p=2', 'p is a share from 0 to 1', '        ^'],
    ['alloc:after=2', 'after is a time with its unit', '            ^'],
    ['alloc:nth=1:nth=2', 'nth is given twice', '            ^^^'],
    ['alloc:ENOMEN', 'neither a selector, as nth=3, nor the name of an error', '      ^^^^^^'],
    ['alloc:EIO', 'alloc cannot fail with EIO, but with ENOMEM', '      ^^^'],
    ['alloc:ENOMEM:ENOMEM', 'there is an error already', '             ^^^^^^'],
  ])('%s is refused, and where it is wrong is shown', (text, message, marks) => {
    const lines = (() => {
      try {
        parseFault(text);
        return [];
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        return (error as Error).message.split('\n');
      }
    })();
    expect(lines[0]).toMatch(message);
    expect(lines.slice(1)).toEqual([`  ${text}`, `  ${marks}`]);
  });

  test.each<[Fault | string, string]>([
    ['alloc:after=2s:before=1s', 'the time between'],
    ['wait:ERESTARTSYS', 'never ends'],
    [{ service: 'alloc', nth: 1.5 }, 'nth is a whole number'],
    [{ service: 'alloc', p: Number.NaN }, 'p is a share'],
    [{ service: 'alloc', error: 'EIO' }, 'cannot fail with EIO'],
    [{ service: 'bus' as 'alloc' }, 'no service is called bus'],
  ])('%j makes no sense', (fault, message) => {
    expect(() => boot(undefined, { faults: [fault] })).toThrow(message);
  });
});

describe('which uses fail', () => {
  test.each([
    ['fd', '----------'],
    ['fd:nth=3', '++-+++++++'],
    ['fd:every=4', '+++-+++-++'],
    ['fd:every=2:times=2', '+-+-++++++'],
    ['fd:p=0', '++++++++++'],
    ['fd:p=1', '----------'],
    ['fd:task=other', '++++++++++'],
    ['fd:task=main', '----------'],
    ['fd:call=openat:nth=2', '+-++++++++'],
    ['fd:call=dup', '++++++++++'],
    ['file:what=/dev/null:nth=1', '-+++++++++'],
    ['file:what=/dev/zero', '++++++++++'],
    ['fd:before=1s', '----------'],
    ['fd:after=1s', '++++++++++'],
  ])('%s', (text, answers) => {
    expect(pattern(boot(NULL, { faults: [text] }), 10)).toBe(answers);
  });

  test('by chance: the seed decides', () => {
    const of = (seed: number) => pattern(boot(NULL, { seed, faults: ['fd:p=0.3'] }), 60);
    expect(of(1)).toBe(of(1));
    expect(of(1)).not.toBe(of(2));
    const failures = of(1).split('-').length - 1;
    expect(failures).toBeGreaterThan(5);
    expect(failures).toBeLessThan(35);
  });

  test('a request of an ioctl has a name of its own', () => {
    const machine = boot(undefined, { faults: ['fd:call=DMA_HEAP_IOCTL_ALLOC:nth=2'] });
    const { sys } = machine;
    sys.close(allocate(sys));
    expect(tried(() => allocate(sys))).toBe('EMFILE');
    sys.close(allocate(sys));
    machine.shutdown();
  });

  test('plans come and go', () => {
    const machine = boot(NULL);
    expect(pattern(machine, 2)).toBe('++');
    const remove = machine.faults.add({ service: 'fd', error: 'ENOMEM' });
    expect(tried(() => machine.sys.open('/dev/null', O_RDWR))).toBe('ENOMEM');
    remove();
    expect(pattern(machine, 2)).toBe('++');
    machine.faults.add('fd');
    machine.faults.clear();
    expect(pattern(machine, 2)).toBe('++');
    expect(machine.faults.isActive).toBe(false);
  });

  test('hits are told, logged and kept; what never came is known', () => {
    const told: string[] = [];
    const machine = boot(NULL, { faults: ['fd:nth=2', 'fd:nth=9', 'alloc:what=struct sync_file'] });
    machine.faults.onHit = ({ text }) => told.push(text);
    expect(pattern(machine, 3)).toBe('+-+');
    expect(told).toEqual(['fd fails with EMFILE in openat(-100, /dev/null) of task 1 (main)']);
    expect(machine.system.log.toString()).toMatch('FAULT_INJECTION: forcing a failure: fd fails with EMFILE');
    expect(machine.faults.hits).toHaveLength(1);
    expect(machine.faults.unused).toEqual([
      { fault: { service: 'fd', nth: 9 }, uses: 3 },
      { fault: { service: 'alloc', what: 'struct sync_file' }, uses: 0 },
    ]);
  });
});

describe('a wait that a fault interrupts', () => {
  const reader = (faults: readonly string[]) => {
    const machine = boot(undefined, { faults });
    const { sys } = machine;
    const [one, other] = sys.socketpair();
    return { machine, sys, one, other };
  };

  test('fails with EINTR', () => {
    const { sys, one } = reader(['wait:nth=1']);
    expect(tried(() => sys.read(one, 8))).toBe('EINTR');
  });

  test('begins again with ERESTARTSYS, unseen by the program', () => {
    const { machine, sys, one, other } = reader(['wait:nth=1:call=read:ERESTARTSYS']);
    const tid = sys.thread(function* (own) {
      yield* own.write(other, 'x');
    });
    expect(sys.read(one, 8)).toHaveLength(1);
    sys.waitpid(tid);
    expect(machine.faults.hits).toHaveLength(1);
  });

  test('ends calls that never begin again', () => {
    const { sys, one } = reader(['wait:nth=1:ERESTARTSYS']);
    expect(tried(() => sys.poll([{ fd: one, events: POLLIN }], 5))).toBe('EINTR');
  });

  test('is only one that would have waited', () => {
    const { sys, one, other, machine } = reader(['wait']);
    sys.write(other, 'x');
    expect(sys.read(one, 8)).toHaveLength(1);
    sys.fcntl(one, F_SETFL, O_NONBLOCK);
    expect(tried(() => sys.read(one, 8))).toBe('EAGAIN');
    expect(machine.faults.hits).toEqual([]);
  });
});

test('a copy that fails leaves what it says on Linux: an allocated buffer is there, though nobody was told its number', () => {
  const machine = boot(undefined, { faults: ['copy_to_user:nth=1'] });
  const { sys } = machine;
  const heap = sys.open('/dev/dma_heap/system', O_RDWR);
  expect(tried(() => sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 4096, fd_flags: O_RDWR }))).toBe('EFAULT');
  sys.close(heap + 1);
  sys.close(heap);
  machine.shutdown();
});
