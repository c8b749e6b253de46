/** drivers/base/firmware_loader: files that drivers load into their devices. */
import { Errno, errno, isErrno } from '../abi/index.ts';
import { O_RDONLY, PATH_MAX, S_IFREG } from '../abi/uapi/index.ts';
import { finish, type Kernel } from './colour.ts';
import { ROOT } from './credentials.ts';
import { FdTable } from './fd-table.ts';
import type { System } from './system.ts';
import { Task } from './task.ts';
import { UserBuffer, type UserMemory } from './user-memory.ts';

const RELEASE = '6.12.0';
const PATHS = [`/lib/firmware/updates/${RELEASE}`, '/lib/firmware/updates', `/lib/firmware/${RELEASE}`, '/lib/firmware'];

/** A buffer of the kernel's, for reads of its own. */
class KernelBuffer implements UserMemory {
  readonly view = new DataView(new ArrayBuffer(0));
  readonly bytes: Uint8Array;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  readable(): number {
    return -1;
  }

  writable(): number {
    return -1;
  }

  *read(address: number, length: number): Kernel<Uint8Array> {
    return this.bytes.slice(address, address + length);
  }

  *write(address: number, bytes: Uint8Array): Kernel<number> {
    this.bytes.set(bytes, address);
    return bytes.length;
  }

  *map(): Kernel<number> {
    throw new Errno('ENOMEM', 'nothing is mapped into a buffer');
  }
}

/** kernel_read_file_from_path_initns. @throws Errno what opening says; EINVAL for what is no file, or empty; EIO */
function* readFile(system: System, path: string): Kernel<Uint8Array> {
  const empty = new KernelBuffer(0);
  const task = new Task(system, {
    pid: 0,
    comm: 'kworker',
    credentials: ROOT,
    files: new FdTable(0, system.faults),
    memory: empty,
    fs: system.vfs.initialContext(),
    isTracked: false,
  });
  const file = yield* finish(system.vfs.open(task, 'cwd', path, O_RDONLY, 0));
  try {
    const { size } = file.inode;
    if (!file.inode.isType(S_IFREG) || size <= 0) throw new Errno('EINVAL', `${path} is no file with something in it`);
    const buffer = new KernelBuffer(size);
    const to = new UserBuffer(buffer, [{ address: 0, length: size }]);
    const at = { position: 0 };
    while (to.remaining > 0) {
      const done = yield* finish(file.ops.read?.(file, to, at, task) ?? 0);
      if (done === 0) throw new Errno('EIO', `${path} ended early`);
    }
    return buffer.bytes;
  } finally {
    file.put();
  }
}

/** /sys/module/firmware_class/parameters/path: where is looked first. */
function makeFirmwareClass(system: System): { path: string } {
  const parameter = { path: '' };
  system.vfs.claimFolder('/usr/lib/firmware', '/lib', '/usr/lib');
  const folder = system.deviceModel.modules.createDirectory('firmware_class');
  folder.createFile({ name: 'uevent', mode: 0o200, store: () => {} });
  folder.createDirectory('parameters').createFile({
    name: 'path',
    mode: 0o644,
    show: () => `${parameter.path}\n`,
    store(text) {
      // param_set_copystring: as it is, but for what kernel/params.c cuts.
      if (text.length > 255) throw new Errno('ENOSPC', 'the path is too long');
      parameter.path = text;
    },
  });
  return parameter;
}

/** Brings up /lib/firmware and /sys/module/firmware_class. Drivers that load firmware call it when they are added. */
export const firmwareClass = (system: System): { path: string } => system.single(makeFirmwareClass);

/**
 * request_firmware: reads a file of the first folder that has it.
 *
 * @param device for the log, as dev_printk begins a line
 * @returns the kernel's own copy
 * @throws Errno EINVAL for an empty name, one with a component `..`, and a file that is none or empty; ENAMETOOLONG; ENOENT
 */
export function* requestFirmware(system: System, name: string, device: string): Kernel<Uint8Array> {
  if (name === '') throw new Errno('EINVAL', 'firmware has a name');
  if (name.split('/').includes('..')) {
    system.log.print('warn', `${device}: Firmware load for '${name}' refused, path contains '..' component`);
    throw new Errno('EINVAL', `${name} leads upwards`);
  }
  system.kmalloc('struct firmware');
  // Like fw_get_filesystem_firmware, each path's error is forgotten for the next one's.
  let last = new Errno('ENOENT', `there is no firmware ${name}`);
  // A newline at the end is cut, for the sake of echo.
  for (const folder of [firmwareClass(system).path.replace(/\n$/, ''), ...PATHS]) {
    if (folder === '') continue;
    const path = `${folder}/${name}`;
    try {
      if (path.length >= PATH_MAX) throw new Errno('ENAMETOOLONG', path);
      return yield* readFile(system, path);
    } catch (error) {
      if (!isErrno(error)) throw error;
      last = error;
      if (error.code !== 'ENOENT') system.log.print('warn', `${device}: loading ${path} failed with error -${errno[error.code]}`);
      if (error.code === 'ENAMETOOLONG') break;
    }
  }
  system.log.print('warn', `${device}: Direct firmware load for ${name} failed with error -${errno[last.code]}`);
  throw last;
}
