/** The programs vcsm-api.c and vcsm-mmal.c in TypeScript: the same calls, and the same lines. */
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DMA_HEAP_IOCTL_ALLOC,
  F_GETFD,
  O_CLOEXEC,
  O_RDONLY,
  O_RDWR,
  VC_SM_CACHE_OP_FLUSH,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from '../../src/abi/uapi/index.ts';
import type { Mapping, Sys } from '../../src/index.ts';

const TEXT_AT = 100;
const BEGIN = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW;
const END = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;

interface Block {
  readonly fd: number;
  readonly vcHandle: number;
  readonly memory: Mapping;
}

const bytesOf = (text: string) => [...Buffer.from(text, 'latin1')];

/** The library's calls, as vcsm-client.h has them. */
class Client {
  readonly said: string[] = [];
  readonly sys: Sys<'sync'>;
  node = 0;
  first = 0;

  constructor(sys: Sys<'sync'>) {
    this.sys = sys;
  }

  opened(path: string): number {
    let fd = -1;
    const said = this.#answer(() => {
      fd = this.sys.open(path, O_RDWR);
    });
    this.said.push(`open ${path}: ${said}`);
    return fd;
  }

  told(what: string, fd: number, call: () => unknown): void {
    this.said.push(`${what} +${fd - this.first}: ${this.#answer(call)}`);
  }

  dup(fd: number): number {
    const copy = this.sys.dup(fd);
    this.told('dup', fd, () => {});
    this.said.push(`close-on-exec: ${this.sys.fcntl(fd, F_GETFD)}, ${this.sys.fcntl(copy, F_GETFD)}`);
    return copy;
  }

  close(fd: number): void {
    this.told('close', fd, () => this.sys.close(fd));
  }

  allocate(size: number, cached: number, name: string): Block {
    const given = this.sys.ioctl(this.node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size, num: 1, cached, name: bytesOf(name) });
    const { handle, vc_handle, dma_addr } = given;
    this.said.push(`alloc ${size} '${name}': works, ${this.#numbers(handle, vc_handle)}, dma_addr ${dma_addr.toString(16)}`);
    return this.#mapped(handle, vc_handle, size);
  }

  import(dmabuf_fd: number, name: string): Block {
    const given = this.sys.ioctl(this.node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd, name: bytesOf(name) });
    const { handle, vc_handle, size, dma_addr } = given;
    const numbers = `${this.#numbers(handle, vc_handle)}, size ${size}, dma_addr ${dma_addr.toString(16)}`;
    this.said.push(`import +${dmabuf_fd - this.first}: works, ${numbers}`);
    return this.#mapped(handle, vc_handle, size);
  }

  sync({ fd }: Block, flags: number): void {
    this.said.push(`sync ${flags} +${fd - this.first}: ${this.#answer(() => this.sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags }))}`);
  }

  free({ fd, memory }: Block): void {
    this.told('munmap', fd, () => this.sys.munmap(memory));
    this.close(fd);
  }

  show({ fd, memory: { bytes } }: Block): void {
    const text = Buffer.from(bytes.subarray(TEXT_AT, bytes.indexOf(0, TEXT_AT))).toString('latin1');
    this.said.push(`text +${fd - this.first}: ${text}`);
  }

  heapBuffer(size: number): number {
    const heap = this.opened('/dev/dma_heap/linux,cma');
    const { fd } = this.sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: size, fd_flags: O_RDWR | O_CLOEXEC });
    this.said.push(`heap ${size}: works, +${fd - this.first}`);
    this.close(heap);
    return fd;
  }

  awaitResources(wanted: number): void {
    for (let count = -1; count !== wanted; ) {
      const fd = this.sys.open('/sys/kernel/debug/vcsm-cma/state', O_RDONLY);
      const text = Buffer.from(this.sys.read(fd, 8191)).toString('latin1');
      this.sys.close(fd);
      count = Number(/count: +(\d+)/.exec(text)?.[1]);
      if (count !== wanted) this.sys.poll([], 1);
    }
    this.said.push(`resources: ${wanted}`);
  }

  #answer(call: () => unknown): string {
    try {
      call();
      return 'works';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  #numbers(handle: number, vcHandle: number): string {
    return `+${handle - this.first}, vc_handle ${vcHandle.toString(16)}`;
  }

  #mapped(fd: number, vcHandle: number, length: number): Block {
    const memory = this.sys.mmap(fd, { length });
    this.told('mmap', fd, () => {});
    return { fd, vcHandle, memory };
  }
}

/** vcsm-api.c. @returns its lines */
export function vcsmApi(sys: Sys<'sync'>): string[] {
  const client = new Client(sys);
  client.opened('/dev/vcsm');
  client.first = client.node = client.opened('/dev/vcsm-cma');
  client.close(client.node);
  client.node = client.opened('/dev/vcsm-cma');
  client.close(client.dup(client.node));

  const made = client.allocate(8192, 1, 'a name');
  client.show(made);
  client.sync(made, BEGIN);
  made.memory.bytes.set(Buffer.from('of the program\0'), TEXT_AT);
  client.sync(made, END);
  client.sync(made, DMA_BUF_SYNC_END);
  const block = { invalidate_mode: VC_SM_CACHE_OP_FLUSH, block_count: 1, start_address: BigInt(made.memory.address), block_size: 64 };
  client.told('clean_invalid2', client.node, () => sys.ioctl(client.node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2, { op_count: 1, s: [block] }));

  const source = client.heapBuffer(8192);
  const imported = client.import(source, 'ignored');
  client.sync(imported, BEGIN);
  client.show(imported);
  client.sync(imported, END);
  client.close(source);
  client.awaitResources(2);

  const copy = client.dup(made.fd);
  client.free(made);
  client.awaitResources(2);
  client.close(copy);
  client.awaitResources(1);
  client.close(client.node);
  client.show(imported);
  client.free(imported);
  client.awaitResources(0);
  return client.said;
}

/** vcsm-mmal.c. @returns its lines */
export function vcsmMmal(sys: Sys<'sync'>): string[] {
  const client = new Client(sys);
  client.opened('/dev/vcsm');
  client.first = client.node = client.opened('/dev/vcsm-cma');
  const payloads = [0, 1, 2].map(() => {
    const payload = client.allocate(12_288, 1, 'mmal_vc_port buffer');
    client.sync(payload, BEGIN);
    client.sync(payload, END);
    return payload;
  });
  for (const payload of payloads) {
    client.sync(payload, END);
    client.said.push(`to the VPU: data ${payload.vcHandle.toString(16)}, length 0, is_zero_copy 1`);
  }
  for (const payload of payloads) {
    client.sync(payload, BEGIN);
    client.show(payload);
  }
  client.awaitResources(payloads.length);
  for (const payload of payloads) client.free(payload);
  client.close(client.node);
  client.awaitResources(0);
  return client.said;
}
