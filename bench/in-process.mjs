// How long calls take in process, of what users import.
import { boot, keembay, zcu102 } from 'ioctopus';
import { addSampleHost, copyToUsb, DmaDevice, makeGadget, NonCoherentCaches, shareWithUsb, WaitQueue, wait } from 'ioctopus/driver';
import * as uapi from 'ioctopus/uapi';
import { Volume } from 'memfs';
import { answerRounds, CALLS } from './rounds.mjs';

const { sys } = boot();
const heap = sys.open('/dev/dma_heap/system', uapi.O_RDWR);
const allocate = () => sys.ioctl(heap, uapi.DMA_HEAP_IOCTL_ALLOC, { len: 4096, fd: 0, fd_flags: uapi.O_RDWR, heap_flags: 0 }).fd;
const buffer = allocate();

const vpu = boot(keembay()).sys;
const link = vpu.open('/dev/keembay-ipc', uapi.O_RDWR);
for (const request of [uapi.KEEMBAY_IPC_OPEN_CHANNEL, uapi.KEEMBAY_IPC_BIND]) vpu.ioctl(link, request, { chan_id: 20, node_id: 1 });
const message = new Uint8Array(8);

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

/** A program that sends samples to a USB host whenever it is told how. */
const MIB = 2 ** 20;
const radioBoard = zcu102({ isUnlimited: true, dmaBytesPer_ns: Number.POSITIVE_INFINITY });
const radio = boot(radioBoard);
radioBoard.parts.usb.rate.value = 1;
addSampleHost(radio.system, { size: MIB, received() {} });
const told = new WaitQueue('samples to be wanted');
let way;
radio.spawn(function* (program) {
  const { endpoint } = yield* makeGadget(program);
  for (;;) {
    yield* wait(told, () => way !== undefined);
    yield* way(program, { size: MIB, count: 32, endpoint });
    way = undefined;
  }
});
const stream = (wanted) => {
  way = wanted;
  told.wake();
  radio.system.scheduler.runUntil(() => way === undefined, 'the bench');
};

await answerRounds({
  share: { prepare() {}, work: () => stream(shareWithUsb) },
  copySamples: { prepare() {}, work: () => stream(copyToUsb) },
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
  message() {
    for (let i = 0; i < CALLS; i++) {
      vpu.write(link, message);
      vpu.read(link, 8);
    }
  },
  alloc() {
    for (let i = 0; i < CALLS; i++) sys.close(allocate());
  },
  writeBack: {
    prepare: () => memory.bytes().fill(++round, 0, WRITTEN),
    work: () => caches.syncForDevice(camera, picture, 'to-device'),
  },
  invalidate: {
    prepare: () => caches.deviceWrite(camera, written, new Uint8Array(WRITTEN).fill(++round)),
    work: () => caches.syncForCpu(camera, picture, 'from-device'),
  },
  copy: { prepare() {}, work: () => copies[0].set(copies[1]) },
});
