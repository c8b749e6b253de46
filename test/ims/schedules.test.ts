import { describe, expect, test } from 'vitest';
import type { ImsGroup, ImsVector } from '../../src/ims/index.ts';
import type { Random } from '../../src/kernel/index.ts';
import { bootIms, client } from './fixture.ts';

type Setup = ReturnType<typeof bootIms>;
type Heard = ReturnType<Setup['listen']>;

interface Client {
  readonly group: ImsGroup;
  readonly heard: readonly Heard[];
  /** By vector: events that were fired, and how often one was fired while none was on its way. */
  readonly fired: number[];
}

const pick = <T>(random: Random, items: readonly T[]): T => items[random.below(items.length)] as T;

/** One step of a schedule. Steps that wait go on while others happen. */
function step(setup: Setup, random: Random, clients: Client[]): void {
  const { ims, machine, pass, listen } = setup;
  const { scheduler } = machine.system;
  const chosen = clients.length > 0 ? pick(random, clients) : undefined;
  switch (random.below(8)) {
    case 0:
    case 1: {
      const group = scheduler.complete('a client', ims.allocateGroup(1 + random.below(3), client(clients.length)));
      clients.push({ group, heard: group.vectors.map(listen), fired: group.vectors.map(() => 0) });
      return;
    }
    case 2: {
      if (chosen === undefined) return;
      clients.splice(clients.indexOf(chosen), 1);
      // Events of this moment are on their way when the group is freed.
      fire(setup, random, chosen);
      const others = clients.map(({ heard }) => heard.map(({ count }) => count));
      scheduler.spawn('the end of a client', undefined, ims.freeGroup(chosen.group.id), () => check(chosen));
      for (let i = random.below(3); i > 0 && clients.length > 0; i--) fire(setup, random, pick(random, clients));
      expect(clients.map(({ heard }) => heard.map(({ count }) => count))).toEqual(others);
      return;
    }
    case 3: {
      if (chosen === undefined) return;
      const vector = pick(random, chosen.group.vectors);
      machine.fs.writeFileSync(`/proc/irq/${vector.irq}/smp_affinity_list`, `${random.below(4)}`);
      return;
    }
    case 4:
      pass(random.below(3000));
      return;
    default:
      if (chosen !== undefined) fire(setup, random, chosen);
  }
}

function fire({ ims }: Setup, random: Random, { group, fired }: Client): void {
  const at = random.below(group.vectors.length);
  fired[at] = (fired[at] as number) + 1;
  ims.fire(group.vectors[at] as ImsVector);
}

/** At the end of a client: each vector that fired was heard, at most once for each time. Others never were. */
function check({ heard, fired, group }: Client): void {
  for (const [at, { count }] of heard.entries()) {
    const times = fired[at] as number;
    expect(count, `vector ${at} of group ${group.id}`).toBeLessThanOrEqual(times);
    expect(count > 0, `vector ${at} of group ${group.id} was fired ${times} times`).toBe(times > 0);
  }
}

function run(seed: number): void {
  const setup = bootIms({
    storage: seed % 2 === 0 ? 'array' : 'context',
    remapping: seed % 4 < 2 ? 'on' : 'off',
    sync_us: seed % 3 === 0 ? 2 : 0,
    slots: 256,
  });
  const { machine, ims } = setup;
  const free = setup.router.vectors.matrix.allAvailable;
  const random = machine.system.random(`schedule ${seed}`);
  const clients: Client[] = [];
  for (let i = 0; i < 60; i++) step(setup, random, clients);
  machine.system.scheduler.settle();
  for (const one of clients) {
    machine.system.scheduler.complete('the end of a client', ims.freeGroup(one.group.id));
    check(one);
  }
  machine.system.scheduler.complete('the end', ims.remove());
  machine.system.scheduler.settle();
  expect(machine.system.findings.all).toEqual([]);
  expect(setup.router.vectors.spurious).toBe(0);
  expect(setup.router.vectors.matrix.allAvailable, 'all vectors are given back').toBe(free);
  machine.shutdown();
}

describe('groups that come and go while others fire, move and are freed', () => {
  test('1000 schedules: nothing is lost, nothing goes to another, nothing is left', () => {
    for (let seed = 1; seed <= 1000; seed++) {
      try {
        run(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
