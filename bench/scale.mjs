// How long calls take in process while very much is alive: `node --expose-gc scale.mjs BUFFERS FENCES`.
import { boot } from 'ioctopus';
import { allocateFenceContexts, DmaFence } from 'ioctopus/driver';
import * as uapi from 'ioctopus/uapi';
import { answerRounds, CALLS } from './rounds.mjs';

const [BUFFERS, FENCES] = process.argv.slice(2).map(Number);
/** How many of each are used. */
const USED = 100;
const { sys, system } = boot();
sys.setFileLimit(BUFFERS + 100);
const heap = sys.open('/dev/dma_heap/system', uapi.O_RDWR);

/** Bytes that remain in use for each of so many things. */
function bytesPer(count, make) {
  const inUse = () => {
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = inUse();
  for (let i = 0; i < count; i++) make(i);
  return (inUse() - before) / count;
}

const buffers = new Array(BUFFERS);
const bytesPerBuffer = bytesPer(BUFFERS, (i) => {
  buffers[i] = sys.ioctl(heap, uapi.DMA_HEAP_IOCTL_ALLOC, { len: 4096, fd_flags: uapi.O_RDWR }).fd;
});

const ops = { driverName: () => 'bench', timelineName: () => 'line' };
const context = allocateFenceContexts(system);
const fences = new Array(FENCES);
const bytesPerFence = bytesPer(FENCES, (i) => {
  fences[i] = new DmaFence(system, { ops, context, seqno: i });
});

/**
 * Evenly spread among all, and few: what is measured is whether the kernel has more to do, not that more memory than the processor's caches
 * hold takes longer to reach.
 */
const spread = (all) => Array.from({ length: USED }, (_, index) => all[index * (all.length / USED)]);
const usedBuffers = spread(buffers);
const usedFences = spread(fences);

let turn = 0;
const next = (used) => {
  turn = (turn + 1) % used.length;
  return turn;
};

const repeat = (call) => () => {
  for (let i = 0; i < CALLS; i++) call();
};

await answerRounds({
  sync: repeat(() => sys.ioctl(usedBuffers[next(usedBuffers)], uapi.DMA_BUF_IOCTL_SYNC, { flags: uapi.DMA_BUF_SYNC_RW })),
  poll: repeat(() => sys.poll([{ fd: usedBuffers[next(usedBuffers)], events: uapi.POLLIN | uapi.POLLOUT }], 0)),
  signal: repeat(() => {
    const at = next(usedFences);
    let isTold = false;
    usedFences[at].addCallback(() => {
      isTold = true;
    });
    usedFences[at].signal();
    if (!isTold) throw new Error('nobody was told');
    usedFences[at].put();
    usedFences[at] = new DmaFence(system, { ops, context, seqno: at });
  }),
  bytesPerBuffer,
  bytesPerFence,
});
