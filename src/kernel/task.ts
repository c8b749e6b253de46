import { type AnyRequest, formatIoc } from '../abi/index.ts';
import { AddressSpace } from './address-space.ts';
import { AioContexts } from './aio-context.ts';
import type { Credentials } from './credentials.ts';
import type { Descriptors } from './fd-table.ts';
import type { LockOwner } from './file-locks.ts';
import type { Tracked } from './ledger.ts';
import { Signals } from './signal.ts';
import type { System } from './system.ts';
import { RecordingMemory } from './trace.ts';
import type { UserMemory } from './user-memory.ts';
import type { FsContext } from './vfs.ts';

export interface TaskDescription {
  readonly pid: number;
  /** The process; `pid` when left out. */
  readonly tgid?: number;
  /** The command's name, up to 15 characters. */
  readonly comm: string;
  readonly credentials: Credentials;
  readonly files: Descriptors;
  readonly memory: UserMemory;
  readonly fs: FsContext;
  readonly parent?: Task;
  /** The process's contexts of io_setup(2); those of its memory when left out. */
  readonly aio?: AioContexts;
  /** Who its record locks belong to; its descriptors when left out. */
  readonly lockOwner?: LockOwner;
  /** Whether it is a leak when it has not ended at shutdown; true when left out. */
  readonly isTracked?: boolean;
}

const COMM_MAX = 15;

/** Which call of which task made something: kept unformatted, because hardly anybody asks. */
export interface CallRecord {
  readonly pid: number;
  readonly comm: string;
  /** Empty between calls. */
  readonly name: string;
  readonly subject: number | string | undefined;
  readonly detail: number | string | undefined;
  /** What the file of an ioctl knows, to name its request. */
  readonly requests: readonly AnyRequest[] | undefined;
}

function formatCall({ name, subject, detail, requests }: CallRecord): string | undefined {
  if (name === '') return undefined;
  const number = typeof detail === 'number' && name === 'ioctl' ? detail >>> 0 : undefined;
  const request = number === undefined ? detail : (requests?.find((known) => known.number === number)?.name ?? formatIoc(number));
  return `${name}(${[subject, request].filter((part) => part !== undefined).join(', ')})`;
}

/** The call and its task, for messages. */
export function formatRecord(record: CallRecord): string {
  const doing = formatCall(record);
  return `${doing === undefined ? '' : `${doing} of `}task ${record.pid} (${record.comm})`;
}

/** A thread of a program, as `struct task_struct`. Threads of a process share descriptors and memory. */
export class Task implements Tracked {
  readonly kind = 'task';
  readonly system: System;
  pid: number;
  tgid: number;
  comm: string;
  credentials: Credentials;
  readonly files: Descriptors;
  /** The program's memory, as calls see it. */
  readonly memory: UserMemory;
  /** The same for a task in process. */
  readonly space: AddressSpace | undefined;
  readonly aio: AioContexts;
  readonly fs: FsContext;
  readonly parent: Task | undefined;
  readonly isTracked: boolean;
  readonly lockOwner: LockOwner;
  readonly signals = new Signals();
  /** The call in progress, for messages: its name, first argument and the one that says most. */
  callName = '';
  callSubject: number | string | undefined;
  callDetail: number | string | undefined;

  constructor(system: System, description: TaskDescription) {
    this.system = system;
    this.pid = description.pid;
    this.tgid = description.tgid ?? description.pid;
    this.comm = description.comm.slice(0, COMM_MAX);
    this.credentials = description.credentials;
    this.files = description.files;
    description.memory.watch = system.copies;
    this.memory = system.tracer === undefined ? description.memory : new RecordingMemory(description.memory);
    this.space = description.memory instanceof AddressSpace ? description.memory : undefined;
    this.aio = description.aio ?? this.space?.aio ?? new AioContexts();
    this.fs = description.fs;
    this.parent = description.parent;
    this.lockOwner = description.lockOwner ?? description.files;
    this.isTracked = description.isTracked ?? true;
  }

  /** The call in progress; see {@link CallRecord}. */
  get call(): CallRecord {
    const { callName: name, callSubject: subject, callDetail: detail } = this;
    const requests = name === 'ioctl' && typeof subject === 'number' ? this.files.at(subject)?.ops.requests : undefined;
    return { pid: this.pid, comm: this.comm, name, subject, detail, requests };
  }

  /** The call in progress, as `ioctl(3, DMA_BUF_IOCTL_SYNC)`; undefined between calls. */
  get doing(): string | undefined {
    return formatCall(this.call);
  }

  /** Who this is and what it does, for messages. */
  get signature(): string {
    return formatRecord(this.call);
  }

  describe(): string {
    return `task ${this.pid} (${this.comm})`;
  }
}
