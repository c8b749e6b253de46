/** How a store came to a page that is the door to a device: by plain moves, or by an instruction that moves 64 bytes at once. */
export type PortalStoreKind = 'plain' | 'movdir64b' | 'enqcmd';

/** What a processor writes to such a page. */
export interface PortalStore {
  readonly kind: PortalStoreKind;
  /** Into the page, in bytes. */
  readonly offset: number;
  /** 64 of them, but for plain moves. */
  readonly bytes: Uint8Array;
}
