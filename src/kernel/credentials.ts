/** Who a task acts as. Only the effective identity matters here; uid 0 has every capability. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

export const ROOT: Credentials = { uid: 0, gid: 0, groups: [] };

/** CAP_FOWNER, CAP_DAC_OVERRIDE and the like, all at once. */
export function isCapable(credentials: Credentials): boolean {
  return credentials.uid === 0;
}

export function inGroup(credentials: Credentials, gid: number): boolean {
  return credentials.gid === gid || credentials.groups.includes(gid);
}
