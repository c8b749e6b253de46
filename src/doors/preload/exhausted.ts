import { Errno, errno } from '../../abi/index.ts';
import { limitReached, limits } from './limits.ts';

/** What a server can run out of. */
export type Resource = 'descriptors' | 'watches' | 'memory' | 'connections';

/** The server lacks something that a call needs: the program sees the errno by which Linux says that it lacks the like. */
export class Exhausted extends Errno {
  readonly resource: Resource;

  constructor(resource: Resource) {
    super(limits[resource].errno, limitReached(limits[resource]));
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
