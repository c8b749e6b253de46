// How long calls take in process, of what users import. A program such as native/round.h describes, in plain JavaScript: what
// translates TypeScript on the fly slows the measured code.
import { createInterface } from 'node:readline';
import { boot } from 'ioctopus';
import { DmaDevice, NonCoherentCaches } from 'ioctopus/driver';
import * as uapi from 'ioctopus/uapi';
import { Volume } from 'memfs';

/** Calls in one sample: the clock costs as much as a call. */
const CALLS = 50;

const { sys } = boot();
const heap = sys.open('/dev/dma_heap/system', uapi.O_RDWR);
const allocate = () => sys.ioctl(heap, uapi.DMA_HEAP_IOCTL_ALLOC, { len: 4096, fd: 0, fd_flags: uapi.O_RDWR, heap_flags: 0 }).fd;
const buffer = allocate();

const volume = Volume.fromJSON({ '/file': 'x'.repeat(4096) });
const file = volume.openSync('/file', 'r');
const bytes = Buffer.alloc(16);

/** A buffer of the size of a picture, a tenth of which is written between two syncs. */
const PICTURE = 4 * 2 ** 20;
const WRITTEN = PICTURE / 10;
const { system } = boot();
const caches = new NonCoherentCaches(system, { reports: 'off' });
const camera = new DmaDevice(system, { name: 'camera', snoopsCpu: false }, caches);
const memory = system.memory.allocate(PICTURE, 'a picture');
const picture = { memory, offset: 0, length: PICTURE };
const written = { memory, offset: 0, length: WRITTEN };
const copies = [new Uint8Array(PICTURE), new Uint8Array(PICTURE)];
let round = 0;

/** What is not of the call is done before, and not measured. */
const prepared = {
  writeBack: {
    prepare: () => memory.bytes().fill(++round, 0, WRITTEN),
    work: () => caches.syncForDevice(camera, picture, 'to-device'),
  },
  invalidate: {
    prepare: () => caches.deviceWrite(camera, written, new Uint8Array(WRITTEN).fill(++round)),
    work: () => caches.syncForCpu(camera, picture, 'from-device'),
  },
  copy: { prepare() {}, work: () => copies[0].set(copies[1]) },
};

const works = {
  sync() {
    for (let i = 0; i < CALLS; i++) {
      const flags = uapi.DMA_BUF_SYNC_RW | (i % 2 === 0 ? uapi.DMA_BUF_SYNC_START : uapi.DMA_BUF_SYNC_END);
      sys.ioctl(buffer, uapi.DMA_BUF_IOCTL_SYNC, { flags });
    }
  },
  memfs() {
    for (let i = 0; i < CALLS; i++) volume.readSync(file, bytes, 0, 16, 0);
  },
  open() {
    for (let i = 0; i < CALLS; i++) sys.close(sys.open('/dev/dma_heap/system', uapi.O_RDWR));
  },
  alloc() {
    for (let i = 0; i < CALLS; i++) sys.close(allocate());
  },
};

/** @returns quantiles of the time of a call in nanoseconds */
function measure({ prepare, work, calls }, samples) {
  const took = new Float64Array(samples);
  for (let i = 0; i < samples; i++) {
    prepare();
    const began = process.hrtime.bigint();
    work();
    took[i] = Number(process.hrtime.bigint() - began) / calls;
  }
  took.sort();
  const at = (share) => took[Math.floor(share * (samples - 1))];
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

const workOf = (name) => (name in prepared ? { ...prepared[name], calls: 1 } : { prepare() {}, work: works[name], calls: CALLS });

for await (const line of createInterface({ input: process.stdin })) {
  const [name, samples] = line.split(' ');
  console.log(JSON.stringify(measure(workOf(name), Number(samples))));
}
