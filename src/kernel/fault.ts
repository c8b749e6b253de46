import type { ErrnoName } from '../abi/index.ts';
import { formatTime } from './scheduler.ts';

/** What a fault plan can let fail, with the errors that each can have, the usual one first. docs/faults.md says what each is in Linux. */
export const FAULT_SERVICES = {
  /** Memory for a kernel object: kmalloc and its like. */
  alloc: ['ENOMEM'],
  /** Whole pages: alloc_pages. */
  page: ['ENOMEM'],
  /** A free number in a descriptor table. */
  fd: ['EMFILE', 'ENOMEM'],
  /** An open file description. */
  file: ['ENFILE', 'ENOMEM'],
  copy_from_user: ['EFAULT'],
  copy_to_user: ['EFAULT'],
  /** An interruptible wait that is about to begin: a signal comes, whose handler has no SA_RESTART, or has it. */
  wait: ['EINTR', 'ERESTARTSYS'],
  /** Bus addresses for a device: dma_map_sgtable. */
  dma_map: ['ENOMEM', 'EIO', 'EINVAL'],
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

export type FaultService = keyof typeof FAULT_SERVICES;

/** When a service fails, and how. All that is given must hold; what is left out always does. */
export interface Fault {
  readonly service: FaultService;
  /** The usual one of the service when left out. */
  readonly error?: ErrnoName;
  /** The use of that number, counted from 1 among those that fit everything else. */
  readonly nth?: number;
  /** Each use whose number is a multiple of it. */
  readonly every?: number;
  /** A share of the uses, from 0 to 1, by the machine's seed. */
  readonly p?: number;
  /** How often at most. */
  readonly times?: number;
  /** The name of a system call, or of the request of an ioctl. */
  readonly call?: string;
  /** The name of a command. */
  readonly task?: string;
  /** A part of the service's detail: `sync_file`, `system heap`. */
  readonly what?: string;
  /** Virtual nanoseconds since the machine came up. */
  readonly after_ns?: number;
  readonly before_ns?: number;
}

const isCount = (value: number | undefined) => value === undefined || (Number.isSafeInteger(value) && value >= 1);

/** @throws SyntaxError when a fault can never be what it says */
export function checkedFault(fault: Fault): Fault {
  const { service, error, nth, every, p, times, after_ns = 0, before_ns = Number.POSITIVE_INFINITY } = fault;
  const errors: readonly ErrnoName[] | undefined = FAULT_SERVICES[service];
  if (errors === undefined) throw new SyntaxError(`no service is called ${service}`);
  if (error !== undefined && !errors.includes(error))
    throw new SyntaxError(`${service} cannot fail with ${error}, but with ${errors.join(' or ')}`);
  for (const [name, value] of Object.entries({ nth, every, times })) {
    if (!isCount(value)) throw new SyntaxError(`${name} is a whole number from 1 on, not ${value}`);
  }
  if (p !== undefined && !(p >= 0 && p <= 1)) throw new SyntaxError(`p is a share from 0 to 1, not ${p}`);
  if (!(before_ns > after_ns))
    throw new SyntaxError(`the time between after=${formatTime(after_ns)} and before=${formatTime(before_ns)} is empty`);
  if (error === 'ERESTARTSYS' && nth === undefined && times === undefined) {
    throw new SyntaxError('a wait that is always begun again never ends: give nth or times');
  }
  return fault;
}
