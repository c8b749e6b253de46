import { readlinkSync } from 'node:fs';
import { Errno } from '../../abi/index.ts';
import type { EventfdContext } from '../../kernel/index.ts';
import type { Addon } from './addon.ts';

/** An eventfd of a program, which is the host's own, kept for a driver to count in. */
class HostEventfd implements EventfdContext {
  readonly #addon: Addon;
  readonly #fd: number;

  constructor(addon: Addon, fd: number) {
    this.#addon = addon;
    this.#fd = fd;
  }

  signal(): void {
    this.#addon.signal(this.#fd);
  }

  put(): void {
    this.#addon.close(this.#fd);
  }
}

/**
 * The eventfd that a program has sent.
 *
 * @param fd becomes the eventfd's own; it is closed when the file is of another kind
 * @throws Errno EINVAL for another kind
 */
export function hostEventfd(addon: Addon, fd: number): EventfdContext {
  if (readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventfd]') return new HostEventfd(addon, fd);
  addon.close(fd);
  throw new Errno('EINVAL', 'the descriptor is no eventfd');
}
