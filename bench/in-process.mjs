// How long calls take in process, of what users import.
import { boot } from 'ioctopus';
import * as uapi from 'ioctopus/uapi';
import { Volume } from 'memfs';
import { answerRounds, CALLS } from './rounds.mjs';

const { sys } = boot();
const heap = sys.open('/dev/dma_heap/system', uapi.O_RDWR);
const allocate = () => sys.ioctl(heap, uapi.DMA_HEAP_IOCTL_ALLOC, { len: 4096, fd: 0, fd_flags: uapi.O_RDWR, heap_flags: 0 }).fd;
const buffer = allocate();

const volume = Volume.fromJSON({ '/file': 'x'.repeat(4096) });
const file = volume.openSync('/file', 'r');
const bytes = Buffer.alloc(16);

await answerRounds({
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
});
