/** Lines of a probe whose answer is not, or not yet, the real kernel's. */
export interface Difference {
  /** Labels of the lines: what stands before the colon or bar. */
  readonly labels: RegExp;
  readonly why: string;
}

/** By probe. A line that is listed here and answers as the kernel does fails the suite, so that the list stays true. */
export const differences: Readonly<Record<string, readonly Difference[]>> = {
  dmaheap: [
    {
      labels: /^alloc\.len(1T|2_63)$/,
      why: 'on purpose: a real kernel tries to allocate until it has to end a process; a machine has a limit and answers ENOMEM',
    },
  ],
  generic: [
    { labels: /^\w+\.udmabuf_(buffer|node)(\.\w+)?$/, why: 'needs /dev/udmabuf' },
    {
      labels: /^anon\.(eventfd|flock_eventfd|same_inode)$/,
      why: "an eventfd is the host's own, so it does not share the one inode of the anonymous files",
    },
  ],
  mapping: [
    { labels: /^(udmabuf|vgem)\./, why: 'needs /dev/udmabuf and /dev/dri/card0' },
    { labels: /^(heap|ro)\.(smaps_\w+|private_smaps|smaps)$/, why: '/proc/self/smaps tells of the real mapping' },
    { labels: /^heap\.faults$/, why: 'pages come when they are touched first; Linux maps all pages of a system buffer at once' },
  ],
  netlink: [],
  uevents: [],
};

/** Probes that need devices which are not simulated yet. */
export const notRunYet: Readonly<Record<string, string>> = {
  bufinfo: 'needs debugfs, /dev/udmabuf and /dev/dri/card0',
  cuse: 'asks about /dev/cuse itself',
  fencepoll: 'needs /dev/udmabuf and /dev/dri/card0',
  ffs: 'needs configfs and a USB device controller',
  ffsaio: 'needs configfs and a USB device controller',
  ffsmore: 'needs configfs and a USB device controller',
  ioctls: 'needs /dev/udmabuf and /dev/dri/card0',
  limits: 'needs /dev/udmabuf and /dev/dri/card0',
  udmabuf: 'needs /dev/udmabuf',
  vgem: 'needs /dev/dri/card0',
};
