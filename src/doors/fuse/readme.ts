/** What the file README at the root of a mount says. @param folder where the machine is mounted */
export const readme = (folder: string) => `This is the file tree of a machine that ioctopus simulates.

Reading and writing work as on the device: cat, dd, head, tail -f, echo.

Device nodes show as regular files here, with the permissions of the nodes: Linux does not let such a mount have device nodes. So
ioctl(2), mmap(2) and poll(2) do not reach the drivers through these files. Programs reach the same machine natively, under /dev, if
they are started with the mount:

    ioctopus mount ${folder} -- COMMAND

COMMAND, which may be a shell, sees the nodes of this machine at /dev and its file tree at ${folder}; the mount ends with it.
`;
