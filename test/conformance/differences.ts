/** Lines of a probe whose answer is not, or not yet, the real kernel's. */
export interface Difference {
  /** Labels of the lines: what stands before the colon or bar. */
  readonly labels: RegExp;
  readonly why: string;
  /** The host decides: here it may answer as the kernel does, and there otherwise. */
  readonly mayAgree?: true;
}

/** By probe. A line that is listed here and answers as the kernel does fails the suite, so that the list stays true. */
export const differences: Readonly<Record<string, readonly Difference[]>> = {
  aio: [{ labels: /^socket\.rw_flag_8$/, why: 'no file here knows to read without waiting (RWF_NOWAIT)' }],
  dmaheap: [
    {
      labels: /^alloc\.len(1T|2_63)$/,
      why: 'on purpose: a real kernel tries to allocate until it has to end a process; a machine has a limit and answers ENOMEM',
    },
  ],
  bufinfo: [],
  clientadbd: [],
  clientaio: [],
  clientiiod: [],
  clientmtp: [],
  clienttest: [],
  drm: [],
  fencepoll: [],
  ffs: [
    {
      labels: /^unbind\.host_poll$/,
      why: 'a device that is gone is POLLHUP first, and POLLERR too 50 ms later: a program that is held up for so long sees both',
      mayAgree: true,
    },
  ],
  ffsaio: [],
  ffsmisuse: [],
  ffsmore: [],
  generic: [
    {
      labels: /^anon\.(eventfd|flock_eventfd|same_inode)$/,
      why: "an eventfd is the host's own, so it does not share the one inode of the anonymous files",
    },
  ],
  mapping: [
    { labels: /^(heap|ro|udmabuf|vgem)\.(smaps_\w+|private_smaps|smaps)$/, why: '/proc/self/smaps tells of the real mapping' },
    {
      labels: /^vgem\.(third|swapped)$/,
      why: 'what is left above a hole in a mapping shows the first pages again, where it was not touched before; here it stays what it was',
    },
    {
      labels: /^(udmabuf|vgem)\.faults_after_populate$/,
      why: 'MAP_POPULATE works on the real mapping, as far as the host has memory; Linux maps their pages one by one',
      mayAgree: true,
    },
    { labels: /^heap\.faults$/, why: 'pages come when they are touched first; Linux maps all pages of a system buffer at once' },
  ],
  netlink: [],
  uevents: [],
  ioctls: [
    {
      labels: /^pinned\.write_through_buffer$/,
      why: "a program's mapping is one of its memory file, which F_SEAL_FUTURE_WRITE keeps the host's kernel from making writable",
    },
  ],
  limits: [
    {
      labels: /^(stranger|mode0644|mode0622|system_full)\./,
      why: "a process that becomes another user before its first call cannot reach the server's folder",
      mayAgree: true,
    },
  ],
  usbfs: [],
  udmabuf: [
    { labels: /^memfd\.punch_after$/, why: "the buffer's pages are the memory file's, so a hole shows in it; Linux keeps the old page" },
    { labels: /^fd\.(tmpfs|rootfs)_file$/, why: "the host's file, which is of tmpfs or not", mayAgree: true },
    { labels: /^huge\./, why: 'the host has huge pages or not', mayAgree: true },
  ],
  vgem: [],
};

/** Probes that wait, for so long that the machine's time should not be the host's. */
export const warped: readonly string[] = ['fencepoll', 'vgem'];

/** Probes that need devices which are not simulated yet. */
export const notRunYet: Readonly<Record<string, string>> = {
  cuse: 'asks about /dev/cuse itself',
};
