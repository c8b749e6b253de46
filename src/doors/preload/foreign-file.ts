import { O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, S_IFMT } from '../../abi/uapi/index.ts';
import { File, type FileSystem, FMODE_PREAD, FMODE_PWRITE, Inode, type System } from '../../kernel/index.ts';

/** How a foreign file is open, as far as calls between two files ask. */
const KNOWN_OF_FOREIGN = O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH;

/** Where files live that are none of the machine's. */
class HostFs implements FileSystem {
  readonly type = 'host';
  readonly magic = 0;
  readonly dev = 0;
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
  }

  now() {
    return this.#system.realtime();
  }
}

/**
 * What a call sees of a descriptor that is none of the machine's: how it is open, and of which kind. The caller puts it.
 *
 * @param flags of open(2)
 * @param mode S_IFMT bits; 0 for a kind that no call wants
 */
export function makeForeignFile(system: System, flags = 0, mode = 0): File {
  const inode = new Inode(new HostFs(system), { ino: 1, mode: mode & S_IFMT });
  const path = () => 'a file of the host';
  return new File(system, { ops: {}, inode, flags: flags & KNOWN_OF_FOREIGN, mode: FMODE_PREAD | FMODE_PWRITE, path });
}
