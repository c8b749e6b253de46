import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY } from '../../abi/uapi/index.ts';
import { calls, FdTable, finish, type Kernel, ROOT, type System, Task } from '../../kernel/index.ts';
import { BufferMemory } from './buffer-memory.ts';

/** What the file README at the root of a mount says. @param command how a program reaches the same machine natively */
const readme = (command: string) => `This is the file tree of a machine that ioctopus simulates.

Reading and writing work as on the device: cat, dd, head, tail -f, echo.

Device nodes show as regular files here, with the permissions of the nodes: Linux does not let such a mount have device nodes. So
ioctl(2), mmap(2) and poll(2) do not reach the drivers through these files. Programs reach the same machine natively, under /dev, if
they are started so:

    ${command}

COMMAND may be a shell.
`;

function* put(task: Task, length: number): Kernel<void> {
  const fd = yield* calls.openat(task, AT_FDCWD, '/README', O_WRONLY | O_CREAT | O_TRUNC, 0o444);
  yield* finish(calls.write(task, fd, [{ address: 0, length }]));
  calls.close(task, fd);
}

/** Writes the file README into the machine's own tree. @param command how a program reaches the same machine natively */
export function putReadme(system: System, command: string): void {
  const bytes = new TextEncoder().encode(readme(command));
  const task = new Task(system, {
    pid: process.pid,
    comm: 'ioctopus',
    credentials: ROOT,
    files: new FdTable(1),
    memory: new BufferMemory(bytes),
    fs: { ...system.vfs.initialContext(), umask: 0 },
  });
  system.scheduler.start('the README', task, put(task, bytes.length));
}
