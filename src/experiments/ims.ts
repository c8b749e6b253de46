/** What static vectors cost a device with many clients: the claims of 5.1 of docs/reference/ims-dsa.md, tried. */
import { Errno } from '../abi/index.ts';
import { Ims, type ImsSettings } from '../ims/index.ts';
import {
  freeIrq,
  IRQ_HANDLED,
  type Irqs,
  irqs,
  MessageRouter,
  MessageTable,
  MSI_DEFAULT_DOMAIN,
  MsiDevice,
  msixTemplate,
  requestIrq,
  setAffinity,
} from '../irq/index.ts';
import type { Kernel, System } from '../kernel/index.ts';
import { type Board, Machine } from '../machine/index.ts';
import type { Experiment } from './experiment.ts';

const CPUS = 64;
const REQUESTER = 0x6a08;
/** Of MSI-X, and what a driver that must say at probe how many it will need asks for. */
const MSIX_ENTRIES = 2048;
const STATIC_VECTORS = 256;
const CLIENTS = 3000;

/** A way to give clients vectors. */
interface Design {
  /** @throws Errno */
  allocate(): Kernel<void>;
  /** Frees the vector of one client. @throws Errno */
  free(): Kernel<void>;
  /** The device fires for a client that has a vector. */
  fire(): void;
  /** How often it did, and how often that was heard. */
  readonly fired: number;
  readonly heard: number;
  /** How many messages were written into the device. */
  readonly writes: number;
  /** The machine's number of that client's interrupt. */
  readonly irq: number;
}

interface World {
  readonly system: System;
  readonly all: Irqs;
  readonly router: MessageRouter;
}

type MakeDesign = (world: World) => Design;

/** MSI-X as a driver uses it that asks at probe: to have more, it gives all back and asks again. */
const staticMsix: MakeDesign = ({ all, router }) => {
  const device = new MsiDevice(router, { name: '0000:6a:01.0', requester: REQUESTER });
  const table = new MessageTable(router, REQUESTER, { entries: MSIX_ENTRIES });
  const state = { fired: 0, heard: 0, writes: 0, vectors: 0, clients: 0 };
  const fire = () => {
    state.fired++;
    table.fire(0);
  };
  const template = msixTemplate(table);
  device.createDomain(
    MSI_DEFAULT_DOMAIN,
    {
      ...template,
      write: (desc, message) => {
        state.writes++;
        template.write(desc, message);
      },
    },
    MSIX_ENTRIES,
  );
  const irqOf = (index: number) => device.desc(MSI_DEFAULT_DOMAIN, index)?.irq as number;
  const enable = (count: number) => {
    device.allocateRange(MSI_DEFAULT_DOMAIN, 0, count - 1);
    for (let index = 0; index < count; index++) {
      const handler = () => {
        if (index === 0) state.heard++;
        return IRQ_HANDLED;
      };
      requestIrq(all, irqOf(index), { name: `msix-${index}`, devId: index, handler });
    }
    state.vectors = count;
    table.isEnabled = true;
  };
  enable(STATIC_VECTORS);
  function* grow(): Kernel<void> {
    if (state.vectors === MSIX_ENTRIES) throw new Errno('ENOSPC', `the table has ${MSIX_ENTRIES} entries`);
    table.isEnabled = false;
    for (let index = 0; index < state.vectors; index++) {
      yield* freeIrq(all, irqOf(index), index);
      device.free(MSI_DEFAULT_DOMAIN, index);
    }
    // What the device has to say meanwhile, nobody hears.
    fire();
    enable(Math.min(MSIX_ENTRIES, state.vectors * 2));
  }
  return {
    *allocate() {
      if (state.clients === state.vectors) yield* grow();
      state.clients++;
    },
    *free() {
      throw new Errno('EINVAL', 'all of them or none');
    },
    fire,
    get fired() {
      return state.fired;
    },
    get heard() {
      return state.heard;
    },
    get writes() {
      return state.writes;
    },
    get irq() {
      return irqOf(0);
    },
  };
};

/** One of the variants of the message store. */
const store =
  (settings: Partial<ImsSettings>): MakeDesign =>
  ({ system, all, router }) => {
    const ims = new Ims({
      system,
      irqs: all,
      router,
      name: 'dsa0',
      requester: REQUESTER,
      deviceId: 1,
      actionName: 'ims',
      settings,
    });
    system.scheduler.complete('the probe', ims.probe());
    const first = () => [...ims.groups.values()].find(({ id }) => id > 0 || settings.mode === 'static')?.vectors[0];
    let last = 0;
    let fired = 0;
    return {
      *allocate() {
        const { id } = yield* ims.allocateGroup(1, { pid: 0, queue: 'wq0.0' });
        last = id;
      },
      *free() {
        yield* ims.freeGroup(last);
      },
      fire() {
        const vector = first();
        if (vector === undefined) return;
        fired++;
        ims.fire(vector);
      },
      get fired() {
        return fired;
      },
      get heard() {
        return first()?.count ?? 0;
      },
      get writes() {
        return ims.storage.counts.writes;
      },
      get irq() {
        return first()?.irq ?? 0;
      },
    };
  };

const VARIANTS: readonly { readonly name: string; readonly make: MakeDesign; readonly needsRemapping?: true }[] = [
  { name: 'MSI-X at probe', make: staticMsix },
  { name: 'platform MSI', make: store({ mode: 'static', staticVectors: STATIC_VECTORS }) },
  { name: 'groups, array (2020)', make: store({ storage: 'array', staticVectors: 9, remapping: 'require' }) },
  { name: 'groups, contexts (2020)', make: store({ storage: 'context', staticVectors: 9, remapping: 'require' }) },
  { name: 'one a call (2022)', make: store({ storage: 'context', policy: '2022', staticVectors: 9, remapping: 'require' }) },
  { name: 'split, no remapping', make: store({ storage: 'context', staticVectors: 9, remapping: 'off' }) },
];

const board = (): Board => ({ name: 'ims', description: 'for the experiment', cpus: CPUS, setUp() {} });

function withWorld<T>(seed: number, remapping: boolean, use: (world: World) => T): T {
  const machine = new Machine(board(), { seed });
  const { system } = machine;
  const all = irqs(system);
  return use({ system, all, router: new MessageRouter(all, { remapping }) });
}

const codeOf = (error: unknown): string => {
  if (error instanceof Errno) return error.code;
  throw error;
};

/** How many clients get one, and what the next is told. */
function allocateMany({ system }: World, design: Design, clients: number): string {
  for (let count = 0; count < clients; count++) {
    try {
      system.scheduler.complete('a client', design.allocate());
    } catch (error) {
      return `${count}, then ${codeOf(error)}`;
    }
  }
  return `${clients}`;
}

/** What happens to events that come while clients arrive: one before, one between any two. */
function loseWhileGrowing(world: World, design: Design): string {
  const { scheduler } = world.system;
  for (let count = 0; count < STATIC_VECTORS + 2; count++) {
    try {
      scheduler.complete('a client', design.allocate());
    } catch (error) {
      return codeOf(error);
    }
    design.fire();
    scheduler.runFor(1e4);
  }
  return `${design.fired - design.heard}`;
}

function freeOne({ system }: World, design: Design): string {
  try {
    system.scheduler.complete('a client', design.allocate());
    system.scheduler.complete('its end', design.free());
    return 'yes';
  } catch (error) {
    return codeOf(error);
  }
}

function rewrites({ system, all }: World, design: Design): string {
  try {
    system.scheduler.complete('a client', design.allocate());
  } catch {
    // A static design has its vectors all the same.
  }
  const before = design.writes;
  for (let cpu = 1; cpu <= 10; cpu++) {
    const desc = all.get(design.irq);
    if (desc !== undefined) setAffinity(desc, [cpu]);
    // The first interrupt comes where it went, the second where it goes.
    for (let i = 0; i < 2; i++) {
      design.fire();
      system.scheduler.runFor(1e7);
    }
  }
  return `${design.writes - before}`;
}

function answer(seed: number, make: MakeDesign, ask: (world: World, design: Design) => string, remapping = true): string {
  return withWorld(seed, remapping, (world) => {
    try {
      return ask(world, make(world));
    } catch (error) {
      return codeOf(error);
    }
  });
}

export const ims: Experiment = {
  name: 'ims',
  description: 'vectors for thousands of clients: all at probe, or in groups at any time',
  run(seed) {
    const row = (question: string, ask: (world: World, design: Design) => string, remapping?: boolean) => ({
      question,
      answers: VARIANTS.map(({ make }) => answer(seed, make, ask, remapping)),
    });
    return {
      variants: VARIANTS.map(({ name }) => name),
      rows: [
        row(`1: of ${CLIENTS} clients have a vector`, (world, design) => allocateMany(world, design, CLIENTS)),
        row('2: of 20000 clients have one', (world, design) => allocateMany(world, design, 20_000)),
        row('3: one client gives its own back', freeOne),
        row(`4: events lost while ${STATIC_VECTORS + 2} clients arrive`, loseWhileGrowing),
        row('5: messages rewritten in ten moves', rewrites),
        row('6: the same on a machine that does not remap', rewrites, false),
      ],
    };
  },
};
