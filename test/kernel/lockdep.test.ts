import { O_RDWR } from '../../src/abi/uapi/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import { type FileOperations, type Kernel, Mutex, sleep, WwAcquireContext, WwClass, WwMutex } from '../../src/kernel/index.ts';
import { brokenRules, describe, expect, run, test } from '../dma-buf/fixture.ts';

const textOf = (machine: BootedMachine) => machine.system.findings.all.map(({ text }) => text).join('\n');

function mutex(machine: BootedMachine, name: string): Mutex {
  return new Mutex(name, machine.system.lockdep.lockClass(name));
}

/** Takes locks one inside the other. */
function* nest(...locks: readonly Mutex[]): Kernel<void> {
  for (const lock of locks) yield* lock.lock();
  for (const lock of locks) lock.unlock();
}

/** A device whose ioctl does something. */
function device(machine: BootedMachine, ops: FileOperations): number {
  machine.system.devices.addMisc({ name: 'rules', ops });
  return machine.sys.open('/dev/rules', O_RDWR);
}

describe('the order of locks', () => {
  test('is learnt, and the same order again is no finding', ({ machine }) => {
    const [a, b] = [mutex(machine, 'a'), mutex(machine, 'b')];
    run(machine, nest(a, b));
    run(machine, nest(a, b));
    expect(machine.system.findings.all).toEqual([]);
  });

  test('must not be the other way round elsewhere, though nobody waits today', ({ machine }) => {
    const [a, b] = [mutex(machine, 'a'), mutex(machine, 'b')];
    run(machine, nest(a, b));
    run(machine, nest(b, a));
    expect(textOf(machine)).toMatch(/a is wanted under b, .*\n {2}b was taken under a by the kernel at t=.*\n {2}a was taken under b/s);
    expect(brokenRules(machine)).toEqual(['lock-order']);
  });

  test('is followed through several classes', ({ machine }) => {
    const [a, b, c] = [mutex(machine, 'a'), mutex(machine, 'b'), mutex(machine, 'c')];
    run(machine, nest(a, b));
    run(machine, nest(b, c));
    run(machine, nest(c, a));
    expect(textOf(machine)).toMatch(/b was taken under a.*c was taken under b.*a was taken under c/s);
    expect(brokenRules(machine)).toEqual(['lock-order']);
  });

  test('is reported once a pair, with the lines of who took them', ({ machine }) => {
    const [a, b] = [mutex(machine, 'a'), mutex(machine, 'b')];
    run(machine, nest(a, b));
    for (let i = 0; i < 3; i++) run(machine, nest(b, a));
    expect(textOf(machine)).toContain('lockdep.test.ts');
    expect(brokenRules(machine)).toEqual(['lock-order']);
  });

  test('does not count what was only tried', ({ machine }) => {
    const [a, b] = [mutex(machine, 'a'), mutex(machine, 'b')];
    run(machine, nest(a, b));
    expect(b.tryLock()).toBe(true);
    expect(a.tryLock()).toBe(true);
    a.unlock();
    b.unlock();
    run(machine, nest(a, b));
    expect(machine.system.findings.all).toEqual([]);
  });

  test('is that of whoever holds the locks: two at once do not mix', async ({ machine }) => {
    const [a, b] = [mutex(machine, 'a'), mutex(machine, 'b')];
    function* slowly(lock: Mutex): Kernel<void> {
      yield* lock.lock();
      yield* sleep(10);
      lock.unlock();
    }
    machine.system.scheduler.spawn('one', undefined, slowly(a));
    machine.system.scheduler.spawn('two', undefined, slowly(b));
    run(machine, sleep(5));
    run(machine, sleep(50));
    run(machine, nest(b, a));
    expect(machine.system.findings.all).toEqual([]);
  });
});

describe('a lock twice', () => {
  test('by the same is a finding before it hangs', ({ machine }) => {
    const a = mutex(machine, 'a');
    expect(() => run(machine, nest(a, a))).toThrow('can never end');
    expect(brokenRules(machine)).toEqual(['lock-recursion']);
    // It is held for ever.
    machine.system.findings.expect('lock-held-at-end');
  });

  test('of one class without an order is one, too', ({ machine }) => {
    run(machine, nest(mutex(machine, 'a'), mutex(machine, 'a')));
    expect(brokenRules(machine)).toEqual(['lock-recursion']);
  });

  test('of one class in an acquire context is none', ({ machine }) => {
    const wwClass = new WwClass(machine.system, 'pair');
    const locks = [new WwMutex(wwClass, 'one'), new WwMutex(wwClass, 'two')];
    const context = new WwAcquireContext(wwClass);
    run(
      machine,
      (function* () {
        for (const lock of locks) yield* lock.lock({ context });
        for (const lock of locks) lock.unlock();
      })(),
    );
    context.finish();
    expect(machine.system.findings.all).toEqual([]);
  });
});

describe('a lock held at the end of a call', () => {
  test('is a finding, whether the call waited or not', ({ machine, sys }) => {
    const [a, b] = [mutex(machine, 'a'), mutex(machine, 'b')];
    const fd = device(machine, {
      *ioctl(_file, request) {
        if (request === 1) yield* a.lock();
        return 0;
      },
      llseek: () => Number(b.tryLock()),
    });
    sys.ioctl(fd, 1, 0);
    expect(textOf(machine)).toBe('a (the lock of a) is still held at the end of a call');
    sys.lseek(fd, 0, 0);
    expect(machine.system.findings.all[1]).toMatchObject({ rule: 'lock-held-at-end', who: expect.stringMatching('lseek') });
    expect(brokenRules(machine)).toEqual(['lock-held-at-end', 'lock-held-at-end']);
  });

  test('and at shutdown', ({ machine }) => {
    mutex(machine, 'a').tryLock();
    expect(() => machine.shutdown()).toThrow('a (the lock of a) is still held at shutdown');
    brokenRules(machine);
  });
});

describe('user memory', () => {
  test('must not be touched under a lock that is taken inside mmap', ({ machine, sys }) => {
    const a = mutex(machine, 'a');
    const fd = device(machine, {
      *mmap() {
        yield* nest(a);
        throw new Error('no memory here');
      },
      *read(_file, to) {
        yield* a.lock();
        const count = yield* to.put(new Uint8Array(1));
        a.unlock();
        return count;
      },
    });
    expect(sys.read(fd, 1)).toHaveLength(1);
    expect(machine.system.findings.all).toEqual([]);
    expect(() => sys.mmap(fd, { length: 4096 })).toThrow('no memory here');
    expect(textOf(machine)).toMatch(/a is wanted under mmap_lock.*mmap_lock was taken under a by read/s);
    expect(brokenRules(machine)).toEqual(['lock-order']);
  });

  test('may be touched under one that is not', ({ machine, sys }) => {
    const a = mutex(machine, 'a');
    const fd = device(machine, {
      *write(_file, from) {
        yield* a.lock();
        const bytes = yield* from.take(from.remaining);
        a.unlock();
        return bytes.length;
      },
    });
    expect(sys.write(fd, 'abc')).toBe(3);
  });
});

describe('what must not wait', () => {
  test('an event that would take a lock', ({ machine }) => {
    const a = mutex(machine, 'a');
    machine.system.clock.schedule(1, 'the interrupt', () => void a.lock().next());
    run(machine, sleep(2));
    expect(textOf(machine)).toBe('the event "the interrupt" must not wait, and may have to for the lock a');
    a.unlock();
    expect(brokenRules(machine)).toEqual(['sleep-in-atomic']);
  });

  test('an event that is a generator', ({ machine }) => {
    machine.system.clock.schedule(1, 'the interrupt', function* () {} as () => void);
    run(machine, sleep(2));
    expect(brokenRules(machine)).toEqual(['sleep-in-atomic']);
  });

  test.for([
    ['GFP_KERNEL', ['sleep-in-atomic']],
    ['GFP_NOFS', ['sleep-in-atomic']],
    ['GFP_ATOMIC', []],
    ['GFP_NOWAIT', []],
  ] as const)('an allocation in an event with %s', ([gfp, rules], { machine }) => {
    machine.system.clock.schedule(1, 'the interrupt', () => machine.system.kmalloc('a thing', gfp));
    run(machine, sleep(2));
    expect(brokenRules(machine)).toEqual(rules);
  });
});
