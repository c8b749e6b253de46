import { Errno } from '../abi/index.ts';
import type { Kernel, Task } from '../kernel/index.ts';
import type { ImsClient, ImsGroup, ImsVector } from './group.ts';
import type { Ims } from './ims.ts';

export interface ImsSessionDescription {
  readonly ims: Ims;
  readonly client: ImsClient;
  /** Number of the queue, and whether others may have it open: what GET_INFO says. */
  readonly queue?: { readonly number: number; readonly isShared: boolean };
}

/** What an open file has of a message store. */
export class ImsSession {
  readonly ims: Ims;
  readonly client: ImsClient;
  readonly queue: NonNullable<ImsSessionDescription['queue']> | undefined;
  /** In the order in which they were allocated. */
  readonly groups = new Map<number, ImsGroup>();
  /** The group that came with the open; 0 for none. */
  autoGroup = 0;

  constructor({ ims, client, queue }: ImsSessionDescription) {
    this.ims = ims;
    this.client = client;
    this.queue = queue;
  }

  /** What an open brings by itself. @throws Errno as {@link Ims.allocateGroup}, when the device is set to be strict */
  *open(): Kernel<void> {
    const { mode, perOpenVectors, autoFail, policy } = this.ims.settings;
    if (mode === 'static' || perOpenVectors === 0) return;
    try {
      this.autoGroup = (yield* this.allocate(policy === '2022' ? 1 : perOpenVectors)).id;
    } catch (error) {
      if (autoFail === 'strict' || !(error instanceof Errno)) throw error;
    }
  }

  *allocate(nvec: number): Kernel<ImsGroup> {
    const group = yield* this.ims.allocateGroup(nvec, this.client);
    this.groups.set(group.id, group);
    return group;
  }

  /** @throws Errno EINVAL for what is not a group of this file, EBUSY */
  *free(id: number): Kernel<void> {
    if (!this.groups.has(id)) throw new Errno('EINVAL', `group ${id} is not of this file`);
    yield* this.ims.freeGroup(id);
    this.groups.delete(id);
    if (this.autoGroup === id) this.autoGroup = 0;
  }

  /** @throws Errno EINVAL */
  vector(group: number, index: number): ImsVector {
    const vector = this.groups.get(group)?.vectors[index];
    if (vector === undefined) throw new Errno('EINVAL', `there is no vector ${index} of group ${group}`);
    return vector;
  }

  /** The file is closed; nothing names its vectors any more. */
  *close(): Kernel<void> {
    for (const id of [...this.groups.keys()]) yield* this.free(id);
  }

  /** @throws Errno EPERM for the requests of a child that has the file from its parent */
  assertOwner(task: Task): void {
    if (task.tgid !== this.client.pid) throw new Errno('EPERM', `the vectors are those of process ${this.client.pid}`);
  }

  /** What /proc/PID/fdinfo adds. */
  fdinfo(): string {
    const vectors = [...this.groups.values()].reduce((sum, group) => sum + group.vectors.length, 0);
    const { storage } = this.ims.settings;
    return `ims-groups:\t${this.groups.size}\nims-vectors:\t${vectors}\nims-pasid:\t${this.client.pasid ?? 0}\nims-storage:\t${storage}\n`;
  }
}
