import { Errno } from '../../abi/index.ts';
import { SEEK_CUR, SEEK_SET } from '../../abi/uapi/index.ts';
import type { File, FileOperations } from '../../kernel/index.ts';

/** generic_file_llseek on a file of debugfs, whose size is 0 unless somebody truncated it. */
function seek(file: File, offset: number, whence: number): number {
  const position = whence === SEEK_SET ? offset : whence === SEEK_CUR ? file.position + offset : file.inode.size + offset;
  if (position < 0) throw new Errno('EINVAL', `the file has no position ${position}`);
  file.position = position;
  return position;
}

/** A file of debugfs whose bytes are made anew at each read: simple_read_from_buffer. */
export function simpleRead(bytes: () => Uint8Array): FileOperations {
  return {
    *read(_file, to, at) {
      const rest = bytes().subarray(at.position);
      const done = rest.length === 0 ? 0 : yield* to.put(rest);
      at.position += done;
      return done;
    },
    llseek: seek,
  };
}
