/** What stands behind a number that is taken: nothing, where the number is not to be given again. */
type Slot<T> = { thing: T | undefined };

/** Numbers for things, the lowest free one first, as `struct idr`. */
export class Idr<T> {
  readonly #first: number;
  readonly #slots: (Slot<T> | undefined)[] = [];
  /** No number below this one is free. */
  #lowest = 0;

  /** @param first the lowest number that is given */
  constructor(first = 1) {
    this.#first = first;
  }

  /** idr_alloc. */
  allocate(thing: T): number {
    let at = this.#lowest;
    while (this.#slots[at] !== undefined) at++;
    this.#slots[at] = { thing };
    this.#lowest = at + 1;
    return this.#first + at;
  }

  /** idr_find. */
  find(id: number): T | undefined {
    return this.#slots[id - this.#first]?.thing;
  }

  /** idr_replace with NULL: the number stays taken. @returns what was there */
  clear(id: number): T | undefined {
    const slot = this.#slots[id - this.#first];
    if (slot === undefined) return undefined;
    const { thing } = slot;
    slot.thing = undefined;
    return thing;
  }

  /** idr_remove: the number is free again. */
  remove(id: number): void {
    const at = id - this.#first;
    this.#slots[at] = undefined;
    this.#lowest = Math.min(this.#lowest, at);
  }

  /** What is there, by number. */
  *[Symbol.iterator](): Generator<[id: number, thing: T]> {
    for (const [at, slot] of this.#slots.entries()) if (slot?.thing !== undefined) yield [this.#first + at, slot.thing];
  }
}
