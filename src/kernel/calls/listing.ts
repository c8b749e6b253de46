import { Errno } from '../../abi/index.ts';
import type { DirectoryEntry, File } from '../file.ts';
import type { Task } from '../task.ts';
import { fileOf } from './lookup.ts';

/** All names in an open directory, `.` and `..` included, in order. @throws Errno EBADF, ENOTDIR */
export function getdents(task: Task, fd: number): readonly DirectoryEntry[] {
  return namesIn(fileOf(task, fd));
}

function namesIn(file: File): readonly DirectoryEntry[] {
  if (file.ops.readdir === undefined) throw new Errno('ENOTDIR', 'not a directory');
  return file.ops.readdir(file);
}

/** What a listing saw when it began, for directories whose positions are just numbers in it, and how far it has come. */
interface Listing {
  readonly entries: readonly DirectoryEntry[];
  readonly position: number;
}

const listings = new WeakMap<File, Listing>();

/** Bytes of `struct linux_dirent64` before the name. */
export const DIRENT_HEADER = 19;
/** Behind the last name of a directory whose positions are stable: INT_MAX. */
const POSITION_END = 0x7fffffff;
export const recordLength = (name: string) => Math.ceil((DIRENT_HEADER + Buffer.byteLength(name) + 1) / 8) * 8;

/**
 * getdents64(2): as many names as have room, from the file's position on. A listing that goes on leaves out what has gone since it
 * began.
 *
 * @param length of the program's buffer, in bytes
 * @returns the entries, the position behind each, and the bytes that their records take; none at the end
 * @throws Errno EBADF, ENOTDIR, EINVAL when not even one has room, ENOENT when the directory has been removed
 */
export function getdents64(
  task: Task,
  fd: number,
  length: number,
): { readonly entries: readonly DirectoryEntry[]; readonly positions: readonly number[]; readonly bytes: number } {
  const file = fileOf(task, fd);
  const names = namesIn(file);
  const isStable = names.some((entry) => entry.position !== undefined);
  const listing = isStable ? names : listingOf(file, names);
  const present = isStable ? undefined : new Set(names.map(({ name }) => name));
  const entries: DirectoryEntry[] = [];
  const positions: number[] = [];
  let bytes = 0;
  let next = isStable ? POSITION_END : Math.max(file.position, listing.length);
  for (const [number, entry] of listing.entries()) {
    const position = entry.position ?? number;
    if (position < file.position || present?.has(entry.name) === false) continue;
    const size = recordLength(entry.name);
    if (bytes + size > length) {
      if (bytes === 0) throw new Errno('EINVAL', `${length} bytes have no room for one name`);
      next = position;
      break;
    }
    // Where the listing goes on: at the name that follows, as ctx->pos is by then.
    if (entries.length > 0) positions.push(position);
    entries.push(entry);
    bytes += size;
  }
  file.position = next;
  if (entries.length > 0) positions.push(next);
  if (!isStable) listings.set(file, { entries: listing, position: next });
  return { entries, positions, bytes };
}

/** The listing that goes on here, or a new one. */
function listingOf(file: File, names: readonly DirectoryEntry[]): readonly DirectoryEntry[] {
  const known = listings.get(file);
  return known !== undefined && file.position > 0 && known.position === file.position ? known.entries : names;
}
