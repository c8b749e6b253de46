import { Errno, isErrno } from '../../src/abi/index.ts';
import { O_RDWR, PAGE_SIZE, SIGUSR1 } from '../../src/abi/uapi/index.ts';
import {
  DmaBuf,
  type DmaBufAttachment,
  type DmaBufOps,
  enableMoveNotify,
  DMA_RESV_USAGE_KERNEL as KERNEL,
  type SgTable,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import { DmaDevice, type DmaDirection, KernelMapping } from '../../src/memory/index.ts';
import { add, brokenRules, describe, expect, leastOperations, run, test } from './fixture.ts';

/** An exporter with one page of memory that tells what it is asked, and can be made to fail. */
class Exporter {
  readonly asked: string[] = [];
  readonly dmabuf: DmaBuf;
  readonly device: DmaDevice;
  /** Which operation fails, and with what. */
  fails: { readonly what: string; readonly error: Errno } | undefined;

  constructor(machine: BootedMachine, kind: 'static' | 'dynamic' | 'caching' = 'static') {
    const { system, ram } = machine;
    this.device = new DmaDevice(system, { name: 'camera0' });
    const address = ram.allocate(0);
    const memory = system.memory.allocate(PAGE_SIZE, 'a test');
    const pages = [{ address, memory, offset: 0, length: PAGE_SIZE }];
    const tell = (what: string) => () => this.#ask(what);
    const ops: DmaBufOps = {
      attach: tell('attach'),
      detach: tell('detach'),
      ...(kind === 'dynamic' ? { pin: tell('pin'), unpin: tell('unpin') } : {}),
      ...(kind === 'caching' ? { cacheSgtMapping: true } : {}),
      mapDmaBuf: (attachment, direction) => {
        this.#ask(`map ${direction}`);
        return attachment.device.mapSg(pages, direction);
      },
      unmapDmaBuf: (attachment, mapping, direction) => {
        this.#ask(`unmap ${direction}`);
        attachment.device.unmapSg(mapping, direction);
      },
      release: () => {
        memory.put();
        ram.free(address, 0);
      },
    };
    this.dmabuf = new DmaBuf(system, { exporterName: 'test', ops, size: PAGE_SIZE, flags: O_RDWR, private: undefined });
  }

  #ask(what: string): void {
    this.asked.push(what);
    if (this.fails?.what === what) throw this.fails.error;
  }

  /** What it was asked since the last time. */
  take(): string[] {
    return this.asked.splice(0);
  }

  attach(isDynamic: boolean, moved: string[] = []): Kernel<DmaBufAttachment<any>> {
    if (!isDynamic) return this.dmabuf.attach(this.device);
    return this.dmabuf.dynamicAttach(this.device, { moveNotify: ({ importerPrivate }) => void moved.push(importerPrivate) }, 'importer');
  }
}

const failing = (what: string, code: 'EBUSY' | 'EIO' | 'ENOMEM') => ({ what, error: new Errno(code, 'as the test wants it') });

/** The name of the error that kernel code ends with. */
function errorOf(machine: BootedMachine, work: Kernel<unknown>): string | undefined {
  try {
    run(machine, work);
    return undefined;
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
}

/** Under the buffer's lock. */
const locked = <T>(dmabuf: DmaBuf<any>, work: () => Kernel<T>): Kernel<T> => dmabuf.underLock('the test', work);

describe('an exporter is asked, from attach to detach', () => {
  /** Attaches, maps twice to the device, unmaps, detaches. */
  function* life(exporter: Exporter, isDynamic: boolean): Kernel<string[][]> {
    const { dmabuf } = exporter;
    const attachment = yield* exporter.attach(isDynamic);
    const asked = [exporter.take()];
    for (let round = 0; round < 2; round++) {
      const table = yield* attachment.mapUnlocked('to-device');
      expect(exporter.device.read(table.segments[0]?.busAddress ?? 0, 1)).toEqual(Uint8Array.of(0));
      yield* attachment.unmapUnlocked(table, 'to-device');
      asked.push(exporter.take());
    }
    yield* dmabuf.detach(attachment);
    asked.push(exporter.take());
    return asked;
  }

  const each = ['map to-device', 'unmap to-device'];

  test.for([
    ['static', 'static', false, [['attach'], each, each, ['detach']]],
    ['dynamic', 'static', false, [['attach', 'pin', 'map bidirectional'], [], [], ['unmap bidirectional', 'unpin', 'detach']]],
    ['static', 'dynamic', false, [['attach', 'map bidirectional'], [], [], ['unmap bidirectional', 'detach']]],
    ['dynamic', 'dynamic', false, [['attach'], ['pin', ...each, 'unpin'], ['pin', ...each, 'unpin'], ['detach']]],
    ['dynamic', 'dynamic', true, [['attach'], each, each, ['detach']]],
    ['caching', 'static', false, [['attach'], ['map to-device'], [], ['unmap to-device', 'detach']]],
    ['caching', 'dynamic', false, [['attach', 'map bidirectional'], [], [], ['unmap bidirectional', 'detach']]],
  ] as ['static' | 'dynamic' | 'caching', 'static' | 'dynamic', boolean, string[][]][])(
    '%s exporter, %s importer, move notification %s: %j',
    ([kind, importer, hasMoveNotify, asked], { machine }) => {
      if (hasMoveNotify) enableMoveNotify(machine.system);
      const exporter = new Exporter(machine, kind);
      expect(run(machine, life(exporter, importer === 'dynamic'))).toEqual(asked);
      exporter.dmabuf.put();
    },
  );

  test('for a fresh table at each map, when nothing is kept', ({ machine }) => {
    const exporter = new Exporter(machine);
    run(
      machine,
      (function* () {
        const attachment = yield* exporter.attach(false);
        const tables = [yield* attachment.mapUnlocked('to-device'), yield* attachment.mapUnlocked('from-device')];
        expect(tables[0]).not.toBe(tables[1]);
        expect(exporter.take()).toEqual(['attach', 'map to-device', 'map from-device']);
        yield* attachment.unmapUnlocked(tables[0] as SgTable, 'to-device');
        yield* attachment.unmapUnlocked(tables[1] as SgTable, 'from-device');
        yield* exporter.dmabuf.detach(attachment);
      })(),
    );
    exporter.dmabuf.put();
  });

  test('and importers see addresses and lengths, nothing of pages', ({ machine }) => {
    const exporter = new Exporter(machine);
    const table = run(
      machine,
      (function* () {
        const attachment = yield* exporter.attach(false);
        const mapped = yield* attachment.mapUnlocked('to-device');
        yield* attachment.unmapUnlocked(mapped, 'to-device');
        yield* exporter.dmabuf.detach(attachment);
        return mapped;
      })(),
    );
    expect(table).toEqual({ segments: [{ busAddress: expect.any(Number), length: PAGE_SIZE }] });
    exporter.dmabuf.put();
  });
});

describe('attach', () => {
  test.for([
    ['static', false, 'attach', 'EBUSY', ['attach']],
    ['dynamic', false, 'pin', 'ENOMEM', ['attach', 'pin', 'detach']],
    ['dynamic', false, 'map bidirectional', 'EIO', ['attach', 'pin', 'map bidirectional', 'unpin', 'detach']],
    ['static', true, 'map bidirectional', 'ENOMEM', ['attach', 'map bidirectional', 'detach']],
  ] as ['static' | 'dynamic', boolean, string, 'EBUSY', string[]][])(
    'to a %s exporter (dynamic importer: %s) whose %s fails is %s, and nothing stays: %j',
    ([kind, isDynamic, what, code, asked], { machine }) => {
      const exporter = new Exporter(machine, kind);
      const before = machine.system.ledger.count();
      exporter.fails = failing(what, code);
      expect(errorOf(machine, exporter.attach(isDynamic))).toBe(code);
      expect(exporter.take()).toEqual(asked);
      expect(exporter.dmabuf.attachments).toEqual([]);
      expect(machine.system.ledger.count()).toBe(before);
      exporter.dmabuf.put();
    },
  );

  test('puts the newest first', ({ machine }) => {
    const exporter = new Exporter(machine);
    const { dmabuf } = exporter;
    const made = ['a', 'b', 'c'].map((name) => run(machine, dmabuf.attach(new DmaDevice(machine.system, { name }))));
    expect(dmabuf.attachments.map(({ device }) => device.name)).toEqual(['c', 'b', 'a']);
    run(machine, dmabuf.detach(made[1] as DmaBufAttachment<any>));
    expect(dmabuf.attachments.map(({ device }) => device.name)).toEqual(['c', 'a']);
    for (const at of [0, 2]) run(machine, dmabuf.detach(made[at] as DmaBufAttachment<any>));
    dmabuf.put();
  });

  test('holds no reference to the buffer', ({ machine }) => {
    const exporter = new Exporter(machine);
    const attachment = run(machine, exporter.attach(false));
    expect(exporter.dmabuf.file.count).toBe(1);
    run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });

  test('copies what the importer says of memory that is no RAM', ({ machine }) => {
    const exporter = new Exporter(machine);
    const { dmabuf, device } = exporter;
    for (const allowPeer2Peer of [true, false]) {
      const attachment = run(machine, dmabuf.dynamicAttach(device, { allowPeer2Peer, moveNotify: () => {} }, undefined));
      expect(attachment.peer2peer).toBe(allowPeer2Peer);
      run(machine, dmabuf.detach(attachment));
    }
    dmabuf.put();
  });
});

describe('map_attachment', () => {
  test.for([
    ['static', false, 'map to-device', 'EIO', ['map to-device']],
    ['dynamic', true, 'pin', 'EBUSY', ['pin']],
    ['dynamic', true, 'map to-device', 'EIO', ['pin', 'map to-device', 'unpin']],
  ] as ['static' | 'dynamic', boolean, string, 'EBUSY', string[]][])(
    'of a %s exporter (dynamic importer: %s) whose %s fails is %s: %j',
    ([kind, isDynamic, what, code, asked], { machine }) => {
      const exporter = new Exporter(machine, kind);
      const attachment = run(machine, exporter.attach(isDynamic));
      exporter.take();
      exporter.fails = failing(what, code);
      expect(errorOf(machine, attachment.mapUnlocked('to-device'))).toBe(code);
      expect(exporter.take()).toEqual(asked);
      expect(exporter.dmabuf.resv.lock.isLocked).toBe(false);
      exporter.fails = undefined;
      run(machine, exporter.dmabuf.detach(attachment));
      exporter.dmabuf.put();
    },
  );

  test('of an exporter that maps nothing is ENOMEM', ({ machine }) => {
    const dmabuf = new DmaBuf(machine.system, {
      exporterName: 'empty',
      ops: leastOperations,
      size: PAGE_SIZE,
      flags: O_RDWR,
      private: undefined,
    });
    const attachment = run(machine, dmabuf.attach(new DmaDevice(machine.system, { name: 'camera0' })));
    expect(errorOf(machine, attachment.mapUnlocked('to-device'))).toBe('ENOMEM');
    run(machine, dmabuf.detach(attachment));
    dmabuf.put();
  });

  const DIRECTIONS: readonly DmaDirection[] = ['to-device', 'from-device', 'bidirectional'];

  test.for(DIRECTIONS)('that is kept %s is EBUSY for others, unless it goes both ways', (kept, { machine }) => {
    const exporter = new Exporter(machine, 'caching');
    const attachment = run(machine, exporter.attach(false));
    const table = run(machine, attachment.mapUnlocked(kept));
    for (const direction of DIRECTIONS) {
      if (kept === direction || kept === 'bidirectional') expect(run(machine, attachment.mapUnlocked(direction))).toBe(table);
      else expect(errorOf(machine, attachment.mapUnlocked(direction))).toBe('EBUSY');
    }
    run(machine, attachment.unmapUnlocked(table, kept));
    expect(exporter.take()).toEqual(['attach', `map ${kept}`]);
    run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });

  describe('of a static importer', () => {
    test('waits for KERNEL fences, and only for those', ({ machine, driver }) => {
      const exporter = new Exporter(machine);
      const { system } = machine;
      const attachment = run(machine, exporter.attach(false));
      add(exporter.dmabuf.resv, driver.fence(), WRITE);
      add(exporter.dmabuf.resv, driver.later(500), KERNEL);
      const before = system.now();
      const table = run(machine, attachment.mapUnlocked('to-device'));
      expect(system.now() - before).toBe(500);
      run(machine, attachment.unmapUnlocked(table, 'to-device'));
      run(machine, exporter.dmabuf.detach(attachment));
      exporter.dmabuf.put();
    });

    test('that a signal interrupts is ERESTARTSYS, and unmapped again', ({ machine, driver }) => {
      const exporter = new Exporter(machine);
      const attachment = run(machine, exporter.attach(false));
      add(exporter.dmabuf.resv, driver.fence(), KERNEL);
      exporter.take();
      const program = machine.spawn(function* (sys) {
        yield* sys.sigaction(SIGUSR1, { handler: () => {} });
        try {
          return (yield* attachment.mapUnlocked('to-device')).segments.length;
        } catch (error) {
          return (error as Errno).code;
        }
      });
      machine.system.scheduler.runReady();
      machine.sys.kill(program.pid, SIGUSR1);
      machine.system.scheduler.runReady();
      expect(program.result()).toBe('ERESTARTSYS');
      expect(exporter.take()).toEqual(['map to-device', 'unmap to-device']);
      expect([exporter.dmabuf.resv.lock.isLocked, attachment.mapped]).toEqual([false, 0]);
      run(machine, exporter.dmabuf.detach(attachment));
      exporter.dmabuf.put();
    });
  });

  test('of a dynamic importer does not wait', ({ machine, driver }) => {
    enableMoveNotify(machine.system);
    const exporter = new Exporter(machine, 'dynamic');
    const attachment = run(machine, exporter.attach(true));
    add(exporter.dmabuf.resv, driver.fence(), KERNEL);
    const before = machine.system.now();
    const table = run(machine, attachment.mapUnlocked('to-device'));
    expect(machine.system.now()).toBe(before);
    run(machine, attachment.unmapUnlocked(table, 'to-device'));
    run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });
});

describe('pin and unpin', () => {
  test.for([
    ['dynamic', ['pin', 'unpin']],
    ['static', []],
  ] as const)('ask a %s exporter: %j', ([kind, asked], { machine }) => {
    const exporter = new Exporter(machine, kind);
    const { dmabuf } = exporter;
    const attachment = run(machine, exporter.attach(true));
    exporter.take();
    run(
      machine,
      locked(dmabuf, function* () {
        yield* attachment.pin();
        yield* attachment.unpin();
      }),
    );
    expect(exporter.take()).toEqual(asked);
    run(machine, dmabuf.detach(attachment));
    dmabuf.put();
  });

  test('are not for static importers', ({ machine }) => {
    const exporter = new Exporter(machine);
    const attachment = run(machine, exporter.attach(false));
    run(
      machine,
      locked(exporter.dmabuf, function* () {
        yield* attachment.pin();
        yield* attachment.unpin();
      }),
    );
    expect(brokenRules(machine)).toEqual(['dma-buf-static-importer', 'dma-buf-static-importer']);
    run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });
});

describe('move_notify', () => {
  test('tells dynamic importers, newest first, and no others', ({ machine }) => {
    const exporter = new Exporter(machine, 'dynamic');
    const { dmabuf, device } = exporter;
    const moved: string[] = [];
    const note = { moveNotify: ({ importerPrivate }: DmaBufAttachment<string>) => void moved.push(importerPrivate) };
    const slow = {
      *moveNotify({ importerPrivate }: DmaBufAttachment<string>) {
        yield* sleep(3);
        moved.push(importerPrivate);
      },
    };
    const attachments = [
      run(machine, dmabuf.dynamicAttach<string>(device, note, 'first')),
      run(machine, dmabuf.attach(device)),
      run(machine, dmabuf.dynamicAttach<string>(device, slow, 'third')),
    ];
    run(
      machine,
      locked(dmabuf, () => dmabuf.moveNotify()),
    );
    expect(moved).toEqual(['third', 'first']);
    for (const attachment of attachments) run(machine, dmabuf.detach(attachment as DmaBufAttachment<any>));
    dmabuf.put();
  });
});

describe('the reservation lock', () => {
  const needsLock: readonly [string, (attachment: DmaBufAttachment<any>) => Kernel<unknown>][] = [
    ['pin', (attachment) => attachment.pin()],
    ['unpin', (attachment) => attachment.unpin()],
    ['unmap_attachment', (attachment) => attachment.unmap({ segments: [] }, 'to-device')],
    ['move_notify', (attachment) => attachment.dmabuf.moveNotify()],
    [
      'map_attachment',
      function* (attachment) {
        const table = yield* attachment.map('to-device');
        yield* locked(attachment.dmabuf, () => attachment.unmap(table, 'to-device'));
      },
    ],
    [
      'vmap',
      function* ({ dmabuf }) {
        try {
          yield* dmabuf.vmap();
        } catch (error) {
          if (!isErrno(error, 'EINVAL')) throw error;
        }
      },
    ],
  ];

  test.for(needsLock)('must be held for %s', ([what, call], { machine }) => {
    const exporter = new Exporter(machine, 'dynamic');
    const attachment = run(machine, exporter.attach(true));
    run(machine, call(attachment));
    expect(machine.system.findings.all[0]).toMatchObject({
      rule: 'dma-buf-not-locked',
      text: `${what} of dma-buf 1 (test), 4096 bytes without its reservation lock`,
    });
    brokenRules(machine);
    run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });

  const mustNotHold: readonly [string, (attachment: DmaBufAttachment<any>) => Kernel<unknown>][] = [
    ['attach', ({ dmabuf, device }) => dmabuf.attach(device)],
    ['detach', (attachment) => attachment.dmabuf.detach(attachment)],
    ['vmap_unlocked', ({ dmabuf }) => dmabuf.vmapUnlocked()],
    ['vunmap_unlocked', ({ dmabuf }) => dmabuf.vunmapUnlocked(new KernelMapping([]))],
    ['map_attachment_unlocked', (attachment) => attachment.mapUnlocked('to-device')],
    ['unmap_attachment_unlocked', (attachment) => attachment.unmapUnlocked({ segments: [] }, 'to-device')],
  ];

  test.for(mustNotHold)('must not be held for %s: it would wait for itself', ([what, call]) => {
    // The machine of the test's own would not shut down, for nobody can end that wait.
    const machine = boot();
    const exporter = new Exporter(machine);
    const { dmabuf } = exporter;
    const attachment = run(machine, exporter.attach(false));
    const stuck = locked(dmabuf, () => call(attachment));
    expect(() => run(machine, stuck)).toThrow('the test can never end');
    expect(machine.system.findings.all).toMatchObject([
      { rule: 'dma-buf-locked', text: `${what} of dma-buf 1 (test), 4096 bytes by somebody who holds its reservation lock` },
      { rule: 'lock-recursion' },
    ]);
  });

  test.for([
    ['begin_cpu_access', 'beginCpuAccess'],
    ['end_cpu_access', 'endCpuAccess'],
  ] as const)('must not be held for %s', ([what, call], { machine }) => {
    const exporter = new Exporter(machine);
    const { dmabuf } = exporter;
    const access = function* () {
      expect(dmabuf[call]('from-device')).toBe(0);
    };
    run(machine, locked(dmabuf, access));
    expect(machine.system.findings.all[0]?.text).toMatch(new RegExp(`^${what} of dma-buf 1`));
    expect(brokenRules(machine)).toEqual(['dma-buf-locked']);
    dmabuf.put();
  });

  test('that another task holds is none of the caller’s, and no hindrance', ({ machine }) => {
    const exporter = new Exporter(machine);
    const { dmabuf } = exporter;
    machine.system.scheduler.spawn(
      'another',
      undefined,
      locked(dmabuf, () => sleep(100)),
    );
    machine.system.scheduler.runReady();
    expect(dmabuf.resv.lock.isLocked).toBe(true);
    expect(dmabuf.beginCpuAccess('from-device')).toBe(0);
    const before = machine.system.now();
    const attachment = run(machine, exporter.attach(false));
    expect(machine.system.now() - before).toBe(100);
    run(machine, dmabuf.detach(attachment));
    dmabuf.put();
  });
});

describe('misuse is found', () => {
  test('unmapping a table twice, or that of another', ({ machine }) => {
    const exporter = new Exporter(machine);
    const [one, other] = [run(machine, exporter.attach(false)), run(machine, exporter.attach(false))];
    const table = run(machine, one.mapUnlocked('to-device'));
    run(machine, other.unmapUnlocked(table, 'to-device'));
    run(machine, one.unmapUnlocked(table, 'to-device'));
    run(machine, one.unmapUnlocked(table, 'to-device'));
    expect(brokenRules(machine)).toEqual(['dma-buf-not-mapped', 'dma-buf-not-mapped']);
    for (const attachment of [one, other]) run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });

  test('detaching twice, or from another buffer', ({ machine }) => {
    const [one, other] = [new Exporter(machine), new Exporter(machine)];
    const attachment = run(machine, one.attach(false));
    run(machine, other.dmabuf.detach(attachment));
    run(machine, one.dmabuf.detach(attachment));
    run(machine, one.dmabuf.detach(attachment));
    expect(brokenRules(machine)).toEqual(['dma-buf-not-attached', 'dma-buf-not-attached']);
    for (const { dmabuf } of [one, other]) dmabuf.put();
  });

  test('detaching while something is mapped', ({ machine }) => {
    const exporter = new Exporter(machine);
    const attachment = run(machine, exporter.attach(false));
    const table = run(machine, attachment.mapUnlocked('to-device'));
    run(machine, exporter.dmabuf.detach(attachment));
    expect(brokenRules(machine)).toEqual(['dma-buf-detached-mapped']);
    run(machine, attachment.unmapUnlocked(table, 'to-device'));
    exporter.dmabuf.put();
  });

  test('the release of a buffer that a device still uses', ({ machine }) => {
    const exporter = new Exporter(machine);
    const attachment = run(machine, exporter.attach(false));
    const table = run(machine, attachment.mapUnlocked('to-device'));
    exporter.dmabuf.put();
    expect(machine.system.findings.all[0]?.text).toBe(
      'dma-buf 1 (test), 4096 bytes was released while attached to camera0, which has it mapped',
    );
    expect(brokenRules(machine)).toEqual(['dma-buf-released-attached']);
    run(machine, attachment.unmapUnlocked(table, 'to-device'));
    run(machine, exporter.dmabuf.detach(attachment));
  });

  test('exporting with operations that do not go together', ({ machine }) => {
    const make = (ops: Partial<DmaBufOps>) => () =>
      new DmaBuf<unknown>(machine.system, {
        exporterName: 'odd',
        ops: { ...leastOperations, ...ops },
        size: PAGE_SIZE,
        flags: O_RDWR,
        private: undefined,
      });
    const before = machine.system.ledger.count();
    expect(make({ pin: () => {} })).toThrow('EINVAL: one of pin and unpin without the other');
    expect(make({ unpin: () => {} })).toThrow('EINVAL');
    expect(make({ cacheSgtMapping: true, pin: () => {}, unpin: () => {} })).toThrow('EINVAL: mappings that are kept');
    expect(brokenRules(machine)).toEqual(Array(3).fill('dma-buf-operations'));
    expect(machine.system.ledger.count()).toBe(before);
  });

  test('a machine that is switched off with an attachment and a mapping', ({ machine }) => {
    const exporter = new Exporter(machine);
    const attachment = run(machine, exporter.attach(false));
    const table = run(machine, attachment.mapUnlocked('to-device'));
    const { ledger } = machine.system;
    expect(ledger.list(ledger.live(['attachment', 'dma-mapping'])).map((line) => line.replace(/, made.*/s, ''))).toEqual([
      'attachment of dma-buf 1 (test), 4096 bytes to camera0',
      expect.stringMatching(/^DMA mapping of 4096 bytes at bus address 0x\w+ for camera0, to-device$/),
    ]);
    run(machine, attachment.unmapUnlocked(table, 'to-device'));
    run(machine, exporter.dmabuf.detach(attachment));
    exporter.dmabuf.put();
  });
});
