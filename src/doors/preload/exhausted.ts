import { Errno, errno } from '../../abi/index.ts';

/** What a server can run out of, and what to do about it. */
const ADVICE = {
  descriptors: 'the server has as many descriptors as it may: raise the limit (ulimit -n)',
  watches: 'the server watches as many files as it may: raise /proc/sys/fs/inotify/max_user_watches',
  memory: 'the server gets no memory from the system',
  connections: 'as many processes are connected as the server can serve: 4096',
};

export type Resource = keyof typeof ADVICE;

/** The server lacks something that a call needs: the program sees the errno by which Linux says that it lacks the like. */
export class Exhausted extends Errno {
  readonly resource: Resource;

  constructor(resource: Resource) {
    super(resource === 'memory' ? 'ENOMEM' : 'ENFILE', ADVICE[resource]);
    this.resource = resource;
  }
}

const RESOURCES = new Map<number, Resource>([
  [errno.EMFILE, 'descriptors'],
  [errno.ENFILE, 'descriptors'],
  [errno.ENOSPC, 'watches'],
  [errno.ENOMEM, 'memory'],
]);

/**
 * The result of a call of the addon that needs some resource.
 *
 * @throws Exhausted when that is used up; Error when it failed otherwise
 */
export function granted(result: number, what: string): number {
  if (result >= 0) return result;
  const resource = RESOURCES.get(-result);
  throw resource === undefined ? new Error(`${what} failed with errno ${-result}`) : new Exhausted(resource);
}
