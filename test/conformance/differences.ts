/** Lines of a probe whose answer is not, or not yet, the real kernel's. */
export interface Difference {
  /** Labels of the lines: what stands before the colon or bar. */
  readonly labels: RegExp;
  readonly why: string;
}

/** Served by a later step of the native door. */
const later = (what: string): string => `not compared yet: ${what}`;

/** By probe. A line that is listed here and answers as the kernel does fails the suite, so that the list stays true. */
export const differences: Readonly<Record<string, readonly Difference[]>> = {
  dmaheap: [
    {
      labels: /^alloc\.len(1T|2_63)$/,
      why: 'on purpose: a real kernel tries to allocate until it has to end a process; a machine has a limit and answers ENOMEM',
    },
    { labels: /^(buf|name|map|idle)\.fdinfo(_empty)?$/, why: later('/proc/self/fdinfo shows the real descriptor') },
    { labels: /^(name\.link_\w+|idle\.link)$/, why: later('readlink of /proc/self/fd shows the real descriptor') },
    { labels: /^buf\.(reopen|truncate_by_path)$/, why: later('opening /proc/self/fd/N again reaches the real descriptor') },
    { labels: /^buf\.(splice_in|sendfile_in|splice_out)$/, why: later('splice and sendfile reach the real descriptor') },
    { labels: /^poll\.epoll_(add|wait)$/, why: later('epoll sees the real descriptor') },
    {
      labels: /^map\.(msync|madvise_remove|madvise_dofork|mremap_grow|process_vm_readv)$/,
      why: later('calls on a mapping reach the real memory, which allows more than the mapping of a device'),
    },
  ],
};

/** Probes that need devices which are not simulated yet. */
export const notRunYet: Readonly<Record<string, string>> = {
  bufinfo: 'needs debugfs, /dev/udmabuf and /dev/dri/card0',
  cuse: 'asks about /dev/cuse itself',
  fencepoll: 'needs /dev/udmabuf and /dev/dri/card0',
  ffs: 'needs configfs and a USB device controller',
  ffsaio: 'needs configfs and a USB device controller',
  ffsmore: 'needs configfs and a USB device controller',
  generic: 'needs /dev/udmabuf',
  ioctls: 'needs /dev/udmabuf and /dev/dri/card0',
  limits: 'needs /dev/udmabuf and /dev/dri/card0',
  mapping: 'needs /dev/udmabuf and /dev/dri/card0',
  udmabuf: 'needs /dev/udmabuf',
  uevents: 'needs /sys and a netlink socket; test/kernel/uevents.test.ts compares the same in process',
  vgem: 'needs /dev/dri/card0',
};
