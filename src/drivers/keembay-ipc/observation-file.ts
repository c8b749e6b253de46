import { debugfs } from '../../vfs/index.ts';
import type { KeembayIpc } from './keembay-ipc.ts';

export interface ObservationFileDescription {
  readonly ipc: KeembayIpc;
  /** Pushes that found the VPU's FIFO full, by processor id; only the hardware knows. */
  readonly overflows: ReadonlyMap<number, number>;
}

/** Upper ends of the classes of {@link PacketRecord.discoveryLatency}; the last has none. */
const CLASSES = ['1us', '10us', '100us', '1ms', '10ms', '100ms', '1s', 'more'];

const FOLDER = 'keembay-ipc';

const pairs = (map: ReadonlyMap<number, number>) => [...map].map(([key, count]) => `${key}:${count}`).join(' ');

/** What GET_STATS has no place for: section 20.3 of docs/reference/keembay-ipc.md. Times in nanoseconds. */
function describe({ ipc, overflows }: ObservationFileDescription): string {
  const { statistics, local, pool } = ipc;
  const { exhaustion, queues } = statistics;
  const lines: readonly (readonly [string, string | number])[] = [
    ['allocated_max', local.record.allocatedMax],
    ['early_reuses', local.record.earlyReuses],
    ['exhausted', exhaustion.count],
    ['exhausted_ns', exhaustion.total_ns],
    ['refused_by_channel', pairs(exhaustion.refused)],
    ['discovery', local.record.discoveryLatency.map((count, i) => `${CLASSES[i]}:${count}`).join(' ')],
    ['sent_by_queue', pairs(new Map(queues.map(({ sent }, queue) => [queue, sent])))],
    ['waited_ns_by_queue', pairs(new Map(queues.map(({ waited_ns }, queue) => [queue, waited_ns])))],
    ['overflows_by_processor', pairs(overflows)],
    ['irqs', statistics.interrupts],
    ['irq_masked_ns', statistics.irqMasked_ns],
    ['buffers', pool.costs.buffers],
    ['attachments', pool.costs.attachments],
    ['wasted_bytes_max', pool.costs.wastedBytesMax],
  ];
  return lines
    .map(([name, value]) => `${name} ${value}`.trimEnd())
    .join('\n')
    .concat('\n');
}

/** Adds /sys/kernel/debug/keembay-ipc/observations. @returns what takes it away */
export function addObservationFile(description: ObservationFileDescription): () => void {
  const root = debugfs(description.ipc.system);
  const folder = root.createDirectory(FOLDER);
  folder.createText('observations', 0o444, () => describe(description));
  return () => root.remove(FOLDER);
}
