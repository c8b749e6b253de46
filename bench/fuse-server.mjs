/**
 * The least that a file system by fuse-native can be: one file, whose reads give 16 bytes. It runs a program and unmounts when that ends.
 * Arguments: an empty folder, the program and its arguments.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const Fuse = createRequire(import.meta.url)('fuse-native');
const [folder, program, ...args] = process.argv.slice(2);
const bytes = Buffer.alloc(16, 'a');
const stat = (mode, size) => ({ mode, size, nlink: 1, uid: 0, gid: 0, mtime: 0, atime: 0, ctime: 0 });

const operations = {
  getattr: (path, done) => done(0, path === '/' ? stat(0o40755, 0) : stat(0o100444, 16)),
  open: (_path, _flags, done) => done(0, 1),
  read(_path, _fd, buffer, length, _position, done) {
    done(bytes.copy(buffer, 0, 0, length));
  },
};

// As ours: each read is a request.
const fuse = new Fuse(folder, operations, { fsname: 'sixteen,direct_io,attr_timeout=0,entry_timeout=0', timeout: false });
fuse.mount((error) => {
  if (error) throw error;
  spawn(program, args, { stdio: 'inherit' }).once('exit', (status) => {
    execFileSync(...(process.getuid() === 0 ? ['umount', ['-l', folder]] : ['fusermount', ['-u', '-z', folder]]));
    process.exit(status ?? 1);
  });
});
