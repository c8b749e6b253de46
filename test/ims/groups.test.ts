import { describe, expect, test } from 'vitest';
import { IMS_MAX_NVEC, type ImsGroup, type ImsVector } from '../../src/ims/index.ts';
import { VECTORS_PER_CPU } from '../../src/irq/index.ts';
import { bootIms, client } from './fixture.ts';

type Setup = ReturnType<typeof bootIms>;

const allocate = ({ run, ims }: Setup, nvec: number, pid = 1, pasid?: number): ImsGroup => run(ims.allocateGroup(nvec, client(pid, pasid)));
const only = (group: ImsGroup) => group.vectors[0] as ImsVector;
const hwirq = ({ all }: Setup, { irq }: ImsVector) => all.get(irq)?.data.hwirq;

/** The device fires, and the machine has time to hear it. */
function fire({ ims, pass }: Setup, vector: ImsVector, times = 1): void {
  for (let i = 0; i < times; i++) {
    ims.fire(vector);
    pass(1e4);
  }
}

describe('groups (14 of docs/reference/ims-dsa.md)', () => {
  test.each([0, IMS_MAX_NVEC + 1])('%i vectors are EINVAL', (nvec) => {
    expect(() => allocate(bootIms(), nvec)).toThrow('EINVAL');
  });

  test('the first is 1, the next 2; their numbers differ', () => {
    const setup = bootIms();
    const [first, second] = [allocate(setup, 2), allocate(setup, 2)];
    expect([first.id, second.id]).toEqual([1, 2]);
    const numbers = [...first.vectors, ...second.vectors].map((vector) => hwirq(setup, vector));
    expect(new Set(numbers).size).toBe(4);
  });

  test('ids are not used again, entries are, the lowest first', () => {
    const setup = bootIms();
    const [first] = [allocate(setup, 2), allocate(setup, 2)];
    setup.run(setup.ims.freeGroup(1));
    const third = allocate(setup, 1);
    expect(third.id).toBe(3);
    expect(only(third).slot).toBe(only(first).slot);
  });

  test('group 0 and one that there is not cannot be freed', () => {
    const setup = bootIms();
    setup.run(setup.ims.probe());
    expect(() => setup.run(setup.ims.freeGroup(0))).toThrow('EINVAL');
    expect(() => setup.run(setup.ims.freeGroup(7))).toThrow('EINVAL');
  });

  test('one that descriptors name is EBUSY', () => {
    const setup = bootIms();
    const group = allocate(setup, 1);
    group.inFlight = 1;
    expect(() => setup.run(setup.ims.freeGroup(1))).toThrow('EBUSY');
  });

  test('an array that is full is ENOSPC, and nothing of the group is left', () => {
    const setup = bootIms({ slots: 4 });
    setup.run(setup.ims.probe());
    allocate(setup, 2);
    expect(() => allocate(setup, 2)).toThrow('ENOSPC');
    expect(setup.ims.inUse).toBe(3);
    allocate(setup, 1);
  });

  test('contexts have as many as processors have vectors, but for the one that tells of faults', () => {
    const setup = bootIms({ storage: 'context', cpus: 1, slots: 4 });
    for (let pid = 0; pid < VECTORS_PER_CPU - 1; pid++) allocate(setup, 1, pid);
    expect(() => allocate(setup, 1)).toThrow('ENOSPC');
  });

  test('in static mode there is no group after probe', () => {
    const setup = bootIms({ mode: 'static', staticVectors: 4 });
    expect(() => allocate(setup, 1)).toThrow('EINVAL');
    setup.run(setup.ims.probe());
    expect(() => allocate(setup, 1)).toThrow('EBUSY');
    const [, second] = setup.ims.groups.get(0)?.vectors ?? [];
    expect(hwirq(setup, second as ImsVector)).toBe((5 << 11) | 1);
  });

  test('by the policy of 2022 a call gives one', () => {
    const setup = bootIms({ policy: '2022' });
    expect(() => allocate(setup, 2)).toThrow('EINVAL');
    allocate(setup, 1);
  });

  test.each([
    ['2020', 'ENOSYS'],
    ['2022', 'EOPNOTSUPP'],
  ] as const)('remapping that is required and missing, by the policy of %s', (policy, error) => {
    const setup = bootIms({ remapping: 'require', canRemap: false, policy });
    expect(() => setup.run(setup.ims.probe())).toThrow(error);
    expect(() => allocate(setup, 1)).toThrow(error);
  });

  test('settings change while there is no group', () => {
    const setup = bootIms();
    setup.run(setup.ims.probe());
    allocate(setup, 1);
    expect(() => setup.run(setup.ims.configure({ storage: 'context' }))).toThrow('EBUSY');
    setup.run(setup.ims.freeGroup(1));
    setup.run(setup.ims.configure({ storage: 'context' }));
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    fire(setup, vector);
    expect(heard.count).toBe(1);
    expect(hwirq(setup, vector)).toBe((5 << 16) | 1);
  });
});

describe.each(['array', 'context'] as const)('events of an %s', (storage) => {
  test('come to the vector that fires, and to no other', () => {
    const setup = bootIms({ storage });
    const group = allocate(setup, 3);
    const heard = group.vectors.map(setup.listen);
    fire(setup, group.vectors[1] as ImsVector, 2);
    expect(heard.map(({ count }) => count)).toEqual([0, 2, 0]);
    expect(setup.ims.counts.delivered).toBe(2);
  });

  test.each([
    [true, 1],
    [false, 0],
  ])('three while masked; remembered: %s', (pending, expected) => {
    const setup = bootIms({ storage, pending });
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    setup.run(setup.ims.setMask(vector, true));
    fire(setup, vector, 3);
    setup.run(setup.ims.setMask(vector, false));
    setup.pass(1e4);
    expect(heard.count).toBe(expected);
    expect(setup.ims.storage.counts.lost).toBe(pending ? 0 : 3);
  });

  test('what was sent before the group is freed is counted before it is gone', () => {
    const setup = bootIms({ storage });
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    setup.ims.fire(vector);
    setup.run(setup.ims.freeGroup(1));
    expect(heard).toEqual({ count: 1, isPut: true });
  });

  test.each(['on', 'off'] as const)('a move with remapping %s', (remapping) => {
    const setup = bootIms({ storage, remapping });
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    const { message } = setup.ims.storage.entry(vector.slot);
    setup.machine.fs.writeFileSync(`/proc/irq/${vector.irq}/smp_affinity_list`, '3');
    fire(setup, vector, 3);
    setup.pass(1e7);
    expect(heard.count).toBe(3);
    const after = setup.ims.storage.entry(vector.slot).message;
    if (remapping === 'on') expect(after).toEqual(message);
    else expect(after).not.toEqual(message);
    const cpus = remapping === 'on' || storage === 'context' ? '0,0,0,3' : '0,1,0,2';
    expect(setup.cat(`/sys/kernel/irq/${vector.irq}/per_cpu_count`)).toBe(`${cpus}\n`);
  });
});

describe('handles', () => {
  test('are of the client whose PASID the entry has', () => {
    const setup = bootIms();
    const vector = only(allocate(setup, 1, 1, 42));
    const handle = setup.ims.bindHandle(vector);
    expect(setup.ims.vectorFor(handle, 42)).toBe(vector);
    expect(setup.ims.vectorFor(handle, 43)).toBeUndefined();
    expect(setup.ims.vectorFor(handle + 1, 42)).toBeUndefined();
    setup.ims.releaseHandle(vector);
    expect(setup.ims.vectorFor(handle, 42)).toBeUndefined();
    expect(setup.ims.counts.invalidHandles).toBe(3);
  });
});

describe('what goes wrong when a message or a mask is rewritten (6.6)', () => {
  test('a context whose device is not told: the old mask holds', () => {
    const setup = bootIms({ storage: 'context' });
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    setup.ims.storage.setMask(vector.slot, true);
    fire(setup, vector);
    expect(heard.count).toBe(1);
    expect(setup.ims.storage.counts.stale).toBe(1);
  });

  test('a context that the device reads later: the old message goes out until then', () => {
    const setup = bootIms({ storage: 'context', sync_us: 50 });
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    const masking = setup.machine.system.scheduler.spawn('the driver', undefined, setup.ims.setMask(vector, true));
    fire(setup, vector);
    expect(masking.state).not.toBe('ended');
    expect(heard.count).toBe(1);
    setup.pass(1e5);
    expect(masking.state).toBe('ended');
    fire(setup, vector);
    expect(heard.count).toBe(1);
  });

  test('a command that fails says nothing, and the device goes on with the old', () => {
    const setup = bootIms({ storage: 'context' });
    const vector = only(allocate(setup, 1));
    const heard = setup.listen(vector);
    setup.ims.settings.syncFailRate = 100;
    setup.run(setup.ims.setMask(vector, true));
    fire(setup, vector);
    expect(heard.count).toBe(1);
    expect(setup.ims.storage.isStale(vector.slot)).toBe(true);
  });

  test('a mask that is not read back: one more event comes', () => {
    for (const isFlushed of [true, false]) {
      const setup = bootIms({ hazards: new Set(isFlushed ? [] : (['noflush'] as const)) });
      const vector = only(allocate(setup, 1));
      setup.pass(1e5);
      const heard = setup.listen(vector);
      setup.ims.storage.setMask(vector.slot, true);
      fire(setup, vector);
      expect(heard.count).toBe(isFlushed ? 0 : 1);
    }
  });

  test('words that are written while the entry is not masked: an event goes to the processor of the one and the vector of the other', () => {
    const moveAndFire = (isTorn: boolean) => {
      const setup = bootIms({ remapping: 'off', hazards: new Set(isTorn ? (['torn'] as const) : []) });
      const vector = only(allocate(setup, 1));
      const other = only(allocate(setup, 1, 2));
      setup.pass(1e5);
      const heard = setup.listen(vector);
      const others = setup.listen(other);
      // On the processor where it goes, another vector is the lowest free one.
      setup.machine.fs.writeFileSync(`/proc/irq/${other.irq}/smp_affinity_list`, '3');
      fire(setup, other);
      setup.pass(1e7);
      setup.machine.fs.writeFileSync(`/proc/irq/${vector.irq}/smp_affinity_list`, '3');
      setup.ims.fire(vector);
      // The interrupt moves it; the next event comes right behind.
      setup.pass(1000);
      setup.ims.fire(vector);
      setup.pass(1e7);
      return { own: heard.count, others: others.count - 1, torn: setup.ims.storage.counts.torn };
    };
    expect(moveAndFire(false)).toEqual({ own: 2, others: 0, torn: 0 });
    expect(moveAndFire(true)).toMatchObject({ own: 1, torn: 1 });
  });

  test('an entry that is freed while the device still fires it: its message is a write to memory', () => {
    const setup = bootIms();
    const vector = only(allocate(setup, 1));
    const { slot } = vector;
    setup.run(setup.ims.freeGroup(1));
    setup.ims.storage.fire(slot);
    // Masked: the safe order of freeing keeps it in.
    expect(setup.machine.system.findings.all).toEqual([]);
    setup.ims.storage.setMask(slot, false);
    expect(setup.machine.system.findings.all.map(({ rule }) => rule)).toEqual(['msi-to-memory']);
  });
});

describe('10 000 clients', () => {
  test('have a vector each and hear exactly their own events', () => {
    const setup = bootIms({ storage: 'context', cpus: 64 });
    const vectors = Array.from({ length: 10_000 }, (_, pid) => only(allocate(setup, 1, pid)));
    const heard = vectors.map(setup.listen);
    const random = setup.machine.system.random('clients');
    const fired = new Array(10_000).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const at = random.below(10_000);
      setup.ims.fire(vectors[at] as ImsVector);
      fired[at]++;
      setup.pass(2000);
    }
    expect(heard.map(({ count }) => count)).toEqual(fired);
  });
});
