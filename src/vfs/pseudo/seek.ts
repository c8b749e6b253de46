/** Positions of files that have no bytes of their own: the seek functions of fs/read_write.c. */
import { Errno } from '../../abi/index.ts';
import { SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE } from '../../abi/uapi/index.ts';
import type { File } from '../../kernel/index.ts';

/**
 * generic_file_llseek: everything up to the size is data.
 *
 * @param max s_maxbytes of the file system
 * @throws Errno EINVAL before the beginning or beyond `max`, ENXIO when no data or hole follows
 */
export function genericSeek(file: File, offset: number, whence: number, max: number): number {
  const { size } = file.inode;
  let position = offset;
  if (whence === SEEK_CUR) position += file.position;
  if (whence === SEEK_END) position += size;
  if (whence === SEEK_DATA || whence === SEEK_HOLE) position = besides(offset, whence, size);
  return moved(file, position, max);
}

/** default_llseek: as the generic one, without a limit. */
export function defaultSeek(file: File, offset: number, whence: number): number {
  return genericSeek(file, offset, whence, Number.POSITIVE_INFINITY);
}

function besides(offset: number, whence: number, size: number): number {
  if (offset < 0 || offset >= size) throw new Errno('ENXIO', `the file has ${size} bytes`);
  return whence === SEEK_HOLE ? size : offset;
}

function moved(file: File, position: number, max: number): number {
  if (position < 0 || position > max) throw new Errno('EINVAL', `the file has no position ${position}`);
  file.position = position;
  return position;
}
