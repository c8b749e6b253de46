/** ioctopus/keembay-ipc.h in native-shims/include, which is no header of Linux: section 19 of docs/reference/keembay-ipc.md. */
import { flagFormatter } from '../flags.ts';
import { bigu64, flags, i32, pointer, struct, u8, u16, u32, u64 } from '../layout.ts';
import { IO, IOR, IOW, IOWR, requests } from '../request.ts';

/** RECV: without end. */
export const KEEMBAY_IPC_FOREVER = 0xffffffff;
/** Of imports: who accesses the buffer; 0 is both, too. */
export const KEEMBAY_IPC_VPU_READS = 1;
export const KEEMBAY_IPC_VPU_WRITES = 2;
/** DMABUF_RELEASE: also while a packet names it. */
export const KEEMBAY_IPC_FORCE = 1 << 0;

const formatRelease = flagFormatter({ bits: { KEEMBAY_IPC_FORCE } });

export const keembay_ipc_chan = struct('keembay_ipc_chan', { chan_id: u16, node_id: u8, reserved: u8 });
export const keembay_ipc_send = struct('keembay_ipc_send', { chan_id: u16, node_id: u8, flags: u8, vpu_addr: u32, size: bigu64 });
export const keembay_ipc_recv = struct('keembay_ipc_recv', {
  chan_id: u16,
  node_id: u8,
  flags: u8,
  timeout_ms: u32,
  vpu_addr: u32,
  reserved: u32,
  size: u64,
});
export const keembay_ipc_import = struct('keembay_ipc_import', {
  fd: i32,
  access: u32,
  offset: u64,
  length: u64,
  vpu_addr: u32,
  handle: u32,
});
export const keembay_ipc_release = struct('keembay_ipc_release', { handle: u32, flags: flags(u32, formatRelease) });
export const keembay_ipc_info = struct('keembay_ipc_info', {
  version: u32,
  local_node: u8,
  remote_node: u8,
  design: u16,
  max_channels: u16,
  num_hs: u16,
  packet_size: u16,
  fifo_depth: u16,
  local_vpu_addr: u32,
  local_size: u32,
  remote_vpu_addr: u32,
  remote_size: u32,
  pool_slots: u32,
  rx_ring_len: u32,
  cpu_fifo_phys: u64,
  vpu_fifo_phys: u64,
  vpu_state: u32,
  reserved: u32,
});
export const keembay_ipc_stats = struct('keembay_ipc_stats', {
  tx_ok: u64,
  tx_enomem: u64,
  tx_ebusy: u64,
  tx_interrupted: u64,
  rx_ok: u64,
  rx_drop_closed: u64,
  rx_drop_bad_header: u64,
  rx_out_of_range: u64,
  rx_drop_nomem: u64,
  scan_steps_total: u64,
  scan_steps_max: u64,
  slots_free_now: u64,
  slots_allocated_now: u64,
  silent_frees: u64,
  fifo_high_water: u64,
  irq_masked_count: u64,
});
export const keembay_ipc_peek = struct('keembay_ipc_peek', {
  index: u32,
  pool: u32,
  data_addr: u32,
  data_size: u32,
  channel: u16,
  src: u8,
  dst: u8,
  status: u8,
  true_owner: u8,
  reserved: u16,
  generation: u32,
  reserved2: u32,
  since_ns: u64,
});
export const keembay_ipc_scan = struct('keembay_ipc_scan', {
  pool: u32,
  first: u32,
  count: u32,
  flags: u32,
  bitmap: pointer,
  n_allocated: u32,
  n_free: u32,
});
/** What read(2) gives and write(2) takes. */
export const keembay_ipc_record = struct('keembay_ipc_record', { vpu_addr: u32, size: u32 });

export const {
  KEEMBAY_IPC_OPEN_CHANNEL,
  KEEMBAY_IPC_CLOSE_CHANNEL,
  KEEMBAY_IPC_SEND,
  KEEMBAY_IPC_RECV,
  KEEMBAY_IPC_BIND,
  KEEMBAY_IPC_UNBIND,
  KEEMBAY_IPC_DMABUF_IMPORT,
  KEEMBAY_IPC_DMABUF_RELEASE,
  KEEMBAY_IPC_GET_INFO,
  KEEMBAY_IPC_GET_STATS,
  KEEMBAY_IPC_CLEAR_STATS,
  KEEMBAY_IPC_PEEK_PACKET,
  KEEMBAY_IPC_POOL_SCAN,
} = requests({
  KEEMBAY_IPC_OPEN_CHANNEL: IOW(0xe7, 1, keembay_ipc_chan),
  KEEMBAY_IPC_CLOSE_CHANNEL: IOW(0xe7, 2, keembay_ipc_chan),
  KEEMBAY_IPC_SEND: IOW(0xe7, 3, keembay_ipc_send),
  KEEMBAY_IPC_RECV: IOWR(0xe7, 4, keembay_ipc_recv),
  KEEMBAY_IPC_BIND: IOW(0xe7, 5, keembay_ipc_chan),
  KEEMBAY_IPC_UNBIND: IO(0xe7, 6),
  KEEMBAY_IPC_DMABUF_IMPORT: IOWR(0xe7, 7, keembay_ipc_import),
  KEEMBAY_IPC_DMABUF_RELEASE: IOW(0xe7, 8, keembay_ipc_release),
  KEEMBAY_IPC_GET_INFO: IOR(0xe7, 9, keembay_ipc_info),
  KEEMBAY_IPC_GET_STATS: IOR(0xe7, 0xa, keembay_ipc_stats),
  KEEMBAY_IPC_CLEAR_STATS: IO(0xe7, 0xb),
  KEEMBAY_IPC_PEEK_PACKET: IOWR(0xe7, 0xc, keembay_ipc_peek),
  KEEMBAY_IPC_POOL_SCAN: IOWR(0xe7, 0xd, keembay_ipc_scan),
});
