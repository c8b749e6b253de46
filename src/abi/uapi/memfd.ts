/** linux/memfd.h: flags of memfd_create(2). */
import { flagFormatter } from '../flags.ts';

export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
export const MFD_HUGETLB = 0x4;
/** Not executable, and never to become so. */
export const MFD_NOEXEC_SEAL = 0x8;
export const MFD_EXEC = 0x10;

export const formatMemfdFlags = flagFormatter({ bits: { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC } });
