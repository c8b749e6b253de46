import { isErrno } from '../abi/index.ts';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_START,
  DMA_HEAP_IOCTL_ALLOC,
  O_RDWR,
  PAGE_SIZE,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from '../abi/uapi/index.ts';
import { raspberrypi4, type VideoCoreOptions, type VideoCoreParties, videoCoreOf } from '../boards/index.ts';
import { type DmaBuf, liveDmaBufs } from '../dma-buf/index.ts';
import { type Design, type VcSmCma, ZeroCopyPort } from '../drivers/vc-sm-cma/index.ts';
import { MmalComponent } from '../hardware/videocore/index.ts';
import { Machine } from '../machine/index.ts';
import { Client, runKernel } from './client.ts';
import type { Experiment } from './experiment.ts';

/** How memory gets to the VPU, and what ends that: section 17.2 of docs/reference/vc-sm-cma.md. */
interface Variant {
  readonly design: Design;
  /** By the driver, or by the CMA heap for an import. */
  readonly allocates: 'driver' | 'heap';
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  ALLOC: { allocates: 'driver', design: { handle: 'second-dma-buf', detaches: 'at-local-end' } },
  'heap, second dma-buf (A)': { allocates: 'heap', design: { handle: 'second-dma-buf', detaches: 'at-local-end' } },
  'the same, detached late': { allocates: 'heap', design: { handle: 'second-dma-buf', detaches: 'at-released' } },
  'heap, explicit (B)': { allocates: 'heap', design: { handle: 'explicit', detaches: 'at-local-end' } },
  'explicit, detached late': { allocates: 'heap', design: { handle: 'explicit', detaches: 'at-released' } },
};

const MIB = 2 ** 20;
const SIZE = 2 * PAGE_SIZE;

/** What the program has of a buffer that the VPU has, too. */
interface Shared {
  /** What the request gave. */
  readonly handle: number;
  /** The buffer of the heap, if it is one. */
  readonly source: number | undefined;
  /** What the program maps. */
  readonly mappable: number;
  readonly vcHandle: number;
}

/** A machine with one variant, for one question. */
class Trial {
  readonly client: Client;
  readonly machine: Machine;
  readonly parties: VideoCoreParties;
  readonly #variant: Variant;
  readonly #node: number;

  constructor(variant: Variant, seed: number, options: VideoCoreOptions = {}) {
    this.#variant = variant;
    this.machine = new Machine(raspberrypi4({ ...options, design: variant.design }), { seed });
    this.parties = videoCoreOf(this.machine);
    this.client = new Client(this.machine);
    this.#node = this.client.open('/dev/vcsm-cma');
  }

  get videocore() {
    return this.parties.videocore;
  }

  share(size = SIZE): Shared {
    const { client } = this;
    if (this.#variant.allocates === 'driver') {
      const { handle, vc_handle } = client.ioctl(this.#node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size });
      return { handle, source: undefined, mappable: handle, vcHandle: vc_handle };
    }
    const source = this.heapBuffer(size);
    try {
      const { handle, vc_handle } = client.ioctl(this.#node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd: source });
      const mappable = this.#variant.design.handle === 'explicit' ? source : handle;
      return { handle, source, mappable, vcHandle: vc_handle };
    } catch (error) {
      client.close(source);
      throw error;
    }
  }

  heapBuffer(size = SIZE): number {
    const heap = this.client.open('/dev/dma_heap/linux,cma');
    try {
      return this.client.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: size, fd_flags: O_RDWR }).fd;
    } finally {
      this.client.close(heap);
    }
  }

  closeAll({ handle, source }: Shared): void {
    this.client.close(handle);
    if (source !== undefined) this.client.close(source);
    this.settle();
  }

  settle(): void {
    const { videocore, driver } = this.parties;
    this.machine.system.scheduler.settle(() => videocore.isQuiet && (driver?.isQuiet ?? true));
  }

  get buffers(): readonly DmaBuf<any>[] {
    return liveDmaBufs(this.machine.system);
  }

  /** Messages of a kind that the VPU has got. */
  count(kind: string): number {
    return this.videocore.log.filter((line) => line.includes(`] ${kind}`)).length;
  }

  /** Rules that were broken; that is an answer here, and no failure. */
  get broken(): readonly string[] {
    const { findings } = this.machine.system;
    for (const { rule } of findings.all) findings.expect(rule);
    return findings.all.map(({ rule }) => rule);
  }

  end(): void {
    this.client.close(this.#node);
    this.machine.shutdown();
  }
}

/** What the VPU writes after the close, with a reference of its own: whether a program that still has the source gets to see it. */
function writeAfterClose(variant: Variant, seed: number, isTranslated: boolean): string {
  const trial = new Trial(variant, seed, { isTranslated });
  const { client, videocore } = trial;
  const { handle, source, vcHandle } = trial.share();
  videocore.hold(vcHandle);
  client.close(handle);
  trial.settle();
  videocore.write(vcHandle, 0, Uint8Array.of(7));
  const [written] = videocore.read(vcHandle, 0, 1);
  // Nobody but the VPU has an allocation any more.
  let seen = written;
  if (source !== undefined) {
    const address = client.mmap(source, SIZE);
    client.ioctl(source, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ });
    seen = client.load(address);
    client.munmap(address, SIZE);
    client.close(source);
  }
  const { broken } = trial;
  trial.end();
  return [seen === 7 ? 'arrives' : written === 7 ? 'no sync shows it' : 'is lost', ...new Set(broken)].join(': ');
}

/** The largest buffer of whole MiB that can be shared. */
function largest(trial: Trial, upTo_MiB: number): number {
  let [low, high] = [0, upTo_MiB];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    try {
      trial.closeAll(trial.share(middle * MIB));
      low = middle;
    } catch (error) {
      if (!isErrno(error, 'ENOMEM')) throw error;
      high = middle - 1;
    }
  }
  return low;
}

type Question = (variant: Variant, seed: number) => string;

const QUESTIONS: Readonly<Record<string, Question>> = {
  '1: closed while the VPU holds it: dma-bufs before and after, attachments after'(variant, seed) {
    const trial = new Trial(variant, seed);
    const shared = trial.share();
    const before = trial.buffers.length;
    trial.videocore.hold(shared.vcHandle);
    trial.closeAll(shared);
    const attachments = trial.buffers.reduce((sum, buffer) => sum + buffer.attachments.length, 0);
    const answer = `${before}, ${trial.buffers.length}, ${attachments}`;
    trial.videocore.unhold(shared.vcHandle);
    trial.end();
    return answer;
  },
  '2: memory goes back to Linux'(variant, seed) {
    const trial = new Trial(variant, seed);
    const { ram } = trial.machine;
    const shared = trial.share();
    const used = ram.usedBytes;
    trial.videocore.hold(shared.vcHandle);
    trial.closeAll(shared);
    const isEarly = ram.usedBytes < used;
    trial.videocore.unhold(shared.vcHandle);
    trial.settle();
    const answer = isEarly ? 'with the close' : ram.usedBytes < used ? 'with RELEASED' : 'never';
    trial.end();
    return answer;
  },
  '3: what the VPU writes after the close'(variant, seed) {
    return writeAfterClose(variant, seed, false);
  },
  '4: the same behind an IOMMU'(variant, seed) {
    return writeAfterClose(variant, seed, true);
  },
  '5: all descriptors closed, still mapped: FREE is sent'(variant, seed) {
    const trial = new Trial(variant, seed);
    const shared = trial.share();
    const address = trial.client.mmap(shared.mappable, SIZE);
    trial.closeAll(shared);
    const isEarly = trial.count('FREE') > 0;
    trial.client.munmap(address, SIZE);
    trial.settle();
    const answer = isEarly ? 'with the close' : trial.count('FREE') > 0 ? 'with munmap' : 'never';
    trial.end();
    return answer;
  },
  '6: the VPU goes first: FREE sent, memory goes back'(variant, seed) {
    const trial = new Trial(variant, seed);
    const shared = trial.share();
    trial.videocore.heap.release(shared.vcHandle);
    trial.settle();
    const isThere = trial.buffers.length > 0;
    trial.closeAll(shared);
    const answer = `${trial.count('FREE')}, ${isThere && trial.buffers.length === 0 ? 'with the close' : 'otherwise'}`;
    trial.end();
    return answer;
  },
  '7: 3 frames of a camera, each filled 10 times: messages of SMEM, dma-bufs'(variant, seed) {
    if (variant.allocates === 'driver') return 'only for programs';
    const trial = new Trial(variant, seed);
    const { system } = trial.machine;
    const { task } = trial.client;
    const camera = new MmalComponent({ system, videocore: trial.videocore, fill: Uint8Array.of(1, 2, 3), work_ns: 1e6 });
    const port = new ZeroCopyPort(system, trial.parties.driver as VcSmCma, camera);
    const frames = [0, 1, 2].map(() => {
      const fd = trial.heapBuffer();
      const frame = port.frame(task.files.at(fd)?.private as DmaBuf<any>);
      trial.client.close(fd);
      return frame;
    });
    for (let i = 0; i < 10; i++) {
      for (const frame of frames) runKernel(task, port.submit(frame));
      while (port.pending > 0) system.clock.runNext();
    }
    const buffers = trial.buffers.length;
    for (const frame of frames) port.cleanUp(frame);
    trial.settle();
    const messages = ['IMPORT', 'FREE', 'RELEASED'].reduce((sum, kind) => sum + trial.count(kind), 0);
    trial.end();
    return `${messages}, ${buffers}`;
  },
  '8: gpu_mem 76, 16: MiB for Linux beside CMA, largest buffer, room of the VPU'(variant, seed) {
    return [76, 16]
      .map((gpuMem_MiB) => {
        // Coherent: there are no bytes to compare, only to count.
        const trial = new Trial(variant, seed, { gpuMem_MiB, coherent: true });
        const { ram } = trial.machine;
        const answer = [ram.freeBytes / MIB, largest(trial, 300), trial.videocore.heap.size / MIB].join(', ');
        trial.end();
        return answer;
      })
      .join('; ');
  },
};

export const vcsmDesigns: Experiment = {
  name: 'vcsm-designs',
  description: 'what should end the sharing of memory with a VideoCore, and where that memory should come from',
  run(seed) {
    return {
      variants: Object.keys(VARIANTS),
      rows: Object.entries(QUESTIONS).map(([question, ask]) => ({
        question,
        answers: Object.values(VARIANTS).map((variant) => ask(variant, seed)),
      })),
    };
  },
};
