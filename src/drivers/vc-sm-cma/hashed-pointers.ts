import type { System } from '../../kernel/index.ts';

/** What %p prints: another number for each object, which says nothing of where it is. */
export class HashedPointers {
  readonly #numbers = new WeakMap<object, string>();
  readonly #random: ReturnType<System['random']>;

  constructor(system: System) {
    this.#random = system.random('hashed pointers of vcsm-cma');
  }

  print(object: object | undefined): string {
    if (object === undefined) return '0'.repeat(16);
    let known = this.#numbers.get(object);
    if (known === undefined) {
      known = this.#random.uint32().toString(16).padStart(16, '0');
      this.#numbers.set(object, known);
    }
    return known;
  }
}
