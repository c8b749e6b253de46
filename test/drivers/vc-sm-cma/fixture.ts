import {
  DMA_HEAP_IOCTL_ALLOC,
  O_CLOEXEC,
  O_RDWR,
  PAGE_SIZE,
  SIGUSR1,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from '../../../src/abi/uapi/index.ts';
import { type VideoCoreOptions, type VideoCoreParties, videoCoreOf } from '../../../src/boards/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { VCSM_DEFECTS } from '../../../src/drivers/vc-sm-cma/index.ts';
import { type BootedMachine, boot, Killed, raspberrypi4 } from '../../../src/index.ts';
import type { Task } from '../../../src/kernel/index.ts';
import { bufferAt, run } from '../../dma-buf/fixture.ts';

export type DefectId = keyof typeof VCSM_DEFECTS;

export interface Bench extends VideoCoreParties {
  readonly machine: BootedMachine;
  readonly sys: Sys<'sync'>;
}

/** A board with the driver, and the parties in hand. */
export function bench(options: VideoCoreOptions = {}, defects: readonly DefectId[] = [], board = raspberrypi4, seed = 1): Bench {
  const machine = boot(board(options), { seed, stacks: true, history: true, defects: defects.map((id) => VCSM_DEFECTS[id]) });
  return { ...videoCoreOf(machine), machine, sys: machine.sys };
}

export const openNode = ({ sys }: Bench) => sys.open('/dev/vcsm-cma', O_RDWR);

export const bytesOf = (text: string) => [...Buffer.from(text.padEnd(32, '\0'), 'latin1')];

export const alloc = ({ sys }: Bench, node: number, size: number, name = '') =>
  sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size, num: 1, name: bytesOf(name) });

export const importFd = ({ sys }: Bench, node: number, dmabuf_fd: number) =>
  sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd, name: bytesOf('mine') });

/** A buffer of a heap. @returns its descriptor */
export function heapBuffer({ sys }: Bench, bytes = 2 * PAGE_SIZE, name = 'linux,cma'): number {
  const heap = sys.open(`/dev/dma_heap/${name}`, O_RDWR);
  const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: bytes, fd_flags: O_RDWR | O_CLOEXEC });
  sys.close(heap);
  return fd;
}

/** Runs the machine until nothing is on its way between the two processors. */
export function settle({ machine: { system }, videocore, driver }: Bench): void {
  system.scheduler.settle(() => videocore.isQuiet && (driver?.isQuiet ?? true));
}

export function stateText({ sys }: Bench): string {
  const fd = sys.open('/sys/kernel/debug/vcsm-cma/state');
  const text = Buffer.from(sys.read(fd, 65_536)).toString('latin1');
  sys.close(fd);
  return text;
}

/** Of each buffer in debugfs, newest first. */
export const listed = (on: Bench) =>
  [...stateText(on).matchAll(/VC_HANDLE +([0-9a-f]+)\n +VC_MAPPING +(\d)/g)].map(([, handle, state]) => [handle, Number(state)]);

/** What the VPU did, without times. */
export const vpuLog = ({ videocore }: Bench) => videocore.log.map((line) => line.replace(/^\[[^\]]*\] /, ''));

/** Error lines of the kernel. */
export const errors = ({ machine }: Bench) => machine.system.log.lines.filter(({ level }) => level === 'err').map(({ text }) => text);

export const rules = ({ machine }: Bench) => machine.system.findings.all.map(({ rule }) => rule);

/** What the driver says to whoever debugs it. */
export const debugLines = ({ machine }: Bench) => machine.system.log.lines.filter(({ level }) => level === 'debug').map(({ text }) => text);

/** The errno that a call fails with. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message;
  }
  return 'none';
}

/** What a program has seen so far. */
export interface Importer {
  /** `nothing` while it waits. */
  said: string;
  readonly signal: (signal: number) => void;
}

/** A program that imports a buffer which nobody else has, and then asks for what no revision serves. It runs until it waits. */
export function importing(on: Bench, flags = 0): Importer {
  const { system } = on.machine;
  const source = heapBuffer(on);
  const fds: number[] = [];
  const program = on.machine.spawn(function* (sys) {
    yield* sys.sigaction(SIGUSR1, { handler: () => {}, flags });
    const node = yield* sys.open('/dev/vcsm-cma', O_RDWR);
    try {
      const { handle } = yield* sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd: fds[0] as number, name: bytesOf('') });
      importer.said = `handle ${handle}`;
    } catch (error) {
      importer.said = (error as { code?: string }).code ?? (error as Error).name;
      if (error instanceof Killed) throw error;
      try {
        yield* sys.ioctl(node, 0x80404a60, 0);
      } catch {
        // What matters is what the driver says before it looks at the request.
      }
    }
  });
  const task = system.tasks.get(program.pid) as Task;
  const importer: Importer = { said: 'nothing', signal: (signal) => void task.signals.send(signal) };
  fds.push(run(on.machine, task.files.install(bufferAt(on.machine, source).file.get(), true)));
  on.sys.close(source);
  system.scheduler.runReady();
  return importer;
}

/** The same; something happens when its command has gone out, and then a signal comes. @returns what its call said */
export function interrupted(on: Bench, flags: number, when: (on: Bench) => void, signal: number = SIGUSR1): string {
  const importer = importing(on, flags);
  when(on);
  importer.signal(signal);
  settle(on);
  return importer.said;
}
