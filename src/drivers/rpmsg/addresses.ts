import { RPMSG_ADDR_ANY } from '../../abi/uapi/index.ts';
import type { Findings } from '../../kernel/index.ts';
import type { Endpoint } from './endpoint.ts';

/** RPMSG_RESERVED_ADDRESSES: those below are for services that are known beforehand. */
const FIRST_DYNAMIC = 1024;
const INT_MAX = 0x7fffffff;

/** The local addresses of a remote processor's bus, as its idr has them. */
export class AddressTable {
  readonly #endpoints = new Map<number, Endpoint>();
  readonly #findings: Findings;
  /** No dynamic address below is free. */
  #lowest = FIRST_DYNAMIC;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  find(address: number): Endpoint | undefined {
    return this.#endpoints.get(address);
  }

  /**
   * idr_alloc.
   *
   * @param wanted RPMSG_ADDR_ANY for the lowest dynamic one that is free
   * @returns the address that can be had, or the errno as idr_alloc gives it: negative
   */
  choose(wanted: number): number {
    if (wanted === RPMSG_ADDR_ANY) {
      while (this.#endpoints.has(this.#lowest)) this.#lowest++;
      return this.#lowest;
    }
    if (wanted > INT_MAX) {
      this.#findings.report('rpmsg-address-too-large', `the address 0x${wanted.toString(16)} is negative for the table of addresses`);
      return -22;
    }
    return this.#endpoints.has(wanted) ? -28 : wanted;
  }

  add(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.address, endpoint);
  }

  remove({ address }: Endpoint): void {
    this.#endpoints.delete(address);
    if (address >= FIRST_DYNAMIC) this.#lowest = Math.min(this.#lowest, address);
  }
}
